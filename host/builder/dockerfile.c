/* Instructions of a Dockerfile, as far as pith has to know them. */
#include "dockerfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dockerfile_private.h"
#include "str.h"

/* A Dockerfile that names more is a mistake, or an attack. */
enum { IMAGES_MAX = 256, STAGES_MAX = 1024 };

struct dockerfile_work {
	const struct dockerfile_question *q;
	struct dockerfile *out;
	struct dockerfile_reader reader;
	struct dockerfile_line line;
	char **vars;              /* of FROM: NAME=VALUE */
	char **stages;            /* their names, "" for one that has none */
	struct platform platform; /* of the current stage */
	struct error *err;
};

/* A word of the line, and where the line has it. */
struct word {
	const char *text;
	size_t at, len;
};

static int work_no_memory(struct dockerfile_work *w)
{
	return error_set(w->err, ENOMEM, "%s", w->q->name);
}

static int work_fail(struct dockerfile_work *w, const char *what)
{
	return error_say(w->err, EINVAL, "%s:%u: %s", w->q->name, w->line.number, what);
}

static bool work_word(struct dockerfile_work *w, size_t *at, struct word *word)
{
	size_t end;

	if (!dockerfile_word(buf_text(&w->line.text), w->reader.escape, at, &end))
		return false;
	*word = (struct word){ buf_text(&w->line.text) + *at, *at, end - *at };
	*at = end;
	return true;
}

static bool word_is(const struct word *word, const char *text)
{
	return word->len == strlen(text) && strncasecmp(word->text, text, word->len) == 0;
}

/* The value of "--NAME=VALUE". */
static bool word_is_flag(const struct word *word, const char *name, struct word *value)
{
	size_t n = strlen(name);

	if (word->len < n + 3 || strncmp(word->text, "--", 2) != 0 || strncmp(word->text + 2, name, n) != 0 ||
	    word->text[2 + n] != '=')
		return false;
	*value = (struct word){ word->text + n + 3, word->at + n + 3, word->len - n - 3 };
	return true;
}

static char *work_expand(struct dockerfile_work *w, const struct word *word)
{
	struct error why = { 0 };
	char *text = dockerfile_expand(word->text, word->len, w->reader.escape, w->vars, &why);

	if (!text)
		error_move(w->err, &why), error_wrap(w->err, "%s:%u", w->q->name, w->line.number);
	return text;
}

/* Stages are known by name, in any case of letters, and by number. */
static bool work_has_stage(const struct dockerfile_work *w, const char *name)
{
	uint64_t number;
	size_t i;

	for (i = 0; w->stages && w->stages[i]; i++)
		if (*name && strcasecmp(w->stages[i], name) == 0)
			return true;
	return str_to_u64(name, STAGES_MAX, &number) == 0 && number < i;
}

/* The file has the word in one piece: no line ends in it. */
static bool word_is_whole(const struct dockerfile_work *w, const struct word *word)
{
	return word->len && w->line.from[word->at + word->len - 1] - w->line.from[word->at] == word->len - 1;
}

static int work_add_image(struct dockerfile_work *w, const struct word *word, const char *name,
			  const struct platform *platform)
{
	struct dockerfile *out = w->out;
	struct dockerfile_image *grown;

	if (!word_is_whole(w, word))
		return work_fail(w, "the name of an image goes over the end of a line: write it on one");
	if (out->image_count == IMAGES_MAX)
		return work_fail(w, "too many images");
	grown = reallocarray(out->images, out->image_count + 1, sizeof(*grown));
	if (!grown)
		return work_no_memory(w);
	out->images = grown;
	grown[out->image_count] = (struct dockerfile_image){
		.name = strdup(name),
		.platform = *platform,
		.at = w->line.from[word->at],
		.len = word->len,
		.line = w->line.number,
	};
	return grown[out->image_count++].name ? 0 : work_no_memory(w);
}

/* --- instructions ----------------------------------------------------------------------------------------------- */

/* ARG NAME[=DEFAULT]...; before the first FROM they are variables of FROM. */
static int take_arg(struct dockerfile_work *w, size_t at)
{
	struct word word;

	while (work_word(w, &at, &word)) {
		const char *equals = memchr(word.text, '=', word.len), *given;
		size_t n = equals ? (size_t)(equals - word.text) : word.len;
		struct word rest = { word.text + n + 1, word.at + n + 1, equals ? word.len - n - 1 : 0 };
		_cleanup_free_ char *name = strndup(word.text, n), *value = NULL;

		if (!name)
			return work_no_memory(w);
		if (!strv_has(w->out->args, name) && strv_add(&w->out->args, name) < 0)
			return work_no_memory(w);
		if (w->stages)
			continue;
		given = dockerfile_variable(w->q->args, name, n);
		if (!given && !equals)
			continue;
		value = given ? strdup(given) : work_expand(w, &rest);
		if (!value)
			return given ? work_no_memory(w) : -1;
		if (strv_addf(&w->vars, "%s=%s", name, value) < 0)
			return work_no_memory(w);
	}
	return 0;
}

/* FROM [--platform=P] IMAGE [AS NAME] */
static int take_from(struct dockerfile_work *w, size_t at)
{
	struct word word, value, stage = { "", 0, 0 };
	_cleanup_free_ char *name = NULL, *platform = NULL, *called = NULL;
	struct error why = { 0 };

	w->platform = w->q->target;
	if (!work_word(w, &at, &word))
		return work_fail(w, "FROM names no image");
	if (word_is_flag(&word, "platform", &value)) {
		platform = work_expand(w, &value);
		if (!platform)
			return -1;
		if (*platform && platform_parse(platform, &w->platform, &why) < 0)
			return error_move(w->err, &why), error_wrap(w->err, "%s:%u", w->q->name, w->line.number);
		if (!work_word(w, &at, &word))
			return work_fail(w, "FROM names no image");
	}
	name = work_expand(w, &word);
	if (!name)
		return -1;
	if (!*name)
		return work_fail(w, "FROM: the name of the image is empty: a build argument is missing");
	if (!str_eq(name, "scratch") && !work_has_stage(w, name) && work_add_image(w, &word, name, &w->platform) < 0)
		return -1;
	if (work_word(w, &at, &value) && (!word_is(&value, "as") || !work_word(w, &at, &stage)))
		return work_fail(w, "FROM IMAGE AS NAME is how a stage gets a name");
	called = strndup(stage.text, stage.len);
	if (!called || strv_len(w->stages) == STAGES_MAX)
		return called ? work_fail(w, "too many stages") : work_no_memory(w);
	return strv_add(&w->stages, called) < 0 ? work_no_memory(w) : 0;
}

/* A stage or an image that files are taken from. */
static int take_source(struct dockerfile_work *w, const struct word *word)
{
	_cleanup_free_ char *name = strndup(word->text, word->len);

	if (!name)
		return work_no_memory(w);
	if (strchr(name, '$'))
		return work_fail(w, "from= takes no variables: give the image a stage of its own (FROM ... AS NAME)");
	if (!*name || work_has_stage(w, name))
		return 0;
	return work_add_image(w, word, name, &w->q->target);
}

/* --mount=type=bind,from=NAME,... */
static int take_mount(struct dockerfile_work *w, const struct word *value)
{
	size_t at = 0;

	while (at < value->len) {
		const char *field = value->text + at, *comma = memchr(field, ',', value->len - at);
		size_t n = comma ? (size_t)(comma - field) : value->len - at;
		struct word from = { field + 5, value->at + at + 5, n - 5 };

		if (n >= 5 && strncasecmp(field, "from=", 5) == 0 && take_source(w, &from) < 0)
			return -1;
		at += n + 1;
	}
	return 0;
}

static bool is_git(const char *source)
{
	size_t n = strcspn(source, "#?");

	return str_starts(source, "git@") || str_starts(source, "git://") || str_starts(source, "ssh://") ||
		(n > 4 && strncmp(source + n - 4, ".git", 4) == 0 && strstr(source, "://"));
}

/* What ADD takes from the network. */
static int take_addition(struct dockerfile_work *w, const struct word *word)
{
	const char *text = word->text;
	size_t skip = 0, n;
	_cleanup_free_ char *source = NULL;

	while (skip < word->len && strchr("[\",'", text[skip]))
		skip++;
	n = word->len - skip;
	while (n && strchr("]\",'", text[skip + n - 1]))
		n--;
	source = strndup(text + skip, n);
	if (!source)
		return work_no_memory(w);
	if (is_git(source) && !w->out->download_git) {
		w->out->download_git = true;
		w->out->git_line = w->line.number;
	}
	if (w->out->download || (!is_git(source) && !str_starts(source, "http://") && !str_starts(source, "https://")))
		return 0;
	w->out->download_line = w->line.number;
	w->out->download = steal_ptr(&source);
	return 0;
}

/* Flags, and for ADD what follows them. */
static int take_flags(struct dockerfile_work *w, size_t at, const char *flag, bool mount, bool addition)
{
	struct word word, value;
	bool flags = true;

	while (work_word(w, &at, &word)) {
		flags = flags && word.len > 2 && strncmp(word.text, "--", 2) == 0;
		if (!flags && !addition)
			return 0;
		if (!flags && take_addition(w, &word) < 0)
			return -1;
		if (flags && word_is_flag(&word, flag, &value) &&
		    (mount ? take_mount(w, &value) : take_source(w, &value)) < 0)
			return -1;
	}
	return 0;
}

static int work_take_line(struct dockerfile_work *w)
{
	struct word word;
	size_t at = 0;

	if (w->line.heredoc && !w->out->heredoc)
		w->out->heredoc = w->line.number;
	if (!work_word(w, &at, &word))
		return 0;
	if (word_is(&word, "ARG"))
		return take_arg(w, at);
	if (word_is(&word, "FROM"))
		return take_from(w, at);
	if (!w->stages)
		return work_fail(w, "the first instruction has to be FROM (or ARG)");
	if (word_is(&word, "COPY"))
		return take_flags(w, at, "from", false, false);
	if (word_is(&word, "ADD"))
		return take_flags(w, at, "from", false, true);
	if (word_is(&word, "RUN"))
		return take_flags(w, at, "mount", true, false);
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static int add_platform(char ***vars, const char *which, const struct platform *p)
{
	return strv_addf(vars, "%sPLATFORM=%s", which, platform_text(p)) < 0 ||
			strv_addf(vars, "%sOS=%s", which, p->os) < 0 ||
			strv_addf(vars, "%sARCH=%s", which, p->arch) < 0 ||
			strv_addf(vars, "%sVARIANT=%s", which, p->variant) < 0
		? -1
		: 0;
}

static int work_run(struct dockerfile_work *w, const char *text, size_t len)
{
	int r;

	if (memchr(text, '\0', len))
		return error_say(w->err, EINVAL, "%s: has a NUL byte: it is no text", w->q->name);
	if (add_platform(&w->vars, "BUILD", &w->q->build) < 0 || add_platform(&w->vars, "TARGET", &w->q->target) < 0)
		return work_no_memory(w);
	dockerfile_reader_begin(&w->reader, text, len);
	while ((r = dockerfile_reader_next(&w->reader, &w->line)) > 0)
		if (work_take_line(w) < 0)
			return -1;
	if (r < 0)
		return work_no_memory(w);
	return w->stages ? 0 : error_say(w->err, EINVAL, "%s: there is no FROM in it", w->q->name);
}

int dockerfile_parse(const char *text, size_t len, const struct dockerfile_question *q, struct dockerfile *out,
		     struct error *err)
{
	struct dockerfile_work w = { .q = q, .out = out, .err = err };
	int r;

	*out = (struct dockerfile){ 0 };
	r = work_run(&w, text, len);
	dockerfile_line_clear(&w.line);
	strv_free(w.vars);
	strv_free(w.stages);
	if (r < 0)
		dockerfile_clear(out);
	return r;
}

void dockerfile_clear(struct dockerfile *d)
{
	size_t i;

	for (i = 0; i < d->image_count; i++)
		free(d->images[i].name);
	free(d->images);
	strv_free(d->args);
	free(d->download);
	*d = (struct dockerfile){ 0 };
}

char *dockerfile_rename(const char *text, size_t len, const struct dockerfile *d, char *const *names)
{
	struct buf out = { 0 };
	size_t at = 0, i;
	char *renamed;
	int r = 0;

	for (i = 0; r == 0 && i < d->image_count; i++) {
		const struct dockerfile_image *image = &d->images[i];

		r = buf_add(&out, text + at, image->at - at) < 0 || buf_addstr(&out, names[i]) < 0 ? -1 : 0;
		at = image->at + image->len;
	}
	renamed = r == 0 && buf_add(&out, text + at, len - at) == 0 ? buf_steal_text(&out) : NULL;
	buf_free(&out);
	return renamed;
}
