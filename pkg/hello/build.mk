guest-programs += hello
pkg/hello.sees :=
hello.srcs := pkg/hello/hello.c
hello.layers := base
