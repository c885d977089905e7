pith.srcs += $(wildcard host/run/*.c)
pith.deps += jansson crypto
