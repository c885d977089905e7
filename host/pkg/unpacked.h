/* Files of an unpacked package. Its links are the package's own: an absolute one, or one with "..", means a file of the
 * package, never one of this machine. */
#pragma once

/* The path on the host of the regular file that `path` of the package below `root` stands for, links followed inside
 * the package. Caller frees; NULL: the package has none. */
char *unpacked_find(const char *root, const char *path);
