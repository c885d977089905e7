# YAML with positions, the model of an image and its diagnostics
host/yaml.sees := host/command host/ref
yaml.srcs := $(filter-out %/yaml_manual.c,$(wildcard host/yaml/*.c))
pith.srcs += $(yaml.srcs) host/yaml/yaml_manual.c
pith.deps += yaml
