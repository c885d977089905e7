# Starts dockerd in the machine.
guest-programs += docker-start
pkg/dockerd.sees :=
docker-start.srcs := $(wildcard pkg/dockerd/*.c)
docker-start.layers := base cli sys proto
test_docker_settings.srcs := pkg/dockerd/settings.c
fuzz_docker_settings.srcs := pkg/dockerd/settings.c
