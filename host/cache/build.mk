# the image cache: references, OCI documents, the store, what goes into it and out of it
host/cache.sees := host/command host/progress host/stream host/tree host/tree/archive host/ref
cache.srcs := $(addprefix host/cache/,image_json.c store.c lock.c names.c reach.c image.c image_write.c import.c export.c skopeo.c)
pith.srcs += $(cache.srcs) host/cache/command.c
pith.deps += jansson

test_image_json.srcs := host/cache/image_json.c host/ref/ref.c
test_image_json.deps := jansson
fuzz_image_json.srcs := host/cache/image_json.c host/ref/ref.c
fuzz_image_json.deps := jansson
fuzz_text.srcs = host/cache/image_json.c host/ref/ref.c $(vsock-device)
fuzz_text.deps := jansson
