#include "claims.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "io.h"
#include "jsonr.h"
#include "log.h"
#include "oci_file.h"
#include "ports.h"
#include "str.h"
#include "vsock.h"

#define FORWARDER_PORT "62373"

/* containerd, Docker without and with TLS. The agent's own is bound by itself. */
static const uint32_t known[] = { 2374, 2375, 2376 };

static bool ports_contain(const uint32_t *ports, size_t count, uint32_t port)
{
	while (count > 0)
		if (ports[--count] == port)
			return true;
	return false;
}

static void ports_add(uint32_t ports[CLAIMS_MAX], size_t *count, uint32_t port)
{
	if (*count < CLAIMS_MAX && !ports_contain(ports, *count, port))
		ports[(*count)++] = port;
}

void claims_init(struct claims *c)
{
	*c = (struct claims){ 0 };
	for (size_t i = 0; i < array_len(known); i++)
		ports_add(c->held, &c->held_count, known[i]);
}

size_t claims_ports(const struct claims *c, uint32_t out[CLAIMS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->held_count; i++)
		if (!ports_contain(c->own, c->own_count, c->held[i]))
			out[n++] = c->held[i];
	return n;
}

/* --- one bundle --------------------------------------------------------------------------------------------------- */

/* Its place in the container is the one that vsudd asks at. */
static bool config_may_ask(const struct jsonr *config)
{
	struct jsonr list = jsonr_get(config, "mounts"), mount;
	struct jsonr_iter it = jsonr_iter(&list);

	while (list.type == JSONR_ARRAY && jsonr_element(&it, &mount)) {
		struct jsonr source = jsonr_get(&mount, "source"), destination = jsonr_get(&mount, "destination");

		if (jsonr_is(&source, PORTS_DIR) && jsonr_is(&destination, PORTS_DIR))
			return true;
	}
	return false;
}

/* "PORT:unix:PATH" or "PORT" after the option, or in the same word behind "=". NULL: this word is no such option. */
static const char *inport_value(const char *word, const char *next)
{
	static const char *const options[] = { "inport", "vsockPort", "data-listen" };

	if (word[0] != '-')
		return NULL;
	word += word[1] == '-' ? 2 : 1;
	for (size_t i = 0; i < array_len(options); i++) {
		size_t n = strlen(options[i]);

		if (str_starts(word, options[i]) && (word[n] == '=' || word[n] == '\0'))
			return word[n] == '=' ? word + n + 1 : next;
	}
	return NULL;
}

static void inport_add(struct claims *c, const char *value, bool asks)
{
	char text[40];
	size_t n = strcspn(value, ":");
	uint32_t port;

	if (n >= sizeof(text))
		return;
	memcpy(text, value, n);
	text[n] = '\0';
	if (vsock_parse_port(text, &port) < 0)
		return;
	if (asks)
		ports_add(c->held, &c->held_count, port);
	else
		ports_add(c->own, &c->own_count, port);
}

/* The program's own port, which needs no option. */
static void program_add(struct claims *c, const char *program, bool asks)
{
	const char *slash = strrchr(program, '/');

	if (str_eq(slash ? slash + 1 : program, "vpnkit-forwarder"))
		inport_add(c, FORWARDER_PORT, asks);
}

static int command_add(struct claims *c, const struct jsonr *config, struct error *err)
{
	struct jsonr process = jsonr_get(config, "process"), args = jsonr_get(&process, "args"), v;
	struct jsonr_iter it = jsonr_iter(&args);
	_cleanup_free_ char *word = NULL;
	bool asks = config_may_ask(config);

	while (args.type == JSONR_ARRAY && jsonr_element(&it, &v)) {
		_cleanup_free_ char *next = jsonr_text(&v);
		const char *value;

		if (!next)
			return error_set(err, EINVAL, "process.args");
		if (!word)
			program_add(c, next, asks);
		/* The option by itself waits for the next word; one with "=" has its value. */
		value = word ? inport_value(word, next) : NULL;
		if (value == next)
			inport_add(c, value, asks);
		value = inport_value(next, NULL);
		if (value)
			inport_add(c, value, asks);
		free(word);
		word = steal_ptr(&next);
	}
	return 0;
}

static int annotation_add(struct claims *c, const struct jsonr *config, struct error *err)
{
	struct jsonr all = jsonr_get(config, "annotations"), v = jsonr_get(&all, CLAIMS_ANNOTATION);
	_cleanup_free_ char *text = v.type == JSONR_NONE ? NULL : jsonr_text(&v);
	uint32_t ports[CLAIMS_MAX];
	int n = 0;

	if (v.type != JSONR_NONE && !text)
		return error_set(err, EINVAL, CLAIMS_ANNOTATION);
	if (text)
		n = vsock_parse_ports(text, ports, CLAIMS_MAX, err);
	if (n < 0)
		return error_wrap(err, CLAIMS_ANNOTATION);
	for (int i = 0; i < n && i < CLAIMS_MAX; i++)
		ports_add(c->own, &c->own_count, ports[i]);
	return 0;
}

int claims_add(struct claims *c, const char *json, size_t n, struct error *err)
{
	struct jsonr config;

	if (jsonr_parse(json, n, &config, err) < 0 || command_add(c, &config, err) < 0)
		return -1;
	return annotation_add(c, &config, err);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

void claims_read(struct claims *c, const char *containers)
{
	_cleanup_free_ char *pattern = str_format("%s/*/*/config.json", containers);
	glob_t found = { 0 };

	if (!pattern || glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_cleanup_error_ struct error e = { 0 };
		_cleanup_buf_ struct buf json = { 0 };

		if (file_read(found.gl_pathv[i], OCI_FILE_MAX, &json, &e) < 0 ||
		    claims_add(c, buf_text(&json), json.len, &e) < 0)
			log_warn("%s: %s", found.gl_pathv[i], error_text(&e));
	}
	globfree(&found);
}
