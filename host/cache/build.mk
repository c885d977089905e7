# the image cache: references, OCI documents, the store
cache.srcs := $(addprefix host/cache/,ref.c oci.c store.c names.c reach.c image.c image_write.c \
	import.c export.c skopeo.c command.c)
pith.srcs += $(cache.srcs)
pith.deps += jansson
