# what the documents of images say: platforms, descriptors, indexes, manifests, configurations
host/oci.sees := host/ref
oci.srcs := $(wildcard host/oci/*.c)
pith.srcs += $(oci.srcs)
pith.deps += jansson

test_image_json.srcs := $(oci.srcs) host/ref/ref.c
test_image_json.deps := jansson
fuzz_image_json.srcs := $(oci.srcs) host/ref/ref.c
fuzz_image_json.deps := jansson
fuzz_text.srcs = $(oci.srcs) host/ref/ref.c host/vsock/lines.c
fuzz_text.iquote := host/vsock/virtio
fuzz_text.deps := jansson
