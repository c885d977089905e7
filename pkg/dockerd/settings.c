#include "settings.h"

#include <errno.h>

#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

struct setting {
	const char *key;
	const char *option; /* what the command line calls it, where that is another name */
	char letter;
	const char *value; /* NULL: the proxy */
};

static const struct setting defaults[] = {
	{ .key = "containerd", .value = SETTINGS_CONTAINERD },
	{ .key = "storage-driver", .letter = 's', .value = "overlay2" },
	{ .key = "pidfile", .letter = 'p', .value = SETTINGS_PID_FILE },
	/* not /docker, which is the service's own where that is its name */
	{ .key = "cgroup-parent", .value = SETTINGS_CGROUP },
	{ .key = "userland-proxy-path" },
};
static const struct setting hosts = { .key = "hosts", .option = "host", .letter = 'H' };

static const char *const sockets[] = { "unix://" SETTINGS_SOCKET, "unix://" SETTINGS_HOST_SOCKET };

/* Whether a word is the option: --NAME, --NAME=VALUE, -L, -LVALUE. */
static bool word_is(const char *word, const struct setting *s)
{
	const char *name = s->option ? s->option : s->key;
	size_t n = strlen(name);

	if (str_starts(word, "--"))
		return strncmp(word + 2, name, n) == 0 && (word[2 + n] == '\0' || word[2 + n] == '=');
	return s->letter && word[0] == '-' && word[1] == s->letter;
}

static bool words_have(char *const *words, const struct setting *s)
{
	for (; words && *words; words++)
		if (word_is(*words, s))
			return true;
	return false;
}

static bool words_name(char *const *words, const char *host)
{
	for (; words && *words; words++)
		if (str_ends(*words, host))
			return true;
	return false;
}

int settings_words(char *const *words, char ***argv, struct error *err)
{
	bool theirs = words_have(words, &hosts);
	int r = 0;

	for (size_t i = 0; theirs && i < array_len(sockets); i++)
		if (!words_name(words, sockets[i]))
			r |= strv_addf(argv, "--host=%s", sockets[i]);
	for (; words && *words; words++)
		r |= strv_add(argv, *words);
	return r ? error_set(err, ENOMEM, "dockerd's options") : 0;
}

static int hosts_write(struct jsonw *w, const struct jsonr *user, struct error *err)
{
	struct jsonr_iter it = jsonr_iter(user);
	struct jsonr host;
	bool there[array_len(sockets)] = { false };

	if (user->type != JSONR_NONE && user->type != JSONR_ARRAY)
		return error_say(err, EINVAL, "hosts is no list");
	jsonw_list(w, hosts.key);
	while (jsonr_element(&it, &host)) {
		jsonw_raw(w, NULL, host.start, host.len);
		for (size_t i = 0; i < array_len(sockets); i++)
			there[i] |= jsonr_is(&host, sockets[i]);
	}
	for (size_t i = 0; i < array_len(sockets); i++)
		if (!there[i])
			jsonw_string(w, NULL, sockets[i]);
	jsonw_end(w);
	return 0;
}

/* All members of the user's object but hosts, as they are. */
static int user_write(struct jsonw *w, const struct jsonr *user, struct error *err)
{
	struct jsonr_iter it = jsonr_iter(user);
	struct jsonr key, value;

	while (jsonr_member(&it, &key, &value)) {
		_cleanup_free_ char *name = jsonr_text(&key);

		if (!name)
			return error_set(err, errno, "a name in it");
		if (!str_eq(name, hosts.key))
			jsonw_raw(w, name, value.start, value.len);
	}
	return 0;
}

int settings_merge(const char *text, size_t n, char *const *words, const char *proxy, struct buf *out,
		   struct error *err)
{
	struct jsonw w = { .out = out };
	struct jsonr user = { 0 }, list;

	if (text && jsonr_parse(text, n, &user, err) < 0)
		return -1;
	if (text && user.type != JSONR_OBJECT)
		return error_say(err, EINVAL, "it is no JSON object");
	jsonw_object(&w, NULL);
	if (user_write(&w, &user, err) < 0)
		return -1;
	list = jsonr_get(&user, hosts.key);
	/* where the command line has some as well, dockerd says what is wrong with both */
	if ((list.type != JSONR_NONE || !words_have(words, &hosts)) && hosts_write(&w, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(defaults); i++) {
		const struct setting *s = &defaults[i];

		if (jsonr_get(&user, s->key).type == JSONR_NONE && !words_have(words, s))
			jsonw_string(&w, s->key, s->value ? s->value : proxy);
	}
	jsonw_end(&w);
	return jsonw_done(&w) < 0 ? error_set(err, ENOMEM, "settings") : 0;
}
