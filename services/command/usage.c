#include "usage.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buf.h"
#include "cgroup.h"
#include "client.h"
#include "io.h"
#include "loop.h"
#include "str.h"
#include "terminal.h"

enum { NUMBERS_MAX = 65536, FIELDS = 7, SERVICES_MAX = 256 };

/* --- a control group ---------------------------------------------------------------------------------------------- */

static int number_read(const char *dir, const char *file, uint64_t *out)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, file), *line = path ? file_line(path, NULL) : NULL;

	return line ? str_to_u64(line, UINT64_MAX, out) : -1;
}

/* The number behind a word at a line's beginning. */
static int keyed_read(const char *dir, const char *file, const char *key, uint64_t *out)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, file);
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **words = NULL;

	if (!path || file_read(path, NUMBERS_MAX, &text, NULL) < 0)
		return -1;
	words = strv_split(buf_text(&text), " \n");
	for (char **w = words; w && w[0] && w[1]; w += 2)
		if (str_eq(w[0], key))
			return str_to_u64(w[1], UINT64_MAX, out);
	return -1;
}

/* The same group in another tree of version 1: "/sys/fs/cgroup/pids/a" and "memory". */
static char *tree_dir(const char *dir, const char *controller)
{
	static const char top[] = "/sys/fs/cgroup/";
	const char *rest = str_starts(dir, top) ? strchr(dir + strlen(top), '/') : NULL;

	return rest ? str_format("%s%s%s", top, controller, rest) : NULL;
}

static void read_unified(const char *dir, struct usage *u)
{
	uint64_t cache = 0;

	/* What cannot be read counts as nothing: a controller may be off. */
	(void)!number_read(dir, "memory.current", &u->memory);
	(void)!keyed_read(dir, "memory.stat", "inactive_file", &cache);
	u->memory -= cache < u->memory ? cache : u->memory;
	(void)!keyed_read(dir, "cpu.stat", "usage_usec", &u->cpu_us);
	(void)!number_read(dir, "pids.current", &u->processes);
}

static void read_trees(const char *dir, struct usage *u)
{
	_cleanup_free_ char *memory = tree_dir(dir, "memory"), *cpu = tree_dir(dir, "cpuacct"),
			    *pids = tree_dir(dir, "pids");
	uint64_t cache = 0, ns = 0;

	if (!memory || !cpu || !pids)
		return;
	(void)!number_read(memory, "memory.usage_in_bytes", &u->memory);
	(void)!keyed_read(memory, "memory.stat", "total_inactive_file", &cache);
	u->memory -= cache < u->memory ? cache : u->memory;
	(void)!number_read(cpu, "cpuacct.usage", &ns);
	u->cpu_us = ns / 1000;
	(void)!number_read(pids, "pids.current", &u->processes);
}

int usage_read(pid_t pid, struct usage *out, struct error *err)
{
	_cleanup_free_ char *dir = cgroup_of(pid, err);

	*out = (struct usage){ 0 };
	if (!dir)
		return -1;
	if (cgroup_unified())
		read_unified(dir, out);
	else
		read_trees(dir, out);
	return 0;
}

/* --- service ps --------------------------------------------------------------------------------------------------- */

static void add_size(struct buf *b, uint64_t bytes)
{
	(void)!buf_addf(b, "%" PRIu64 ".%" PRIu64 "M", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
}

/* Seconds, as people say them: 59s, 3m12s, 5h04m, 2d07h. */
static void add_time(struct buf *b, uint64_t s)
{
	if (s < 60)
		(void)!buf_addf(b, "%" PRIu64 "s", s);
	else if (s < 3600)
		(void)!buf_addf(b, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		(void)!buf_addf(b, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		(void)!buf_addf(b, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
}

/* The supervisor's lines, each cut into its FIELDS; the heading is not among them. */
static char **services_list(struct error *err)
{
	static const char *const words[] = { "list", NULL };
	_cleanup_buf_ struct buf answer = { 0 };
	char **lines;

	if (client_request(words, &answer, err) < 0)
		return NULL;
	lines = strv_split(buf_text(&answer), "\n");
	if (!lines)
		error_set(err, ENOMEM, "list");
	return lines;
}

static char **fields_of(const char *line)
{
	char **f = strv_split(line, " ");

	if (f && strv_len(f) == FIELDS)
		return f;
	strv_free(f);
	return NULL;
}

static bool usage_of(const char *pid, struct usage *u)
{
	uint64_t n;

	return str_to_u64(pid, INT32_MAX, &n) == 0 && usage_read((pid_t)n, u, NULL) == 0;
}

static void ps_line(struct buf *b, char *const *f)
{
	struct usage u;
	uint64_t seconds;

	(void)!buf_addf(b, "%s %s %s %s ", f[0], f[1], f[2], f[3]);
	if (str_to_u64(f[4], UINT64_MAX, &seconds) == 0)
		add_time(b, seconds);
	else
		(void)!buf_addstr(b, f[4]);
	(void)!buf_addstr(b, " ");
	if (usage_of(f[2], &u))
		add_size(b, u.memory);
	else
		(void)!buf_addstr(b, "-");
	(void)!buf_addf(b, " %s%s\n", f[5], client_oom_word(f[6]));
}

int usage_ps(struct error *err)
{
	_cleanup_strv_ char **lines = services_list(err);
	_cleanup_buf_ struct buf b = { 0 };

	if (!lines)
		return -1;
	(void)!buf_addstr(&b, "NAME STATE PID RESTARTS UPTIME MEMORY EXIT\n");
	for (char **line = lines[0] ? lines + 1 : lines; *line; line++) {
		_cleanup_strv_ char **f = fields_of(*line);

		if (f)
			ps_line(&b, f);
	}
	return client_table(buf_text(&b), err);
}

/* --- service top -------------------------------------------------------------------------------------------------- */

/* A look at one service, to be compared with the one before. */
struct look {
	pid_t pid;
	uint64_t cpu_us;
};

struct top {
	struct look before[SERVICES_MAX];
	size_t count;
	uint64_t at; /* loop_now() */
	bool screen;
	struct terminal terminal;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
	interrupted = signo;
}

/* Share of one processor since the last look, in tenths of a percent; without one, 0. */
static uint64_t cpu_share(const struct top *t, pid_t pid, uint64_t cpu_us, uint64_t elapsed)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->before[i].pid == pid && cpu_us >= t->before[i].cpu_us && elapsed > 0)
			return (cpu_us - t->before[i].cpu_us) * 1000 / elapsed;
	return 0;
}

static void top_line(struct top *t, struct buf *b, char *const *f, struct look *now, size_t *count, uint64_t elapsed)
{
	struct usage u = { 0 };
	bool runs = usage_of(f[2], &u);
	pid_t pid = runs ? (pid_t)strtol(f[2], NULL, 10) : 0;
	uint64_t tenths = runs ? cpu_share(t, pid, u.cpu_us, elapsed) : 0;

	if (!runs) {
		(void)!buf_addf(b, "%s %s - - - -\n", f[0], f[1]);
		return;
	}
	(void)!buf_addf(b, "%s %s %" PRIu64 ".%" PRIu64 " %" PRIu64 ".%02" PRIu64 " ", f[0], f[1], tenths / 10,
			tenths % 10, u.cpu_us / 1000000, u.cpu_us / 10000 % 100);
	add_size(b, u.memory);
	(void)!buf_addf(b, " %" PRIu64 "\n", u.processes);
	if (*count < SERVICES_MAX)
		now[(*count)++] = (struct look){ pid, u.cpu_us };
}

/* Load and memory of the whole machine. */
static void top_heading(struct buf *b)
{
	_cleanup_free_ char *load = file_line("/proc/loadavg", NULL), *uptime = file_line("/proc/uptime", NULL);
	_cleanup_buf_ struct buf info = { 0 };
	_cleanup_strv_ char **words = NULL;
	uint64_t total = 0, available = 0;

	if (file_read("/proc/meminfo", NUMBERS_MAX, &info, NULL) == 0)
		words = strv_split(buf_text(&info), ": \n");
	for (char **w = words; w && w[0] && w[1]; w++) {
		if (str_eq(w[0], "MemTotal"))
			(void)!str_to_u64(w[1], UINT64_MAX >> 10, &total);
		else if (str_eq(w[0], "MemAvailable"))
			(void)!str_to_u64(w[1], UINT64_MAX >> 10, &available);
	}
	(void)!buf_addstr(b, "up ");
	add_time(b, uptime ? strtoull(uptime, NULL, 10) : 0);
	(void)!buf_addf(b, ", load %.*s, memory ", load ? (int)strcspn(load + 5, " ") + 5 : 0, load ? load : "");
	add_size(b, (total - (available < total ? available : total)) << 10);
	(void)!buf_addstr(b, " used of ");
	add_size(b, total << 10);
	(void)!buf_addstr(b, "\n");
}

/* Columns aligned as `service list` has them; cut at the terminal's edge. */
static int top_show(struct top *t, struct error *err)
{
	_cleanup_strv_ char **lines = services_list(err);
	_cleanup_buf_ struct buf heading = { 0 }, table = { 0 };
	struct look now[SERVICES_MAX];
	size_t count = 0;
	uint64_t at = loop_now();

	if (!lines)
		return -1;
	top_heading(&heading);
	(void)!buf_addstr(&table, "NAME STATE CPU% TIME MEMORY PROCESSES\n");
	for (char **line = lines[0] ? lines + 1 : lines; *line; line++) {
		_cleanup_strv_ char **f = fields_of(*line);

		if (f)
			top_line(t, &table, f, now, &count, at - t->at);
	}
	if (t->screen)
		fputs("\033[H\033[J", stdout);
	printf("%s\n", buf_text(&heading));
	memcpy(t->before, now, count * sizeof(*now));
	t->count = count;
	t->at = at;
	return client_table(buf_text(&table), err);
}

/* True: q, or a signal. */
static bool top_wait(const struct top *t, unsigned delay_ms)
{
	uint64_t end = loop_now() + delay_ms * UINT64_C(1000);
	struct pollfd p = { .fd = t->screen ? STDIN_FILENO : -1, .events = POLLIN };
	char key;

	while (!interrupted) {
		uint64_t now = loop_now();

		if (now >= end)
			return false;
		if (poll(&p, 1, (int)((end - now) / 1000) + 1) > 0 &&
		    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3))
			return true;
	}
	return true;
}

static void screen_begin(struct top *t)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return;
	t->screen = terminal_change(&t->terminal, TERMINAL_SINGLE_KEYS, NULL) == 0;
	for (size_t i = 0; i < 3; i++)
		sigaction((const int[]){ SIGINT, SIGTERM, SIGHUP }[i],
			  &(struct sigaction){ .sa_handler = on_interrupt }, NULL);
}

static void screen_end(struct top *t)
{
	terminal_restore(&t->terminal);
}

int usage_top(const struct usage_top *o, struct error *err)
{
	struct top t = { 0 };
	unsigned left;
	int r = 0;

	screen_begin(&t);
	left = o->count || t.screen ? o->count : 1;
	/* A first look to compare with. */
	if (!t.screen || o->count) {
		_cleanup_strv_ char **lines = services_list(err);

		r = lines ? 0 : -1;
		t.at = loop_now();
		for (char **line = lines && lines[0] ? lines + 1 : lines; r == 0 && *line; line++) {
			_cleanup_strv_ char **f = fields_of(*line);
			struct usage u;

			if (f && t.count < SERVICES_MAX && usage_of(f[2], &u))
				t.before[t.count++] = (struct look){ (pid_t)strtol(f[2], NULL, 10), u.cpu_us };
		}
		if (r == 0 && top_wait(&t, o->delay_ms))
			left = 1;
	}
	while (r == 0) {
		r = top_show(&t, err);
		if (r < 0 || (left > 0 && --left == 0) || top_wait(&t, o->delay_ms))
			break;
	}
	screen_end(&t);
	return r;
}
