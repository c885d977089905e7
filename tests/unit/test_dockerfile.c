/* What pith reads of a Dockerfile: images of elsewhere, arguments, here-documents, downloads. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "dockerfile.h"
#include "str.h"
#include "tap.h"

static char *const given[] = { "TAG=9", "EMPTY=", NULL };

static int parse(const char *text, struct dockerfile *d, struct error *err)
{
	struct dockerfile_question q = { .name = "p/Dockerfile", .args = given };

	platform_parse("linux/arm64", &q.target, NULL);
	platform_parse("linux/amd64", &q.build, NULL);
	return dockerfile_parse(text, strlen(text), &q, d, err);
}

/* "LINE NAME PLATFORM; ..." of all images. */
static char *images(const struct dockerfile *d)
{
	struct buf out = { 0 };
	char *text;
	size_t i;

	buf_addstr(&out, "");
	for (i = 0; i < d->image_count; i++)
		buf_addf(&out, "%s%u %s %s", i ? "; " : "", d->images[i].line, d->images[i].name,
			 platform_text(&d->images[i].platform));
	text = buf_steal_text(&out);
	return text ? text : strdup("");
}

static void good(void)
{
	static const struct {
		const char *what, *text, *images;
		unsigned heredoc;
	} cases[] = {
		{ "scratch is none", "FROM scratch\n", "", 0 },
		{ "one image", "FROM alpine:3.21", "1 alpine:3.21 linux/arm64", 0 },
		{ "letters of instructions", "from alpine as x\nfrom X\n", "1 alpine linux/arm64", 0 },
		{ "stages by name and number",
		  "FROM a AS one\nFROM b\nCOPY --from=ONE / /\nCOPY --from=1 / /\nCOPY --from=c / /\n",
		  "1 a linux/arm64; 2 b linux/arm64; 5 c linux/arm64", 0 },
		{ "a later stage is no stage yet", "FROM two\nFROM x AS two\n", "1 two linux/arm64; 2 x linux/arm64",
		  0 },
		{ "arguments, given and by default", "ARG IMG=alpine\nARG TAG=1\nFROM ${IMG}:${TAG}\n",
		  "3 alpine:9 linux/arm64", 0 },
		{ "arguments of arguments", "ARG A=x B=${A}y\nFROM \"$B\"\n", "2 xy linux/arm64", 0 },
		{ "defaults in place", "ARG EMPTY\nFROM ${NONE:-a}${EMPTY:-b}${EMPTY-c}${TAG:+d}\n", "2 ab linux/arm64",
		  0 },
		{ "defaults with TAG declared", "ARG TAG\nFROM ${NONE:-${TAG:+x${TAG}}}\n", "2 x9 linux/arm64", 0 },
		{ "an argument of a stage is not FROM's", "ARG A=1\nFROM x:$A\nARG A=2\nFROM y:$A\n",
		  "2 x:1 linux/arm64; 4 y:1 linux/arm64", 0 },
		{ "platforms",
		  "FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/riscv64 a\nFROM a-${TARGETARCH}\n",
		  "1 a linux/amd64; 2 a linux/riscv64; 3 a-arm64 linux/arm64", 0 },
		{ "mounts",
		  "FROM a AS s\nRUN --mount=type=bind,from=tools,source=/x --mount=from=s,target=/y --network=none "
		  "make\n",
		  "1 a linux/arm64; 2 tools linux/arm64", 0 },
		{ "what only looks like a flag", "FROM a\nRUN echo --mount=from=b\nCOPY x --from=c\n",
		  "1 a linux/arm64", 0 },
		{ "continued lines, comments in them",
		  "FROM a\nRUN x \\\n  # y\n\n  && z\nCOPY \\\n --from=b \\\n / /\n",
		  "1 a linux/arm64; 6 b linux/arm64", 0 },
		{ "an escaped escape continues nothing", "FROM a\nRUN x \\\\\nCOPY --from=b / /\n",
		  "1 a linux/arm64; 3 b linux/arm64", 0 },
		{ "the other escape", "# syntax=x\n# escape=`\nFROM a\nRUN x `\nFROM b\nCOPY --from=c / /\n",
		  "3 a linux/arm64; 6 c linux/arm64", 0 },
		{ "a directive behind a comment is one no more", "# x\n# escape=`\nFROM a\nRUN x \\\nFROM b\n",
		  "3 a linux/arm64", 0 },
		{ "carriage returns", "FROM a\r\nCOPY --from=b / /\r\n", "1 a linux/arm64; 2 b linux/arm64", 0 },
		{ "a mark of the byte order",
		  "\xef\xbb\xbf"
		  "FROM a\n",
		  "1 a linux/arm64", 0 },
		{ "a here-document", "FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY --from=c / /\n",
		  "1 a linux/arm64; 5 c linux/arm64", 2 },
		{ "two, one with tabs", "FROM a\nRUN cat <<A >x 3<<-'B'\nB\nA\nFROM b\n\tB\nFROM c\n",
		  "1 a linux/arm64; 7 c linux/arm64", 2 },
		{ "no here-documents",
		  "FROM a\nRUN x <<< y\nRUN echo \"a <<EOF\"\nRUN echo $((1<<2))\nENV A <<B\nFROM b\n",
		  "1 a linux/arm64; 6 b linux/arm64", 0 },
		{ "of a trigger", "FROM a\nONBUILD RUN <<E\nFROM b\nE\n", "1 a linux/arm64", 2 },
		{ "a file that ends in a continued line", "FROM a\nRUN x \\\n", "1 a linux/arm64", 0 },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_dockerfile_ struct dockerfile d = { 0 };
		_cleanup_error_ struct error err = { 0 };
		int r = parse(cases[i].text, &d, &err);
		_cleanup_free_ char *found = images(&d);

		ok(r == 0 && d.heredoc == cases[i].heredoc, "%s: read, here-document in line %u (%s)", cases[i].what,
		   d.heredoc, r ? error_text(&err) : "good");
		ok_str(found, cases[i].images, cases[i].what);
	}
}

static void bad(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "p/Dockerfile: there is no FROM in it" },
		{ "RUN x\n", "p/Dockerfile:1: the first instruction has to be FROM (or ARG)" },
		{ "\nFROM\n", "p/Dockerfile:2: FROM names no image" },
		{ "ARG A\nFROM $A\n",
		  "p/Dockerfile:2: FROM: the name of the image is empty: a build argument is missing" },
		{ "FROM ${A\n", "p/Dockerfile:1: ${ has no }" },
		{ "FROM ${A%x}\n",
		  "p/Dockerfile:1: ${A%x} is not understood: ${NAME}, ${NAME:-TEXT} and ${NAME:+TEXT} are" },
		{ "FROM a b\n", "p/Dockerfile:1: FROM IMAGE AS NAME is how a stage gets a name" },
		{ "FROM a\nCOPY --from=$X / /\n",
		  "p/Dockerfile:2: from= takes no variables: give the image a stage of its own (FROM ... AS NAME)" },
		{ "FROM al\\\npine\n",
		  "p/Dockerfile:1: the name of an image goes over the end of a line: write it on one" },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_dockerfile_ struct dockerfile d = { 0 };
		_cleanup_error_ struct error err = { 0 };

		ok(parse(cases[i].text, &d, &err) < 0, "refused: %s", cases[i].message);
		ok_str(error_text(&err), cases[i].message, "the reason");
	}
}

static void nested(void)
{
	_cleanup_dockerfile_ struct dockerfile d = { 0 };
	_cleanup_error_ struct error err = { 0 };
	char text[512] = "FROM ";
	int i;

	for (i = 0; i < 60; i++)
		strcat(text, "${A:-");
	for (i = 0; i < 60; i++)
		strcat(text, "}");
	ok(parse(text, &d, &err) < 0 && strstr(error_text(&err), "no more than"), "variables nest to a bound");
}

static void additions(void)
{
	static const struct {
		const char *text, *download;
		unsigned line, git;
	} cases[] = {
		{ "FROM a\nADD x.tar /\nADD https://h/x /y\nADD http://h/z /\n", "https://h/x", 3, 0 },
		{ "FROM a\nADD [\"https://h/x\", \"/y\"]\n", "https://h/x", 2, 0 },
		{ "FROM a\nADD --chown=1 https://h/x.git#v1 .\n", "https://h/x.git#v1", 2, 2 },
		{ "FROM a\nADD git@h:x.git .\n", "git@h:x.git", 2, 2 },
		{ "FROM a\nADD x.git /\nCOPY https://h/x /\n", NULL, 0, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_dockerfile_ struct dockerfile d = { 0 };

		ok(parse(cases[i].text, &d, NULL) == 0 && d.download_line == cases[i].line &&
			   d.git_line == cases[i].git && d.download_git == (cases[i].git > 0),
		   "ADD from the network: line %u, of git %u", d.download_line, d.git_line);
		ok_str(d.download ? d.download : "none", cases[i].download ? cases[i].download : "none",
		       "what it takes");
	}
}

static void renames(void)
{
	static const char text[] =
		"# FROM a\nFROM --platform=linux/amd64 a AS a\nRUN --mount=from=b,target=/m \\\n  x a b\n"
		"COPY --from=b a b\nCOPY --from=a a b\n";
	_cleanup_dockerfile_ struct dockerfile d = { 0 };
	char *const names[] = { "one", "localhost/two:latest", "3", NULL };
	_cleanup_free_ char *renamed = NULL;

	ok(parse(text, &d, NULL) == 0 && d.image_count == 3, "three images are named");
	renamed = dockerfile_rename(text, strlen(text), &d, names);
	ok_str(renamed,
	       "# FROM a\nFROM --platform=linux/amd64 one AS a\nRUN --mount=from=localhost/two:latest,target=/m \\\n"
	       "  x a b\nCOPY --from=3 a b\nCOPY --from=a a b\n",
	       "they get other names, and nothing else changes");
}

static void arguments(void)
{
	_cleanup_dockerfile_ struct dockerfile d = { 0 };
	_cleanup_free_ char *all = NULL;

	ok(parse("ARG A B=1\nFROM x\nARG C=\"a b\" A\nENV D=1\n", &d, NULL) == 0, "arguments");
	all = strv_join(d.args, " ");
	ok_str(all, "A B C", "are known by name, before and in stages");
}

int main(void)
{
	good();
	bad();
	nested();
	additions();
	renames();
	arguments();
	return tap_done();
}
