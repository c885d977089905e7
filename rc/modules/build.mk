# kernel modules: depmod's tables, modprobe.d, the kernel's announcements of devices
rc/modules.sees :=
modules.srcs := $(addprefix rc/modules/,module.c modindex.c modconf.c uevent.c)
rc.srcs += $(modules.srcs)
test_module.srcs := $(modules.srcs)
test_events.srcs := rc/modules/uevent.c
fuzz_modconf.srcs := rc/modules/modconf.c
fuzz_modindex.srcs := rc/modules/modindex.c
fuzz_uevent.srcs := rc/modules/uevent.c
