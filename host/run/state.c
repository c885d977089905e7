#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "io.h"
#include "str.h"

/* Whose machine it is that holds the lock; the pid file may be missing or stale for a moment. */
static int taken(const struct state *s, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/pith.pid", s->dir);
	_cleanup_free_ char *pid = path ? file_line(path, NULL) : NULL;

	if (pid)
		return error_set(err, 0,
				 "a machine runs from %s (process %s): stop it (kill %s) or use another --state",
				 s->dir, pid, pid);
	return error_set(err, 0, "a machine runs from %s: stop it or use another --state", s->dir);
}

int state_open(struct state *s, const char *dir, struct error *err)
{
	struct stat st;

	s->dir = strdup(dir);
	if (!s->dir)
		return error_set(err, ENOMEM, "state directory");
	s->made = stat(dir, &st) < 0 && errno == ENOENT;
	if (dir_make(dir, 0755, err) < 0) {
		s->made = false;
		return error_wrap(err, "state directory");
	}
	/* The lock is on the directory itself: no file of its own, and nothing stale after a crash. */
	s->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return error_set(err, errno, "state directory %s", dir);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	s->made = false; /* it is the other's */
	return errno == EWOULDBLOCK ? taken(s, err) : error_set(err, errno, "lock %s", dir);
}

char *state_path(const struct state *s, const char *name, struct error *err)
{
	char *path = str_format("%s/%s", s->dir, name);

	if (!path)
		error_set(err, ENOMEM, "state directory");
	return path;
}

int state_made(struct state *s, const char *path, struct error *err)
{
	return strv_add(&s->made_files, path) < 0 ? error_set(err, ENOMEM, "state directory") : 0;
}

static bool mac_valid(const char *mac)
{
	unsigned b[6];
	int end = 0;

	return sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) == 6 &&
		end == 17 && !mac[end];
}

char *state_mac(struct state *s, struct error *err)
{
	_cleanup_free_ char *path = state_path(s, "mac-addr", err), *mac = NULL;
	unsigned char b[6];

	if (!path)
		return NULL;
	mac = file_line(path, NULL);
	if (mac && mac_valid(mac))
		return steal_ptr(&mac);
	if (mac) {
		error_set(err, 0, "%s: \"%s\" is not a MAC address: remove the file to get a new one", path, mac);
		return NULL;
	}
	if (getrandom(b, sizeof(b), 0) != sizeof(b)) {
		error_set(err, errno, "getrandom");
		return NULL;
	}
	b[0] = (unsigned char)((b[0] & 0xfc) | 2); /* unicast, locally administered */
	mac = str_format("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	if (!mac) {
		error_set(err, ENOMEM, "MAC address");
		return NULL;
	}
	if (state_made(s, path, err) < 0 || file_write(path, mac, strlen(mac), 0644, err) < 0)
		return NULL;
	return steal_ptr(&mac);
}

void state_undo(struct state *s)
{
	size_t i;

	for (i = 0; s->made_files && s->made_files[i]; i++)
		unlink(s->made_files[i]);
	/* Fails, rightly, when something else is in it. */
	if (s->made)
		rmdir(s->dir);
}

void state_close(struct state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	strv_free(s->made_files);
	free(s->dir);
	*s = (struct state)STATE_INIT;
}
