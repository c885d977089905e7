/* Lines of sysctl.d and sysfs.d files: a path that is taken stays below /proc/sys or /sys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (enum setting_names names = SETTING_DOTS; names <= SETTING_SLASHES; names++) {
		struct setting s;
		struct error err = { 0 };
		int r = setting_parse((const char *)data, n, names, &s, &err);

		if (r < 0 && !err.msg)
			abort();
		if (r > 0 &&
		    (!memchr(s.path, '\0', sizeof(s.path)) || !memchr(s.value, '\0', sizeof(s.value)) ||
		     s.path[0] == '/' || s.path[0] == '\0' || strstr(s.path, "..")))
			abort();
		error_clear(&err);
	}
	return 0;
}
