/* Waiting for a machine that boots. */
#pragma once

#include "error.h"

/* The guest's program that knows its services. */
#define WAIT_SERVICE "/usr/bin/service"

/* Until the machine's agent answers: from then on commands run in it. -1: it has not for five minutes, or the machine
 * has ended. */
int wait_for_agent(const char *dir, struct error *err);
/* Until every service is ready, or has ended well. The exit status: what is wrong was written to standard error; -1
 * with err. */
int wait_for_services(const char *dir, struct error *err);
/* As long as the machine is young: until the service has a process. What goes wrong is left to what follows. */
void wait_for_process(const char *dir, const char *service);

/* Tells the guest's `service` command how long it may wait for the supervisor: appends to the environment. -1 without
 * memory. */
int wait_setting(const char *dir, char ***env);
