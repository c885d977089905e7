pith.srcs += $(wildcard host/guest/*.c)
