#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "str.h"
#include "vsock.h"

/* What containers' processes count from: their C libraries keep the kernel's first two for themselves. */
enum { FIRST_RT = 34 };

void policy_clear(struct policy *p)
{
	strv_free(p->after);
	strv_free(p->ready_argv);
	free(p->ready_text);
	free(p->ready_address);
	*p = (struct policy){ 0 };
}

int policy_duration(const char *text, uint64_t *us)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} units[] = { { "", 1000000 }, { "s", 1000000 }, { "ms", 1000 }, { "m", 60000000 }, { "h", 3600000000 } };
	size_t digits = strspn(text, "0123456789"), i;
	uint64_t n;

	if (digits == 0 || digits > 8)
		return -1;
	for (i = 0; i < array_len(units); i++) {
		if (!str_eq(text + digits, units[i].unit))
			continue;
		n = strtoul(text, NULL, 10);
		*us = n * units[i].us;
		return 0;
	}
	return -1;
}

int policy_signal(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "CONT", SIGCONT }, { "HUP", SIGHUP },
		{ "INT", SIGINT },   { "KILL", SIGKILL }, { "PWR", SIGPWR },   { "QUIT", SIGQUIT },
		{ "TERM", SIGTERM }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH },
	};
	int last = SIGRTMAX;
	uint64_t n;
	size_t i;

	if (str_to_u64(text, (uint64_t)last, &n) == 0)
		return n > 0 ? (int)n : -1;
	if (str_starts(text, "SIG"))
		text += 3;
	if (str_starts(text, "RTMIN") && (text[5] == '+' || !text[5]))
		return str_to_u64(text[5] ? text + 6 : "0", (uint64_t)(last - FIRST_RT), &n) < 0 ? -1
												 : FIRST_RT + (int)n;
	if (str_starts(text, "RTMAX") && (text[5] == '-' || !text[5]))
		return str_to_u64(text[5] ? text + 6 : "0", (uint64_t)(last - FIRST_RT), &n) < 0 ? -1 : last - (int)n;
	for (i = 0; i < array_len(names); i++)
		if (str_eq(names[i].name, text))
			return names[i].number;
	return -1;
}

/* Words between blanks; quotes of either kind keep blanks and each other. */
static int command_split(const char *s, char ***out)
{
	while (*(s += strspn(s, " \t"))) {
		_cleanup_free_ char *word = malloc(strlen(s) + 1);
		char quote = '\0';
		size_t n = 0;

		if (!word)
			return -1;
		for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
			if (quote ? *s == quote : (*s == '"' || *s == '\''))
				quote = quote ? '\0' : *s;
			else
				word[n++] = *s;
		}
		word[n] = '\0';
		if (quote) {
			errno = EINVAL;
			return -1;
		}
		if (strv_take(out, steal_ptr(&word)) < 0)
			return -1;
	}
	return 0;
}

static int tcp_parse(const char *arg, struct policy *p, struct error *err)
{
	const char *colon = strrchr(arg, ':');
	struct in6_addr address;
	uint64_t port;

	if (str_to_u64(colon ? colon + 1 : arg, 65535, &port) < 0 || port == 0)
		return error_set(err, 0, "'%s': not a port", arg);
	p->ready_port = (uint16_t)port;
	if (!colon)
		return 0;
	p->ready_address = strndup(arg, (size_t)(colon - arg));
	if (!p->ready_address)
		return error_set(err, ENOMEM, "%s", arg);
	if (inet_pton(AF_INET, p->ready_address, &address) != 1 && inet_pton(AF_INET6, p->ready_address, &address) != 1)
		return error_set(err, 0, "'%s': not a numeric address", arg);
	return 0;
}

static int ready_parse(const char *text, struct policy *p, struct error *err)
{
	static const char *const kinds[] = {
		[POLICY_READY_EXEC] = "exec:",
		[POLICY_READY_UNIX] = "unix:",
		[POLICY_READY_TCP] = "tcp:",
		[POLICY_READY_LOG] = "log:",
	};
	const char *arg = NULL;
	size_t i;

	for (i = POLICY_READY_EXEC; i < array_len(kinds) && !arg; i++) {
		if (str_starts(text, kinds[i])) {
			p->ready = (enum policy_ready)i;
			arg = text + strlen(kinds[i]);
		}
	}
	if (!arg || !*arg)
		return error_set(err, 0, "'%s' is none of exec:COMMAND, unix:PATH, tcp:PORT, log:TEXT", text);
	switch (p->ready) {
	case POLICY_READY_EXEC:
		if (command_split(arg, &p->ready_argv) < 0)
			return error_set(err, 0, "'%s': %s", text,
					 errno == EINVAL ? "a quote is not closed" : strerror(errno));
		return p->ready_argv ? 0 : error_set(err, 0, "'%s': no command", text);
	case POLICY_READY_TCP:
		return tcp_parse(arg, p, err);
	case POLICY_READY_UNIX:
		if (arg[0] != '/')
			return error_set(err, 0, "'%s': not an absolute path", text);
		break;
	default:
		break;
	}
	p->ready_text = strdup(arg);
	return p->ready_text ? 0 : error_set(err, ENOMEM, "%s", text);
}

static int restart_parse(const char *text, struct policy *p, struct error *err)
{
	static const char *const words[] = {
		[POLICY_RESTART_NO] = "no",
		[POLICY_RESTART_ON_FAILURE] = "on-failure",
		[POLICY_RESTART_ALWAYS] = "always",
	};
	size_t i;

	for (i = 0; i < array_len(words); i++) {
		if (str_eq(text, words[i])) {
			p->restart = (enum policy_restart)i;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is none of no, on-failure, always", text);
}

int policy_onfail(const char *text, enum policy_onfail *out, struct error *err)
{
	static const char *const words[] = {
		[POLICY_ONFAIL_CONTINUE] = "continue",
		[POLICY_ONFAIL_HALT] = "halt",
		[POLICY_ONFAIL_POWEROFF] = "poweroff",
		[POLICY_ONFAIL_REBOOT] = "reboot",
	};
	size_t i;

	for (i = 0; i < array_len(words); i++) {
		if (str_eq(text, words[i])) {
			*out = (enum policy_onfail)i;
			return 0;
		}
	}
	return error_set(err, 0, "'%s' is none of continue, halt, poweroff, reboot", text);
}

static int after_parse(const char *text, struct policy *p, struct error *err)
{
	p->after = strv_split(text, ", \t");
	return p->after ? 0 : error_set(err, ENOMEM, "%s", text);
}

static int ready_timeout_parse(const char *text, struct policy *p, struct error *err)
{
	return policy_duration(text, &p->ready_us) < 0 ? error_set(err, 0, "'%s' is no duration (500ms, 10s, 2m)", text)
						       : 0;
}

static int stop_timeout_parse(const char *text, struct policy *p, struct error *err)
{
	return policy_duration(text, &p->stop_us) < 0 ? error_set(err, 0, "'%s' is no duration (500ms, 10s, 2m)", text)
						      : 0;
}

static int stop_signal_parse(const char *text, struct policy *p, struct error *err)
{
	p->stop_signal = policy_signal(text);
	return p->stop_signal < 0 ? error_set(err, 0, "'%s' is no signal", text) : 0;
}

static const struct {
	const char *key;
	int (*parse)(const char *text, struct policy *p, struct error *err);
} keys[] = {
	{ "org.pith.restart", restart_parse },
	{ "org.pith.after", after_parse },
	{ "org.pith.ready", ready_parse },
	{ "org.pith.ready-timeout", ready_timeout_parse },
	{ "org.pith.stop-timeout", stop_timeout_parse },
	{ "org.pith.stop-signal", stop_signal_parse },
};

static int folder_check(const char *path, struct error *err)
{
	bool up = strstr(path, "/../") || str_ends(path, "/..");

	return path[0] != '/' || !path[1] || up ? error_set(err, 0, "'%s' is no absolute path of a folder", path) : 0;
}

int policy_set(struct policy *p, const char *key, const char *value, struct error *err)
{
	enum policy_onfail onfail;
	size_t i;

	for (i = 0; i < array_len(keys); i++)
		if (str_eq(keys[i].key, key))
			return keys[i].parse(value, p, err);
	if (str_eq(key, "org.pith.upper") || str_eq(key, "org.pith.volumes"))
		return folder_check(value, err);
	if (str_eq(key, "org.pith.vsock.ports"))
		return vsock_parse_ports(value, NULL, 0, err) < 0 ? -1 : 0;
	return str_eq(key, "org.pith.onfail") ? policy_onfail(value, &onfail, err) : 1;
}

int policy_parse(const struct oci_config *config, struct policy *out, struct error *err)
{
	struct policy p = {
		.restart = POLICY_RESTART_ON_FAILURE,
		.ready_us = 60 * UINT64_C(1000000),
		.stop_us = 10 * UINT64_C(1000000),
		.stop_signal = SIGTERM,
	};
	size_t i;

	for (i = 0; i < array_len(keys); i++) {
		const char *text = oci_annotation(config, keys[i].key);

		if (text && keys[i].parse(text, &p, err) < 0) {
			policy_clear(&p);
			*out = p;
			return error_wrap(err, "%s", keys[i].key);
		}
	}
	*out = p;
	return 0;
}

/* --- order ---------------------------------------------------------------------------------------------- */

enum mark { MARK_NONE, MARK_OPEN, MARK_DONE };

struct visit {
	const struct policy_node *nodes;
	size_t count;
	enum mark *marks;
	size_t *path; /* the nodes under way, outermost first */
	size_t depth;
	size_t *order;
	size_t placed;
};

static size_t node_find(const struct visit *v, const char *name)
{
	size_t i;

	for (i = 0; i < v->count && !str_eq(v->nodes[i].name, name); i++)
		;
	return i;
}

static int cycle_error(const struct visit *v, size_t to, struct error *err)
{
	_cleanup_strv_ char **names = NULL;
	_cleanup_free_ char *text = NULL;
	size_t i = 0;
	int r = 0;

	while (v->path[i] != to)
		i++;
	if (v->order)
		v->order[0] = to;
	for (; i < v->depth; i++)
		r |= strv_add(&names, v->nodes[v->path[i]].name);
	r |= strv_add(&names, v->nodes[to].name);
	text = r == 0 ? strv_join(names, " -> ") : NULL;
	return text ? error_set(err, 0, "cycle: %s", text) : error_set(err, ENOMEM, "cycle");
}

/* Depth is bounded by the number of nodes: a node is entered once. */
static int node_visit(struct visit *v, size_t i, struct error *err)
{
	char *const *name;

	if (v->marks[i] == MARK_DONE)
		return 0;
	if (v->marks[i] == MARK_OPEN)
		return cycle_error(v, i, err);
	v->marks[i] = MARK_OPEN;
	v->path[v->depth++] = i;
	for (name = v->nodes[i].after; name && *name; name++) {
		size_t next = node_find(v, *name);

		if (next < v->count && node_visit(v, next, err) < 0)
			return -1;
	}
	v->depth--;
	v->marks[i] = MARK_DONE;
	if (v->order)
		v->order[v->placed++] = i;
	return 0;
}

int policy_order(const struct policy_node *nodes, size_t count, size_t *order, struct error *err)
{
	struct visit v = { .nodes = nodes, .count = count, .order = order };
	_cleanup_free_ size_t *path = calloc(count + 1, sizeof(*path));
	_cleanup_free_ enum mark *marks = calloc(count + 1, sizeof(*marks));
	size_t i;

	if (!path || !marks)
		return error_set(err, ENOMEM, "order of services");
	v.path = path;
	v.marks = marks;
	for (i = 0; i < count; i++)
		if (node_visit(&v, i, err) < 0)
			return -1;
	return 0;
}
