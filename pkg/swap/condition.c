#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "mountinfo.h"
#include "str.h"
#include "swap.h"

int swap_size_parse(const char *text, uint64_t *out)
{
	return str_to_size(text, 1, out) < 0 || *out == 0 ? -1 : 0;
}

int condition_parse(const char *text, struct condition *out, struct error *err)
{
	_cleanup_strv_ char **words = strv_split(text, ":");
	size_t n = words ? strv_len(words) : 0, wants;

	*out = (struct condition){ 0 };
	if (n == 0 || !(str_eq(words[0], "part") || str_eq(words[0], "partsize")))
		return error_set(err, 0,
				 "--condition %s: part:PATH or partsize:PATH:SIZE is wanted, each perhaps with "
				 ":true behind it",
				 text);
	wants = str_eq(words[0], "part") ? 2 : 3;
	if (n < wants || n > wants + 1 || words[1][0] != '/' || strlen(words[1]) >= sizeof(out->path))
		return error_set(err, 0, "--condition %s: %s is wanted, perhaps with :true behind it", text,
				 wants == 2 ? "part:PATH" : "partsize:PATH:SIZE");
	strcpy(out->path, words[1]);
	if (wants == 3 && swap_size_parse(words[2], &out->size) < 0)
		return error_set(err, 0, "--condition %s: %s: a size such as 512M or 4G is wanted", text, words[2]);
	out->required = n > wants && str_eq(words[wants], "true");
	return 0;
}

static int path_is_mounted(const char *path, struct error *err)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0, n = strlen(path);
	struct mountinfo m;

	if (!f)
		return error_set(err, errno, "/proc/self/mountinfo");
	while (n > 1 && path[n - 1] == '/')
		n--;
	while (getline(&line, &room, f) > 0)
		if (mountinfo_parse(line, &m) == 0 && strlen(m.target) == n && strncmp(m.target, path, n) == 0)
			return 1;
	return 0;
}

int condition_met(const struct condition *c, struct error *err)
{
	struct statvfs st;

	if (c->size == 0)
		return path_is_mounted(c->path, err);
	if (statvfs(c->path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", c->path);
	return (uint64_t)st.f_blocks * st.f_frsize >= c->size;
}
