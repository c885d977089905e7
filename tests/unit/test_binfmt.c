/* Lines of binfmt.d files. */
#include "rule.h"

#include "str.h"
#include "tap.h"

static int parse(const char *line, size_t n, struct rule *rule)
{
	struct error err = { 0 };
	int r = rule_parse(line, n, rule, &err);

	if (r < 0 && !err.msg)
		r = -2; /* an error that says nothing */
	error_clear(&err);
	return r;
}

int main(void)
{
	static const struct {
		const char *line, *name, *text;
	} good[] = {
		{ ":qemu-arm:M:0:\\x7fELF::/usr/bin/qemu-arm:F", "qemu-arm",
		  ":qemu-arm:M:0:\\x7fELF::/usr/bin/qemu-arm:F" },
		{ "  ,java,E,,class,,/bin/java,\t\r", "java", ",java,E,,class,,/bin/java," },
		{ ":a:", "a", ":a:" },
	};
	static const char *const nothing[] = { "", "  ", "# :a:M", "; :a:M", "\t\r" };
	static const char *const bad[] = { ":",      "::M",   ":a",   "a",           ":../x:M",
					   ":a/b:M", ":..:M", ":.:M", ":register:M", ":status:M" };
	char line[RULE_MAX + 2];
	struct rule rule;

	for (size_t i = 0; i < array_len(good); i++) {
		ok(parse(good[i].line, strlen(good[i].line), &rule) == 1, "a rule: %s", good[i].line);
		ok_str(rule.name, good[i].name, "its name");
		ok_str(rule.text, good[i].text, "its text");
	}
	for (size_t i = 0; i < array_len(nothing); i++)
		ok(parse(nothing[i], strlen(nothing[i]), &rule) == 0, "nothing: \"%s\"", nothing[i]);
	for (size_t i = 0; i < array_len(bad); i++)
		ok(parse(bad[i], strlen(bad[i]), &rule) == -1, "refused: %s", bad[i]);
	ok(parse(":a:\0", 4, &rule) == -1, "refused: a NUL");
	memset(line, 'a', sizeof(line));
	line[0] = line[RULE_NAME_MAX + 1] = ':';
	ok(parse(line, RULE_MAX, &rule) == 1 && strlen(rule.name) == RULE_NAME_MAX,
	   "the longest rule, with the longest name");
	ok(parse(line, RULE_MAX + 1, &rule) == -1, "one that is longer");
	line[RULE_NAME_MAX + 1] = 'a';
	line[RULE_NAME_MAX + 2] = ':';
	ok(parse(line, RULE_MAX, &rule) == -1, "a name that is longer");
	return tap_done();
}
