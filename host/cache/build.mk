# the image cache: references, OCI documents, the store, what goes into it and out of it
cache.srcs := $(addprefix host/cache/,ref.c image_json.c store.c names.c reach.c image.c image_write.c import.c export.c skopeo.c)
pith.srcs += $(cache.srcs) host/cache/command.c
pith.deps += jansson

test_ref.srcs := host/cache/ref.c
fuzz_ref.srcs := host/cache/ref.c
test_image_json.srcs := host/cache/image_json.c host/cache/ref.c
test_image_json.deps := jansson
fuzz_image_json.srcs := host/cache/image_json.c host/cache/ref.c
fuzz_image_json.deps := jansson
fuzz_text.srcs = host/cache/image_json.c host/cache/ref.c $(vsock-device)
fuzz_text.deps := jansson
