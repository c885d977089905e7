/* sysctl: writes the settings of /etc/sysctl.d/ into /proc/sys, files in the order of their names. What cannot be set
 * is said and passed over: kernels differ in what they have. Options as LinuxKit's: -configDir DIR, -sysctlDir DIR. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "sysctl.h"

static const char usage[] = "usage: sysctl [-configDir DIR] [-sysctlDir DIR]\n";

/* A file of settings is a few kilobytes, a value of the kernel's less than one. */
#define FILE_MAX_BYTES (1u << 20)
#define TEXT_MAX       4096

static int sysctl_set(int sys, const char *path, const char *value, struct error *err)
{
	_cleanup_close_ int fd = openat(sys, path, O_WRONLY | O_CLOEXEC);

	/* The kernel takes a value in one write. */
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return error_set(err, errno, "%s = %s", path, value);
	return 0;
}

static void line_apply(int sys, const char *file, const char *line, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	char path[512], value[TEXT_MAX];
	int optional, r = sysctl_parse(line, n, path, sizeof(path), value, sizeof(value), &optional, &err);

	if (r > 0)
		r = sysctl_set(sys, path, value, &err);
	if (r < 0 && !optional)
		log_warn("%s: %s", file, error_text(&err));
}

/* A fifo would hold up the boot for good. */
static int file_open(int dir, const char *name, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", name);
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : error_set(err, 0, "%s: this is no file", name);
}

static int file_apply(int sys, int dir, const char *name, struct error *err)
{
	_cleanup_close_ int fd = file_open(dir, name, err);
	_cleanup_buf_ struct buf text = { 0 };
	const char *p, *end;

	if (fd < 0 || file_read_fd(fd, name, FILE_MAX_BYTES, &text, err) < 0)
		return -1;
	for (p = buf_text(&text), end = p + text.len; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;

		line_apply(sys, name, p, (size_t)(stop - p));
		p = stop + 1;
	}
	return 0;
}

static int sysctl_run(const char *config, const char *sysctls, struct error *err)
{
	_cleanup_close_ int dir = open(config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int sys = open(sysctls, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_strv_ char **names = NULL;
	size_t i;

	if (dir < 0)
		return error_set(err, errno, "%s", config);
	if (sys < 0)
		return error_set(err, errno, "%s", sysctls);
	names = dir_names(AT_FDCWD, config, false, err);
	for (i = 0; names && names[i]; i++)
		if (file_apply(sys, dir, names[i], err) < 0)
			return -1;
	return names ? 0 : -1;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "configDir", required_argument, NULL, 'c' },
		{ "sysctlDir", required_argument, NULL, 's' },
		{ 0 },
	};
	const char *config = "/etc/sysctl.d", *sysctls = "/proc/sys";
	_cleanup_error_ struct error err = { 0 };
	int c;

	io_fill_standard();
	log_setup("sysctl", LOG_LEVEL_INFO, false);
	while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 's')
			sysctls = optarg;
		else
			return fputs(usage, stderr), 2;
	}
	if (optind < argc)
		return fputs(usage, stderr), 2;
	if (sysctl_run(config, sysctls, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
