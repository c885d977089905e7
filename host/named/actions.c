#include "actions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "io.h"
#include "log.h"
#include "paths.h"
#include "state.h"
#include "str.h"

enum { YAML_MAX = 4 << 20, BUILD_SECONDS = 3600 };

/* --- coming into being -------------------------------------------------------------------------------------------- */

static int template_refuse(const char *template, const char *dir, struct error *err)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, dir, false, NULL);
	_cleanup_free_ char *list = NULL;

	for (char **n = names; n && *n; n++)
		if (str_ends(*n, ".yml"))
			(*n)[strlen(*n) - strlen(".yml")] = '\0';
	list = names ? strv_join(names, ", ") : NULL;
	if (list && *list)
		return error_set(err, 0,
				 "--template %s: there is no such template; there are: %s; a file's name has "
				 "a slash, or ends in .yml",
				 template, list);
	return error_set(err, 0,
			 "--template %s: there are no templates in %s; a file's name has a slash, or ends in .yml",
			 template, dir);
}

char *template_find(const char *template, struct error *err)
{
	_cleanup_free_ char *dir = NULL, *path = NULL;

	if (strchr(template, '/') || str_ends(template, ".yml") || str_ends(template, ".yaml")) {
		path = strdup(template);
		if (!path)
			error_set(err, ENOMEM, "--template");
		return steal_ptr(&path);
	}
	dir = path_shared("templates", err);
	path = dir ? str_format("%s/%s.yml", dir, template) : NULL;
	if (!dir)
		return NULL;
	if (!path)
		error_set(err, ENOMEM, "--template");
	else if (access(path, F_OK) == 0)
		return steal_ptr(&path);
	else
		template_refuse(template, dir, err);
	return NULL;
}

static int yaml_copy(const char *yaml, const char *dir, struct error *err)
{
	_cleanup_free_ char *copy = str_format("%s/machine.yml", dir);
	_cleanup_buf_ struct buf text = { 0 };

	if (!copy)
		return error_set(err, ENOMEM, "%s", yaml);
	return file_read(yaml, YAML_MAX, &text, err) < 0 ? -1 : file_write(copy, buf_bytes(&text), text.len, 0600, err);
}

/* 0; -1 where the child has said why not, or could not. */
static int child_do(char *const *words, unsigned seconds, struct error *err)
{
	return child_run(words, seconds, err) == 0 ? 0 : -1;
}

int named_create(const char *name, const char *yaml, const struct settings *s, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	const char *words[] = { "build", "--quiet", "--dir", NULL, "--name", "image", yaml, NULL };

	if (folder_begin(name, &dir, err) < 0 || yaml_copy(yaml, dir.path, err) < 0 ||
	    folder_settings_save(dir.path, s, err) < 0)
		return -1;
	words[3] = dir.path;
	return child_do((char *const *)words, BUILD_SECONDS, err) < 0 ? -1 : folder_finish(name, &dir, err);
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static char **start_words(const struct folder *f)
{
	const struct settings *s = &f->settings;
	_cleanup_strv_ char **w = NULL;
	int r = strv_add(&w, "run");

	r |= strv_add(&w, "--detached") | strv_add(&w, "--wait=ready");
	r |= strv_addf(&w, "--state=%s", f->state) | strv_addf(&w, "--cpus=%llu", (unsigned long long)s->cpus);
	r |= strv_addf(&w, "--mem=%lluM", (unsigned long long)(s->memory / SETTINGS_MIB));
	if (s->disk)
		r |= strv_addf(&w, "--disk=size=%lluM", (unsigned long long)(s->disk / SETTINGS_MIB));
	if (s->networking)
		r |= strv_addf(&w, "--networking=%s", s->networking);
	for (char **p = s->publish; p && *p; p++)
		r |= strv_addf(&w, "--publish=%s", *p);
	for (char **o = s->options; o && *o; o++)
		r |= strv_add(&w, *o);
	r |= strv_addf(&w, "%s/image", f->path);
	return r ? NULL : steal_ptr(&w);
}

int named_start(const struct folder *f, struct error *err)
{
	_cleanup_strv_ char **words = NULL;
	uint64_t age;
	pid_t pid;

	if (folder_runs(f, &pid, &age)) {
		log_info("the machine %s runs already", f->name);
		return 0;
	}
	words = start_words(f);
	if (!words)
		return error_set(err, ENOMEM, "machine %s", f->name);
	if (child_do(words, START_SECONDS, err) == 0)
		return 0;
	if (err && err->code == ETIMEDOUT)
		return error_set(
			err, 0,
			"the machine %s is not ready after %d minutes: `pith machine info %s` and %s/console.log "
			"tell more",
			f->name, START_SECONDS / 60, f->name, f->state);
	return -1;
}

int named_stop(const struct folder *f, bool now, struct error *err)
{
	const char *words[] = { "stop", now ? "--now" : f->state, now ? f->state : NULL, NULL };
	uint64_t age;
	pid_t pid;

	if (!folder_runs(f, &pid, &age)) {
		log_info("the machine %s does not run", f->name);
		return 0;
	}
	if (child_do((char *const *)words, STOP_SECONDS, err) == 0)
		return 0;
	if (err && err->code == ETIMEDOUT)
		return error_set(err, 0,
				 "the machine %s has not ended after %d s: `pith machine stop --now %s` pulls the plug",
				 f->name, STOP_SECONDS, f->name);
	return -1;
}

/* --- docker ------------------------------------------------------------------------------------------------------- */

char *docker_socket(const struct folder *f)
{
	return str_format("%s/guest.00000948", f->state);
}

static bool docker_there(void)
{
	_cleanup_strv_ char **dirs = strv_split(getenv("PATH") ? getenv("PATH") : "", ":");

	for (char **d = dirs; d && *d; d++) {
		_cleanup_free_ char *path = str_format("%s/docker", *d);

		if (path && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* 0, or -1 with what docker said. */
static int docker_context(const struct folder *f, const char *const *words, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_buf_ struct buf said = { 0 };
	int r = strv_add(&argv, "docker") | strv_add(&argv, "context");

	for (; *words; words++)
		r |= strv_add(&argv, *words);
	r = r ? error_set(err, ENOMEM, "docker") : child_ask(argv, 4 * ASK_SECONDS, 4096, &said, err);
	if (r > 0)
		error_set(err, 0, "docker context of the machine %s: %.*s", f->name,
			  (int)strcspn(buf_text(&said), "\n"), buf_text(&said));
	return r == 0 ? 0 : -1;
}

int docker_context_make(const struct folder *f, bool *made, struct error *err)
{
	_cleanup_free_ char *name = str_format("pith-%s", f->name), *socket = docker_socket(f),
			    *host = socket ? str_format("host=unix://%s", socket) : NULL;
	const char *words[] = { "create", name, "--docker", host, NULL };

	*made = false;
	if (!docker_there())
		return 0;
	if (!name || !host)
		return error_set(err, ENOMEM, "docker context");
	if (docker_context(f, words, err) < 0)
		return -1;
	*made = true;
	return 0;
}

/* A machine that cannot be removed for want of docker would be worse than a context of nothing. */
static void docker_context_remove(const struct folder *f)
{
	_cleanup_free_ char *name = str_format("pith-%s", f->name);
	_cleanup_error_ struct error why = { 0 };
	const char *words[] = { "rm", "-f", name, NULL };

	if (f->settings.context && name && docker_there() && docker_context(f, words, &why) < 0)
		log_warn("%s", error_text(&why));
}

/* --- at login ----------------------------------------------------------------------------------------------------- */

static char *unit_name(const struct folder *f)
{
	return str_format("pith-machine-%s.service", f->name);
}

static char *unit_path(const struct folder *f, struct error *err)
{
	_cleanup_free_ char *unit = unit_name(f), *dir = path_config("systemd/user", err);
	char *path;

	if (!dir)
		return NULL;
	path = unit ? str_format("%s/%s", dir, unit) : NULL;
	if (!path)
		error_set(err, ENOMEM, "unit");
	return path;
}

/* A quoted word of a unit. doubled: what systemd would replace: % everywhere, $ in ExecStart= and ExecStop=. */
static int unit_word(struct buf *out, const char *word, const char *doubled)
{
	int r = buf_addstr(out, "\"");

	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			r |= buf_addstr(out, "\\");
		else if (strchr(doubled, *word))
			r |= buf_add(out, word, 1);
		r |= buf_add(out, word, 1);
	}
	return r | buf_addstr(out, "\"");
}

/* Where this user's machines are, where another place than systemd would say: it does not read the shell's files. */
static int unit_environment(struct buf *out)
{
	const char *data = getenv("XDG_DATA_HOME");
	_cleanup_free_ char *variable = data ? str_format("XDG_DATA_HOME=%s", data) : NULL;

	if (!data || data[0] != '/')
		return 0;
	return !variable || buf_addstr(out, "Environment=") | unit_word(out, variable, "%") | buf_addstr(out, "\n");
}

static int unit_write(const struct folder *f, const char *path, struct error *err)
{
	_cleanup_free_ char *program = child_program(err), *dir = path_config("systemd/user", err);
	_cleanup_buf_ struct buf text = { 0 };
	int r;

	if (!program || !dir || dir_make(dir, 0755, err) < 0)
		return -1;
	r = buf_addf(&text,
		     "[Unit]\nDescription=the machine %s of pith\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
		     "TimeoutStartSec=%d\nTimeoutStopSec=%d\n",
		     f->name, START_SECONDS + 10, STOP_SECONDS + 10);
	r |= unit_environment(&text) | buf_addstr(&text, "ExecStart=") | unit_word(&text, program, "%$");
	r |= buf_addf(&text, " machine start %s\nExecStop=", f->name) | unit_word(&text, program, "%$");
	r |= buf_addf(&text, " machine stop %s\n\n[Install]\nWantedBy=default.target\n", f->name);
	return r ? error_set(err, ENOMEM, "unit") : file_write(path, buf_bytes(&text), text.len, 0644, err);
}

static int systemctl_run(const char *verb, const char *unit, struct error *err)
{
	const char *argv[] = { "systemctl", "--user", verb, unit, NULL };
	_cleanup_buf_ struct buf said = { 0 };
	int r = child_ask((char *const *)argv, 4 * ASK_SECONDS, 4096, &said, err);

	if (r > 0)
		return error_set(err, 0, "systemctl --user %s: %.*s", verb, (int)strcspn(buf_text(&said), "\n"),
				 buf_text(&said));
	return r < 0 ? error_wrap(err, "a machine that starts at login needs systemd") : 0;
}

int named_login(const struct folder *f, bool on, struct error *err)
{
	_cleanup_free_ char *path = unit_path(f, err), *unit = unit_name(f);

	if (!path || !unit)
		return -1;
	if (!on) {
		int r = access(path, F_OK) == 0 ? systemctl_run("disable", unit, err) : 0;

		return unlink(path) < 0 && errno != ENOENT ? error_set(err, errno, "%s", path) : r;
	}
	if (unit_write(f, path, err) < 0)
		return -1;
	if (systemctl_run("daemon-reload", NULL, err) == 0 && systemctl_run("enable", unit, err) == 0)
		return 0;
	unlink(path);
	return -1;
}

int named_remove(struct folder *f, struct error *err)
{
	_cleanup_free_ char *path = unit_path(f, err);
	_cleanup_error_ struct error why = { 0 };

	if (!path)
		return -1;
	docker_context_remove(f);
	if (access(path, F_OK) == 0 && named_login(f, false, &why) < 0)
		log_warn("%s", error_text(&why));
	return folder_remove(f, err);
}
