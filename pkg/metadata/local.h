/* The sources of the machine itself: what its host has for it, its disks, files. Each returns 1: found, what it says is
 * in out; 0: it is not there; -1: it is there and cannot be read. */
#pragma once

#include "net.h"

/* VMware's guestinfo: userdata, metadata, vendordata. */
int local_vmware(struct findings *out, net_say_fn *say, struct error *err);

/* QEMU's -fw_cfg name=opt/org.pith/userdata,file=PATH. */
int local_fw_cfg(struct findings *out, struct error *err);

/* A serial number of the machine that names a NoCloud seed, "ds=nocloud;s=URL;h=HOSTNAME;i=INSTANCE": its user-data and
 * meta-data are fetched over HTTP, or read from a folder (file://PATH). */
int local_nocloud(struct loop *loop, struct findings *out, net_say_fn *say, struct error *err);

/* The file user-data, else config, of a device or image, and its meta-data. */
int local_disk(const char *path, struct findings *out, net_say_fn *say, struct error *err);
/* Devices to ask so, as LinuxKit chooses them: those whose file system is labelled cidata, then CD drives. NULL without
 * memory; the caller frees them (strv_free). */
char **local_disks(void);

/* The whole file as userdata. */
int local_file(const char *path, struct findings *out, struct error *err);

/* A NoCloud source's meta-data; one that is no YAML is said, and is no reason to give the userdata up. */
void metadata_take(const struct buf *text, struct findings *out, net_say_fn *say);
