# YAML with positions, the model of an image and its diagnostics
host/yaml.sees := host/ref
yaml.srcs := $(wildcard host/yaml/*.c)
pith.srcs += $(yaml.srcs)
pith.deps += yaml
