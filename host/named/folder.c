#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "paths.h"
#include "state.h"
#include "str.h"

enum { NAME_LENGTH = 63, SETTINGS_MAX = 1 << 20 };

#define LOCK     "lock"
#define SETTINGS "settings.json"
#define WORK     ".work" /* beside the machines: those that come or go */

int folder_name_check(const char *name, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	if (n == 0 || n > NAME_LENGTH || strspn(name, letters) != n || strchr("-_.", name[0]))
		return error_set(err, 0,
				 "\"%s\" cannot be a machine's name: it has letters, digits, \"-\", \"_\" and \".\", "
				 "%d at most, and begins with a letter or digit",
				 name, NAME_LENGTH);
	return 0;
}

static char *folder_path(const char *name, struct error *err)
{
	_cleanup_free_ char *all = path_machines(err);
	char *path = all ? str_format("%s/%s", all, name) : NULL;

	if (all && !path)
		error_set(err, ENOMEM, "machine %s", name);
	return path;
}

/* --- the lock ----------------------------------------------------------------------------------------------------- */

static int lock_refuse(const char *name, int fd, struct error *err)
{
	char text[24] = "";
	uint64_t pid;

	if (io_pread(fd, text, sizeof(text) - 1, 0) < 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (str_to_u64(text, INT32_MAX, &pid) < 0)
		return error_set(err, EBUSY, "another command works on the machine %s", name);
	return error_say(err, EBUSY, "another command works on the machine %s: process %s; try again when it has ended",
			 name, text);
}

static int folder_missing(const char *name, struct error *err)
{
	_cleanup_strv_ char **names = folder_names(NULL);
	_cleanup_free_ char *list = names ? strv_join(names, ", ") : NULL;

	if (list && *list)
		return error_say(err, ENOENT, "no machine \"%s\"; there are: %s", name, list);
	return error_say(err, ENOENT, "no machine \"%s\": `pith machine create %s` makes it", name, name);
}

/* The descriptor that holds it. */
static int lock_take(const char *name, int dir, struct error *err)
{
	struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int fd = beneath_open(dir, LOCK, O_RDWR | O_CREAT, 0600, &want, err);
	struct stat st;
	char text[24];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (fd < 0)
		return error_wrap(err, "machine %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? lock_refuse(name, fd, err) : error_set(err, errno, "machine %s", name);
	/* Its last holder may have removed the machine. */
	if (fstat(fd, &st) == 0 && st.st_nlink == 0)
		return folder_missing(name, err);
	if (pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) < 0)
		return error_set(err, errno, "machine %s: %s", name, LOCK);
	return steal_fd(&fd);
}

/* --- one that is there -------------------------------------------------------------------------------------------- */

static int settings_load(const char *name, int dir, struct settings *out, struct error *err)
{
	struct beneath_want want = beneath_file(geteuid());
	_cleanup_buf_ struct buf text = { 0 };

	*out = (struct settings){ .cpus = 1, .memory = 1024 * SETTINGS_MIB };
	if (beneath_read(dir, SETTINGS, SETTINGS_MAX, &want, &text, err) < 0 ||
	    settings_parse(buf_text(&text), text.len, out, err) < 0)
		return error_wrap(err, "machine %s: %s", name, SETTINGS);
	return 0;
}

int folder_open(const char *name, bool locked, struct folder *out, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;
	_cleanup_close_ int dir = -1;

	if (folder_name_check(name, err) < 0)
		return -1;
	f.name = strdup(name);
	f.path = folder_path(name, err);
	f.state = f.path ? str_format("%s/state", f.path) : NULL;
	if (!f.name || !f.state)
		return error_set(err, ENOMEM, "machine %s", name);
	dir = open(f.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? folder_missing(name, err) : error_set(err, errno, "%s", f.path);
	if (locked && (f.lock = lock_take(name, dir, err)) < 0)
		return -1;
	if (settings_load(name, dir, &f.settings, err) < 0)
		return -1;
	*out = f;
	f = (struct folder)FOLDER_INIT;
	return 0;
}

void folder_close(struct folder *f)
{
	if (f->lock >= 0)
		close(f->lock);
	free(f->name);
	free(f->path);
	free(f->state);
	settings_clear(&f->settings);
	*f = (struct folder)FOLDER_INIT;
}

bool folder_runs(const struct folder *f, pid_t *pid, uint64_t *age)
{
	return state_owner(f->state, pid, age, NULL) == 0;
}

char **folder_names(struct error *err)
{
	_cleanup_free_ char *all = path_machines(err);
	_cleanup_strv_ char **found = NULL, **names = NULL;
	_cleanup_error_ struct error why = { 0 };

	if (!all)
		return NULL;
	found = dir_names(AT_FDCWD, all, false, &why);
	if (!found && why.code != ENOENT) {
		error_move(err, &why);
		return NULL;
	}
	names = calloc(1, sizeof(*names));
	for (char **name = found; names && name && *name; name++)
		if (folder_name_check(*name, NULL) == 0 && strv_add(&names, *name) < 0)
			strv_free(steal_ptr(&names));
	if (!names)
		error_set(err, ENOMEM, "machines");
	return steal_ptr(&names);
}

/* --- one that comes or goes --------------------------------------------------------------------------------------- */

int folder_settings_save(const char *path, const struct settings *s, struct error *err)
{
	_cleanup_free_ char *file = str_format("%s/%s", path, SETTINGS);
	_cleanup_buf_ struct buf text = { 0 };

	if (!file)
		return error_set(err, ENOMEM, "settings");
	return settings_write(s, &text, err) < 0 ? -1 : file_write(file, buf_bytes(&text), text.len, 0600, err);
}

static int folder_taken(const char *name, struct error *err)
{
	return error_say(
		err, EEXIST,
		"there is a machine %s already: `pith machine start %s` starts it, `pith machine rm %s` removes it",
		name, name, name);
}

int folder_begin(const char *name, struct temp_dir *dir, struct error *err)
{
	_cleanup_free_ char *work = NULL, *path = NULL;
	struct stat st;

	if (folder_name_check(name, err) < 0)
		return -1;
	path = folder_path(name, err);
	work = path ? folder_path(WORK, err) : NULL;
	if (!work || dir_make(work, 0700, err) < 0)
		return -1;
	if (lstat(path, &st) == 0)
		return folder_taken(name, err);
	return temp_dir_make(dir, work, err);
}

int folder_finish(const char *name, struct temp_dir *dir, struct error *err)
{
	_cleanup_free_ char *path = folder_path(name, err);

	if (!path)
		return -1;
	/* A machine's folder is never empty, and only an empty one is replaced. RENAME_NOREPLACE is not everywhere: NFS
	 * has none. */
	if (rename(dir->path, path) < 0)
		return errno == EEXIST || errno == ENOTEMPTY ? folder_taken(name, err)
							     : error_set(err, errno, "%s", path);
	return 0;
}

int folder_remove(struct folder *f, struct error *err)
{
	_cleanup_free_ char *work = folder_path(WORK, err), *gone = NULL;
	/* what is left of it goes, too, where this process is ended before all is removed */
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;

	if (!work || dir_make(work, 0700, err) < 0 || temp_dir_make(&dir, work, err) < 0)
		return -1;
	gone = str_format("%s/%s", dir.path, f->name);
	if (!gone)
		return error_set(err, ENOMEM, "machine %s", f->name);
	if (rename(f->path, gone) < 0)
		return error_set(err, errno, "%s", f->path);
	return dir_remove(gone, err);
}
