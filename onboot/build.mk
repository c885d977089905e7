# Part of the guest's `service` program: services/build.mk.
onboot.srcs := onboot/onboot.c onboot/output.c onboot/prepare.c onboot/rtnetlink.c onboot/runlog.c onboot/runorder.c onboot/upper.c onboot/volumes.c
onboot.sees := services/log
