/* The commands of `pith`. Each gets its own name as argv[0] and its arguments after it, prints its own errors and
 * returns the exit status: 0, 1 for a failure, 2 for a command line that makes no sense. */
#pragma once

int cmd_build(int argc, char **argv);
int cmd_cache(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_metadata(int argc, char **argv);
int cmd_pkg(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_vsock(int argc, char **argv);
