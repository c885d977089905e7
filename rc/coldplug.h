/* Drivers by device alias, for rc.init and the hotplug daemon. */
#pragma once

#include "error.h"
#include "module.h"

/* Loads the modules for every device of /sys/bus. */
void coldplug_devices(struct modules *m);

/* Loads the modules for the devices that were added according to the waiting messages of a uevent_open() socket.
 * -1: err->code ENOBUFS when messages were lost: look at all devices again. */
int coldplug_events(struct modules *m, int fd, struct error *err);
