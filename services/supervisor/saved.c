#include "saved.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "str.h"

enum { PID_MOST = 1 << 22, SAVED_MAX = 8192 };

const char *const service_state_names[SERVICE_STATES] = {
	[SERVICE_STOPPED] = "stopped",   [SERVICE_WAITING] = "waiting", [SERVICE_STARTING] = "starting",
	[SERVICE_CHECKING] = "checking", [SERVICE_RUNNING] = "running", [SERVICE_STOPPING] = "stopping",
	[SERVICE_BACKOFF] = "backoff",   [SERVICE_ENDED] = "ended",     [SERVICE_FAILED] = "failed",
};

void saved_clear(struct saved *s)
{
	free(s->dir);
	free(s->socket);
	*s = (struct saved){ 0 };
}

char *saved_format(const struct saved *s)
{
	bool none = !s->wanted && !s->again && !s->prepared && !s->reported;
	_cleanup_buf_ struct buf b = { 0 };
	int r = buf_addf(&b, "%s\n%s%s%s%s%s\n%u\n%" PRIu64 "\n", service_state_names[s->state], s->wanted ? "w" : "",
			 s->again ? "a" : "", s->prepared ? "p" : "", s->reported ? "r" : "", none ? "-" : "",
			 s->restarts, s->delay);

	r |= s->code >= 0 ? buf_addf(&b, "%d\n", s->code) : buf_addstr(&b, "-\n");
	r |= s->pid > 0 ? buf_addf(&b, "%d\n", (int)s->pid) : buf_addstr(&b, "-\n");
	r |= buf_addf(&b, "%" PRIu64 "\n%s\n%s\n%" PRIu64 "\n", s->started, s->dir ? s->dir : "-",
		      s->socket ? s->socket : "-", s->oom_kills);
	return r < 0 ? NULL : buf_steal_text(&b);
}

static int state_parse(const char *word, struct saved *out)
{
	int i;

	for (i = 0; i < SERVICE_STATES; i++) {
		if (str_eq(word, service_state_names[i])) {
			out->state = (enum service_state)i;
			return 0;
		}
	}
	return -1;
}

static int flags_parse(const char *word, struct saved *out)
{
	if (str_eq(word, "-"))
		return 0;
	for (; *word; word++) {
		bool *flag = *word == 'w' ? &out->wanted
			: *word == 'a'    ? &out->again
			: *word == 'p'    ? &out->prepared
			: *word == 'r'    ? &out->reported
					  : NULL;

		if (!flag)
			return -1;
		*flag = true;
	}
	return 0;
}

/* none: what "-" stands for */
static int number_parse(const char *word, uint64_t max, int64_t none, int64_t *out)
{
	uint64_t n;

	if (str_eq(word, "-")) {
		*out = none;
		return 0;
	}
	if (str_to_u64(word, max, &n) < 0)
		return -1;
	*out = (int64_t)n;
	return 0;
}

/* NULL in *out for "-" */
static int path_parse(const char *word, char **out)
{
	if (str_eq(word, "-"))
		return 0;
	if (word[0] != '/')
		return -1;
	*out = strdup(word);
	return *out ? 0 : -1;
}

int saved_parse(const char *text, size_t n, struct saved *out, struct error *err)
{
	_cleanup_free_ char *copy = n <= SAVED_MAX ? strndup(text, n) : NULL;
	_cleanup_strv_ char **words = copy ? strv_split(copy, "\n") : NULL;
	int64_t restarts, delay, code, pid, started, kills;

	*out = (struct saved){ 0 };
	if (!words || strv_len(words) != 10 || state_parse(words[0], out) < 0 || flags_parse(words[1], out) < 0 ||
	    number_parse(words[2], UINT32_MAX, 0, &restarts) < 0 || number_parse(words[3], INT64_MAX, 0, &delay) < 0 ||
	    number_parse(words[4], 255, -1, &code) < 0 || number_parse(words[5], PID_MOST, 0, &pid) < 0 ||
	    number_parse(words[6], INT64_MAX, 0, &started) < 0 || path_parse(words[7], &out->dir) < 0 ||
	    path_parse(words[8], &out->socket) < 0 || number_parse(words[9], INT64_MAX, 0, &kills) < 0) {
		saved_clear(out);
		return error_set(err, EINVAL, "what the supervisor before this one left");
	}
	out->restarts = (unsigned)restarts;
	out->delay = (uint64_t)delay;
	out->code = (int)code;
	out->pid = (pid_t)pid;
	out->started = (uint64_t)started;
	out->oom_kills = (uint64_t)kills;
	return 0;
}
