guest-programs += hello
hello.srcs := pkg/hello/hello.c
hello.layers := base
