# a Dockerfile to an image of the cache: read here, built by buildah, docker or buildctl
host/builder.sees := host/cache host/image host/oci host/progress host/ref host/stream
pith.srcs += $(wildcard host/builder/*.c)

dockerfile.srcs := $(addprefix host/builder/dockerfile,.c _lines.c _words.c)
test_dockerfile.srcs = $(dockerfile.srcs) host/oci/platform.c
test_dockerfile.iquote := host/oci
fuzz_dockerfile.srcs = $(test_dockerfile.srcs)
fuzz_dockerfile.iquote := host/oci
