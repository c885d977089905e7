/* Databases of packages: whatever the bytes are, a package that is told of has a name and a version without blanks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "str.h"

static void slice_check(struct slice s, bool needed)
{
	if (s.len > FOUND_TEXT_MAX || (needed && !s.len))
		abort();
	for (size_t i = 0; needed && i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ')
			abort();
	for (size_t i = 0; i < s.len; i++)
		if (((volatile const char *)s.at)[i] == 1) /* read all of it: the sanitizer sees what is not there */
			break;
}

static int package_check(void *data, const struct found_package *p, struct error *err)
{
	(void)data;
	(void)err;
	slice_check(p->name, true);
	slice_check(p->version, true);
	slice_check(p->arch, false);
	slice_check(p->licence, false);
	slice_check(p->maintainer, false);
	slice_check(p->source, false);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	struct slice id, version;
	uint8_t *copy;
	int r = 0;

	if (n < 1)
		return 0;
	copy = malloc(n);
	memcpy(copy, data + 1, n - 1);
	n--;
	switch (data[0]) {
	case 'd':
		r = dpkg_parse((char *)copy, n, package_check, NULL, &err);
		break;
	case 'a':
		r = apk_parse((char *)copy, n, package_check, NULL, &err);
		break;
	case 's':
		r = rpm_sqlite_parse(copy, n, package_check, NULL, &err);
		break;
	case 'n':
		r = rpm_ndb_parse(copy, n, package_check, NULL, &err);
		break;
	case 'h':
		r = rpm_header_parse(copy, n, package_check, NULL, &err);
		break;
	default:
		os_release_parse((char *)copy, n, &id, &version);
		slice_check(id, false);
		slice_check(version, false);
	}
	if (r < 0 && !err.msg)
		abort();
	free(copy);
	return 0;
}
