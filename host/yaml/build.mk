# YAML with positions, the model of an image and its diagnostics.
pith.srcs += $(addprefix host/yaml/,diag.c scalar.c parse.c schema.c fields.c model.c annotations.c jsonschema.c dump.c)
pith.deps += yaml
