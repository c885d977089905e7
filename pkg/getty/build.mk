guest-programs += getty
getty.srcs := pkg/getty/getty.c
getty.layers := base sys
