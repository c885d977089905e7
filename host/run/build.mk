pith.srcs += $(wildcard host/run/*.c)
pith.deps += jansson archive crypto
