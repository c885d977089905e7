#include "request.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "str.h"

static const char *const verbs[] = {
	[REQUEST_LIST] = "list",       [REQUEST_START] = "start", [REQUEST_STOP] = "stop",
	[REQUEST_RESTART] = "restart", [REQUEST_WAIT] = "wait",   [REQUEST_STARTED] = "started",
};

static const char *word_given(const char *word)
{
	return word && word[0] ? word : NULL;
}

static bool is_path(const char *word)
{
	return word[0] == '/' && !strchr(word, '\n');
}

int request_parse(const char *bytes, size_t n, struct request *out, struct error *err)
{
	const char *words[4] = { NULL }, *p = bytes, *end = bytes + n;
	size_t count = 0, verb;

	*out = (struct request){ 0 };
	if (n == 0 || n > REQUEST_MAX || end[-1] != '\0')
		return error_set(err, 0, "broken request");
	for (; p < end; p += strlen(p) + 1) {
		if (count == array_len(words))
			return error_set(err, 0, "unknown request");
		words[count++] = p;
	}
	for (verb = 0; verb < array_len(verbs) && !str_eq(words[0], verbs[verb]); verb++)
		;
	if (verb == array_len(verbs) || (verb == REQUEST_LIST) != (count == 1))
		return error_set(err, 0, "unknown request");
	*out = (struct request){ (enum request_verb)verb, word_given(words[1]), word_given(words[2]),
				 word_given(words[3]) };
	if (verb != REQUEST_LIST && !out->name)
		return error_set(err, 0, "unknown request");
	if (out->dir && !is_path(out->dir))
		return error_set(err, 0, "'%s' is no absolute path", out->dir);
	if (out->socket &&
	    (!is_path(out->socket) || strlen(out->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		return error_set(err, 0, "'%s' is no absolute path of a socket", out->socket);
	return 0;
}
