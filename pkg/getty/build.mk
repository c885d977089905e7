guest-programs += getty
pkg/getty.sees :=
getty.srcs := pkg/getty/getty.c
getty.layers := base sys
