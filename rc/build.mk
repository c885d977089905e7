# rc.init, rc.shutdown and their relatives: one program, which looks at the name it is called by.
rc.sees := rc/modules
guest-programs += rc
rc.srcs := $(wildcard rc/*.c)
rc.layers := base sys
test_procs.srcs := rc/procs.c

include rc/modules/build.mk
