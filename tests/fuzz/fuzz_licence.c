/* Licences: what comes out is an expression of SPDX, and every name of ours in it is explained. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "licence.h"
#include "str.h"

static void expression_check(const char *text, const struct licence_refs *refs)
{
	const char *ref;

	if (strv_len(refs->names) != strv_len(refs->texts) || !*text)
		abort();
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(" ().-", *p))
			abort();
	for (ref = strstr(text, "LicenseRef-"); ref; ref = strstr(ref + 1, "LicenseRef-")) {
		_cleanup_free_ char *name = strndup(ref, strcspn(ref, " ()"));

		if (ref > text && !strchr(" (", ref[-1]))
			continue; /* inside of a name */
		if (!refs->names || !strv_has(refs->names, name))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(licence_refs_clear) struct licence_refs refs = { 0 }, more = { 0 };
	_cleanup_free_ char *text = malloc(n + 1), *expression = NULL, *copyright = NULL;

	memcpy(text, data, n);
	if (licence_expression((struct slice){ text, n }, &refs, &expression) == 0 && expression)
		expression_check(expression, &refs);
	if (copyright_expression(text, n, &more, &copyright) == 0 && copyright)
		expression_check(copyright, &more);
	return 0;
}
