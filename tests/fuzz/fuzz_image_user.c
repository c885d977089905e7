/* USER of an image, etc/passwd and etc/group, separated by NUL: what is refused is refused with words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct user_file passwd, group;
	struct error err = { 0 };
	struct image_user user;
	size_t first, second;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	first = strlen(text);
	passwd.text = first < n ? text + first + 1 : text + n;
	second = strnlen(passwd.text, (size_t)(text + n - passwd.text));
	passwd.len = second;
	group.text = passwd.text + second;
	group.len = (size_t)(text + n - group.text);
	if (user_resolve(text, passwd, group, &user, &err) < 0 ? !err.msg : user.group_count > USER_GROUPS)
		abort();
	user_is_root(text);
	error_clear(&err);
	free(text);
	return 0;
}
