# YAML with positions, the model of an image and its diagnostics
host/yaml.sees := host/ref
yaml.srcs := $(addprefix host/yaml/,diag.c scalar.c parse.c schema.c fields.c model.c annotations.c jsonschema.c dump.c)
pith.srcs += $(yaml.srcs)
pith.deps += yaml
# what unit tests and fuzz targets link: the model, and the bundles made from it, without any input or output
model.srcs := $(yaml.srcs) host/ref/ref.c $(addprefix host/assemble/,spec.c mounts.c runtime.c capabilities.c)
model.deps := yaml jansson m
test_yaml.srcs := $(model.srcs)
test_yaml.deps := $(model.deps)
test_yaml.iquote := host/stream host/oci
test_spec.srcs := $(model.srcs)
test_spec.deps := $(model.deps)
test_spec.iquote := host/stream host/oci
fuzz_yaml.srcs := $(model.srcs)
fuzz_yaml.deps := $(model.deps)
fuzz_yaml.iquote := host/stream host/oci
