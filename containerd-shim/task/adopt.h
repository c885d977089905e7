/* What the runtime has made becomes the shim's: its process is watched, its control groups are found. */
#pragma once

#include "error.h"

struct container;
struct process;

/* After the runtime has made a process: takes its number from the file, and watches it. The file of an added process is
 * removed, that of the first one stays for the `delete` command. */
int process_adopt(struct process *p, const char *pid_file, struct error *err);
/* Finds the container's control groups, by its first process, and watches them for lack of memory. */
void container_join_cgroups(struct container *c);
