/* Platforms: the words of GOOS and GOARCH. */
#include "platform.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "str.h"

const char *platform_goarch(const char *machine)
{
	static const struct {
		const char *machine, *goarch;
	} names[] = {
		{ "x86_64", "amd64" },    { "aarch64", "arm64" },   { "armv7l", "arm" },
		{ "armv6l", "arm" },      { "i686", "386" },        { "i386", "386" },
		{ "ppc64le", "ppc64le" }, { "riscv64", "riscv64" }, { "s390x", "s390x" },
	};

	for (size_t i = 0; i < array_len(names); i++)
		if (str_eq(machine, names[i].machine))
			return names[i].goarch;
	return machine;
}

const char *platform_elf(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "amd64";
	case EM_AARCH64:
		return "arm64";
	case EM_RISCV:
		return "riscv64";
	default:
		return "";
	}
}

struct platform platform_host(void)
{
	struct platform p = { .os = "linux" };
	struct utsname u;

	if (uname(&u) == 0)
		snprintf(p.arch, sizeof(p.arch), "%.*s", (int)sizeof(p.arch) - 1, platform_goarch(u.machine));
	return p;
}

int platform_word(char *out, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n >= size ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return -1;
	memcpy(out, text, n + 1);
	return 0;
}

int platform_parse(const char *text, struct platform *out, struct error *err)
{
	_cleanup_strv_ char **part = strv_split(text, "/");
	size_t n = part ? strv_len(part) : 0;

	*out = (struct platform){ .os = "linux" };
	if (!part && *text)
		return error_set(err, ENOMEM, "platform");
	if (n == 1 && !strchr(text, '/') && platform_word(out->arch, sizeof(out->arch), platform_goarch(part[0])) == 0)
		return 0;
	if ((n == 2 || n == 3) && platform_word(out->os, sizeof(out->os), part[0]) == 0 &&
	    platform_word(out->arch, sizeof(out->arch), platform_goarch(part[1])) == 0 &&
	    (n == 2 || platform_word(out->variant, sizeof(out->variant), part[2]) == 0))
		return 0;
	return error_say(err, EINVAL, "\"%.60s\" is no platform: OS/ARCHITECTURE as in linux/amd64", text);
}

bool platform_match(const struct platform *wanted, const struct platform *have)
{
	return str_eq(wanted->os, have->os) && str_eq(wanted->arch, have->arch) &&
		(!wanted->variant[0] || str_eq(wanted->variant, have->variant));
}

const char *platform_text(const struct platform *p)
{
	static char text[sizeof(struct platform) + 4];

	snprintf(text, sizeof(text), "%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "", p->variant);
	return text;
}
