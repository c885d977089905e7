/* Opening what somebody else can write.
 *
 * A program with rights must not follow a name that a container, a guest, an image or another user may have changed a
 * moment ago: a link leads elsewhere, a fifo blocks the open, a device does something, a second hard link makes a file
 * appear under a harmless name. Everything here starts at a directory descriptor, resolves the path with openat2(2)
 * below it, never blocks, and looks at the result on the descriptor. Use these for every path whose last directory
 * somebody else can write; `make lint` refuses a bare open of such paths.
 *
 *   beneath  no component is a link, and the path cannot leave the directory (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
 *   in root  links are followed as a process with this root would follow them (RESOLVE_IN_ROOT)
 *
 * In neither are /proc's magic links followed. Linux 5.6 and later. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "buf.h"
#include "error.h"

#define BENEATH_ANY_OWNER ((uid_t)-1)
/* In a directory descriptor's place: our own root, with absolute paths. */
#define BENEATH_ROOT (-2)

/* What the opened file must be; what is not as wanted is refused (with the code in brackets) and closed. */
struct beneath_want {
	mode_t type;     /* S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK...; 0: any type [EISDIR, ENOTDIR, EINVAL] */
	uid_t owner;     /* BENEATH_ANY_OWNER, or the only uid that may own it [EPERM] */
	bool only_link;  /* it has no second hard link [EMLINK] */
	bool follow;     /* resolve in root, following links; the last component's too, unless O_NOFOLLOW is given */
	mode_t not_mode; /* permission bits that must not be set, such as 022 [EPERM] */
};

/* A regular file with one link that `owner` owns: the common case for files that are read back or appended to. */
struct beneath_want beneath_file(uid_t owner);

/* Opens path (relative, or absolute in root) from dirfd. O_CLOEXEC, O_NONBLOCK and O_NOCTTY are added;
 * O_TRUNC empties the file only after it was found to be as wanted. mode is for O_CREAT.
 * Returns the descriptor, or -1 with err->code: ELOOP for a link, EXDEV for a path that leaves the directory,
 * ENXIO for writing to a fifo that nobody reads. Messages name `path`. */
int beneath_open(int dirfd, const char *path, int flags, mode_t mode, const struct beneath_want *want,
		 struct error *err);

/* The same check for a descriptor that came from elsewhere. `name` is for the message. */
int beneath_check(int fd, const char *name, const struct beneath_want *want, struct error *err);

/* Makes the directory and its missing parents below dirfd; what is there must be directories. follow as above.
 * Returns an O_PATH descriptor of the last one. */
int beneath_mkdir(int dirfd, const char *path, mode_t mode, bool follow, struct error *err);

/* Appends a whole file's content; more than max bytes is EFBIG. */
int beneath_read(int dirfd, const char *path, size_t max, const struct beneath_want *want, struct buf *out,
		 struct error *err);

/* --- the machine's own paths ---
 *
 * For absolute paths that the machine's settings name (mount points, directories to make, namespaces to bind), of which
 * a container may write a part: below /var, /run, on a disk. A link on the way is followed where it lies on the root
 * file system, which nobody writes while the machine runs; anywhere else it is ELOOP. "/var/run" at the beginning is
 * /run, the one link that rc.init makes.
 *
 * mode: missing directories are made with it; 0: none are. */

/* An O_PATH descriptor of the directory. */
int beneath_machine_dir(const char *path, mode_t mode, struct error *err);

/* The same of what may be no directory. */
int beneath_machine_any(const char *path, struct error *err);

/* The directory that holds the path's last component, which goes into name (NAME_MAX + 1 bytes) and is not looked at;
 * empty for "/". */
int beneath_machine_parent(const char *path, mode_t mode, char *name, struct error *err);

/* The path by which mount(2) and others that take only names reach a descriptor: "/proc/self/fd/N". It is the caller's
 * own table: not for a path that another process uses. */
#define BENEATH_FD_PATH_MAX 32
const char *beneath_fd_path(char out[BENEATH_FD_PATH_MAX], int fd);

/* The address of a Unix socket below dirfd; want as for beneath_open(), its type is set here. Returns a descriptor that
 * the address leads through: the caller closes it after connect(2). Paths may be longer than an address. */
int beneath_socket(int dirfd, const char *path, struct beneath_want want, struct sockaddr_un *address,
		   struct error *err);
