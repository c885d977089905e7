# the store: blobs, the names that lead to them, what a name reaches
host/cache.sees := host/oci host/ref host/stream
cache.srcs := $(wildcard host/cache/*.c)
pith.srcs += $(cache.srcs)
pith.deps += jansson
