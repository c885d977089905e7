/* The commands of `pith`. Each gets its own name as argv[0] and its arguments after it, prints its own errors and
 * returns the exit status: 0, 1 for a failure, 2 for a command line that makes no sense. */
#pragma once

int cmd_build(int argc, char **argv);
int cmd_cache(int argc, char **argv);
int cmd_exec(int argc, char **argv);
/* logs, ps, restart, start, stop, top: its name says which */
int cmd_manage(int argc, char **argv);
int cmd_metadata(int argc, char **argv);
int cmd_pkg(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_vsock(int argc, char **argv);
