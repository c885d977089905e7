#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "logtext.h"
#include "str.h"

enum { TOP_COUNT = 256, SINCE };

static const struct {
	struct option option;
	int group;
} known[] = {
	{ { "path", required_argument, NULL, 'p' }, HAS_PATH },
	{ { "runtime", required_argument, NULL, 'r' }, HAS_RUNTIME },
	{ { "sock", required_argument, NULL, 's' }, HAS_SOCK },
	{ { "containerd", required_argument, NULL, 'c' }, HAS_CONTAINERD },
	{ { "containerd-namespace", required_argument, NULL, 'N' }, HAS_NAMESPACE },
	{ { "dump-spec", required_argument, NULL, 'd' }, HAS_DUMP },
	{ { "format", required_argument, NULL, 'F' }, HAS_FORMAT },
	{ { "f", no_argument, NULL, 'f' }, HAS_LOGS },
	{ { "follow", no_argument, NULL, 'f' }, HAS_LOGS },
	{ { "n", required_argument, NULL, 'n' }, HAS_LOGS },
	{ { "tail", required_argument, NULL, 'n' }, HAS_LOGS },
	{ { "lines", required_argument, NULL, 'n' }, HAS_LOGS },
	{ { "t", no_argument, NULL, 't' }, HAS_LOGS },
	{ { "timestamps", no_argument, NULL, 't' }, HAS_LOGS },
	{ { "since", required_argument, NULL, SINCE }, HAS_LOGS },
	{ { "q", no_argument, NULL, 'q' }, HAS_LEVEL },
	{ { "v", no_argument, NULL, 'v' }, HAS_LEVEL },
	{ { "d", required_argument, NULL, 'D' }, HAS_TOP },
	{ { "n", required_argument, NULL, TOP_COUNT }, HAS_TOP },
};

/* Seconds, perhaps with a fraction. */
static int delay_parse(const char *text, unsigned *ms)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0.1 && s <= 86400)) {
		fprintf(stderr, "service: -d: '%s' is no number of seconds from 0.1 to 86400\n", text);
		return -1;
	}
	*ms = (unsigned)(s * 1000);
	return 0;
}

static int tail_parse(const char *text, long *tail)
{
	uint64_t n;

	if (str_eq(text, "all")) {
		*tail = LOGS_ALL;
		return 0;
	}
	if (str_to_u64(text, 1000000, &n) < 0) {
		fprintf(stderr, "service: -n: '%s' is no number of lines\n", text);
		return -1;
	}
	*tail = (long)n;
	return 0;
}

static int since_parse(const char *text, uint64_t *since)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (logtext_time_parse(text, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, since) == 0)
		return 0;
	fprintf(stderr, "service: --since: '%s' is neither a time (2026-01-31T12:00:00Z) nor how long ago (10m)\n",
		text);
	return -1;
}

static int option_set(struct options *o, int c)
{
	uint64_t n;

	switch (c) {
	case 'p':
		o->path = optarg;
		return 0;
	case 'r':
		o->runtime = optarg;
		return 0;
	case 's':
		o->sock = optarg;
		return 0;
	case 'c':
		o->containerd = optarg;
		return 0;
	case 'N':
		o->namespace = optarg;
		return 0;
	case 'd':
		o->dump_spec = optarg;
		return 0;
	case 'F':
		o->format = optarg;
		return 0;
	case 'S':
		o->started = true;
		return 0;
	case 'f':
		o->logs.follow = true;
		return 0;
	case 't':
		o->logs.times = true;
		return 0;
	case SINCE:
		return since_parse(optarg, &o->logs.since);
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'n':
		return tail_parse(optarg, &o->logs.tail);
	case 'D':
		return delay_parse(optarg, &o->top.delay_ms);
	case TOP_COUNT:
		if (str_to_u64(optarg, 1000000, &n) < 0 || n == 0) {
			fprintf(stderr, "service: -n: '%s' is no number of times\n", optarg);
			return -1;
		}
		o->top.count = (unsigned)n;
		return 0;
	}
	return -1; /* getopt has said what is wrong */
}

int options_parse(int argc, char **argv, int groups, struct options *o)
{
	struct option allowed[array_len(known) + 1] = { 0 };
	size_t i, n = 0;
	int c;

	for (i = 0; i < array_len(known); i++)
		if (known[i].group & groups)
			allowed[n++] = known[i].option;
	optind = 0;
	while ((c = getopt_long_only(argc, argv, "+", allowed, NULL)) != -1)
		if (option_set(o, c) < 0)
			return -1;
	o->args = argv + optind;
	return 0;
}
