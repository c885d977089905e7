# images of disks to clouds, by the clouds' own tools: `pith push`
host/cloud.sees := host/command
cloud.srcs := $(wildcard host/cloud/*.c)
pith.srcs += $(cloud.srcs)

