# the bundle of a container: config.json and runtime.json, made from the model and the image's own configuration
host/assemble/spec.sees := host/oci host/yaml
spec.srcs := $(wildcard host/assemble/spec/*.c)
pith.srcs += $(spec.srcs)

test_image_user.srcs := host/assemble/spec/user.c
fuzz_image_user.srcs := host/assemble/spec/user.c
# what unit tests and fuzz targets of the model link: no input or output. Recursive: host/yaml is a later fragment.
model.srcs = $(yaml.srcs) host/ref/ref.c $(spec.srcs)
model.deps := yaml jansson m
$(foreach t,test_yaml test_spec fuzz_yaml,$(eval $(t).srcs = $$(model.srcs))$(eval $(t).deps := $(model.deps))$(eval $(t).iquote := host/stream host/oci))
