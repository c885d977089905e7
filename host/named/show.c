#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actions.h"
#include "child.h"
#include "io.h"
#include "jsonw.h"
#include "str.h"

enum { SIZE_TEXT = 32, ASK_MAX = 64 << 10, STATUS_MAX = 16 << 10 };

/* What is known of a machine now; sizes in bytes. */
struct view {
	bool runs;
	pid_t pid;
	uint64_t age;
	uint64_t memory_used; /* on the host */
	uint64_t disk_size, disk_used;
};

/* The resident size of QEMU; 0: not known. */
static uint64_t memory_look(const struct folder *f)
{
	_cleanup_free_ char *file = str_format("%s/qemu.pid", f->state), *pid = file ? file_line(file, NULL) : NULL;
	_cleanup_free_ char *status = pid ? str_format("/proc/%s/status", pid) : NULL;
	_cleanup_buf_ struct buf text = { 0 };
	const char *at;

	if (!status || str_to_u64(pid, INT32_MAX, &(uint64_t){ 0 }) < 0 ||
	    file_read(status, STATUS_MAX, &text, NULL) < 0)
		return 0;
	at = strstr(buf_text(&text), "\nVmRSS:");
	return at ? strtoull(at + strlen("\nVmRSS:"), NULL, 10) * 1024 : 0;
}

static struct view view_look(const struct folder *f)
{
	_cleanup_free_ char *disk = str_format("%s/disk.img", f->state);
	struct view v = { 0 };
	struct stat st;

	v.runs = folder_runs(f, &v.pid, &v.age);
	v.memory_used = v.runs ? memory_look(f) : 0;
	v.disk_size = f->settings.disk;
	if (disk && stat(disk, &st) == 0)
		v.disk_used = (uint64_t)st.st_blocks * 512;
	return v;
}

static void view_json(const struct folder *f, const struct view *v, struct jsonw *w)
{
	const struct settings *s = &f->settings;

	jsonw_object(w, NULL);
	jsonw_string(w, "name", f->name);
	jsonw_string(w, "state", v->runs ? "running" : "stopped");
	if (v->runs) {
		jsonw_uint(w, "pid", (uint64_t)v->pid);
		jsonw_uint(w, "uptime", v->age);
	}
	jsonw_uint(w, "cpus", s->cpus);
	jsonw_uint(w, "memory", s->memory);
	jsonw_uint(w, "memory_used", v->memory_used);
	jsonw_uint(w, "disk", s->disk);
	jsonw_uint(w, "disk_used", v->disk_used);
	if (s->networking)
		jsonw_string(w, "networking", s->networking);
	jsonw_strings(w, "publish", s->publish);
	if (s->template)
		jsonw_string(w, "template", s->template);
	jsonw_string(w, "folder", f->path);
	jsonw_string(w, "state_directory", f->state);
	jsonw_end(w);
}

static int json_print(struct jsonw *w, struct error *err)
{
	if (jsonw_done(w) < 0)
		return error_set(err, ENOMEM, "machines");
	puts(buf_text(w->out));
	return 0;
}

/* "2h 5m": the two largest units. */
static void age_text(uint64_t seconds, char *out, size_t size)
{
	uint64_t m = seconds / 60, h = m / 60, d = h / 24;

	if (d)
		snprintf(out, size, "%" PRIu64 "d %" PRIu64 "h", d, h % 24);
	else if (h)
		snprintf(out, size, "%" PRIu64 "h %" PRIu64 "m", h, m % 60);
	else if (m)
		snprintf(out, size, "%" PRIu64 "m %" PRIu64 "s", m, seconds % 60);
	else
		snprintf(out, size, "%" PRIu64 "s", seconds);
}

static void list_line(const struct folder *f, int width)
{
	char memory[SIZE_TEXT], disk[SIZE_TEXT] = "-", age[SIZE_TEXT] = "-";
	_cleanup_free_ char *ports = f->settings.publish ? strv_join(f->settings.publish, " ") : NULL;
	struct view v = view_look(f);

	settings_size_text(f->settings.memory, memory, sizeof(memory));
	if (f->settings.disk)
		settings_size_text(f->settings.disk, disk, sizeof(disk));
	if (v.runs)
		age_text(v.age, age, sizeof(age));
	printf("%-*s  %-7s  %-8s  %4" PRIu64 "  %6s  %6s  %s\n", width, f->name, v.runs ? "running" : "stopped", age,
	       f->settings.cpus, memory, disk, ports && *ports ? ports : "-");
}

/* A machine that another command removes meanwhile is passed over; one that cannot be read is an error of the list, not
 * its end. */
static int list_each(char *const *names, bool json, struct jsonw *w, struct error *err)
{
	int width = (int)strlen("NAME"), r = 0;

	for (char *const *n = names; *n; n++)
		if ((int)strlen(*n) > width)
			width = (int)strlen(*n);
	if (!json)
		printf("%-*s  STATE    UPTIME    CPUS  MEMORY    DISK  PORTS\n", width, "NAME");
	for (; *names; names++) {
		_cleanup_folder_ struct folder f = FOLDER_INIT;
		_cleanup_error_ struct error why = { 0 };

		if (folder_open(*names, false, &f, &why) < 0) {
			if (why.code != ENOENT)
				r = error_move(err, &why);
		} else if (json) {
			struct view v = view_look(&f);

			view_json(&f, &v, w);
		} else {
			list_line(&f, width);
		}
	}
	return r;
}

int show_list(bool json, bool quiet, struct error *err)
{
	_cleanup_strv_ char **names = folder_names(err);
	_cleanup_buf_ struct buf text = { 0 };
	struct jsonw w = { .out = &text };
	int r;

	if (!names)
		return -1;
	if (quiet) {
		for (char **n = names; *n; n++)
			puts(*n);
		return 0;
	}
	if (json)
		jsonw_list(&w, NULL);
	r = list_each(names, json, &w, err);
	if (!json)
		return r;
	jsonw_end(&w);
	return json_print(&w, r < 0 ? NULL : err) < 0 ? -1 : r;
}

/* The ports that are open now, where the machine's forwarder opens them. */
static void ports_print(const struct folder *f)
{
	_cleanup_free_ char *control = str_format("%s/vpnkit-control.sock", f->state);
	char *const argv[] = { "/proc/self/exe", "ports", f->state, NULL };
	_cleanup_buf_ struct buf text = { 0 };
	char *line, *rest;

	if (!control || access(control, F_OK) < 0 || child_ask(argv, ASK_SECONDS, ASK_MAX, &text, NULL) != 0)
		return;
	rest = (char *)buf_text(&text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			printf("  %s\n", line);
}

int show_info(const struct folder *f, bool json, struct error *err)
{
	const struct settings *s = &f->settings;
	char size[SIZE_TEXT], used[SIZE_TEXT], age[SIZE_TEXT];
	struct view v = view_look(f);
	_cleanup_buf_ struct buf text = { 0 };
	struct jsonw w = { .out = &text };

	if (json) {
		view_json(f, &v, &w);
		return json_print(&w, err);
	}
	age_text(v.age, age, sizeof(age));
	printf("name:       %s\n", f->name);
	if (v.runs)
		printf("state:      running for %s (process %d)\n", age, (int)v.pid);
	else
		puts("state:      stopped");
	printf("processors: %" PRIu64 "\n", s->cpus);
	settings_size_text(s->memory, size, sizeof(size));
	settings_size_text(v.memory_used, used, sizeof(used));
	printf(v.runs ? "memory:     %s of the host used of %s\n" : "memory:     %.0s%s\n", used, size);
	settings_size_text(s->disk, size, sizeof(size));
	settings_size_text(v.disk_used, used, sizeof(used));
	if (s->disk)
		printf("disk:       %s of the host used of %s\n", used, size);
	else
		puts("disk:       none");
	printf("network:    %s\n", s->networking ? s->networking : "user");
	for (char **p = s->publish; p && *p; p++)
		printf("%s%s\n", p == s->publish ? "ports:      " : "            ", *p);
	if (v.runs)
		ports_print(f);
	printf("made of:    %s\n", s->template ? s->template : "?");
	printf("folder:     %s\n", f->path);
	return 0;
}

/* In single quotes, as every shell takes it. */
static void quoted_print(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' }, stdout);
	putchar('\'');
}

int show_env(const struct folder *f, struct error *err)
{
	_cleanup_free_ char *socket = docker_socket(f), *host = socket ? str_format("unix://%s", socket) : NULL;

	if (!host)
		return error_set(err, ENOMEM, "machine %s", f->name);
	fputs("export DOCKER_HOST=", stdout);
	quoted_print(host);
	printf("\n# eval \"$(pith machine env %s)\" sets it in this shell\n", f->name);
	return 0;
}
