/* lib/sys/mountopt: words of fstab to mount(2)'s flags. */
#include "mountopt.h"
#include "str.h"
#include "tap.h"

#include <errno.h>
#include <sys/mount.h>

int main(void)
{
	static const struct {
		const char *text;
		unsigned long flags, propagation;
		const char *data;
	} rows[] = {
		{ "", 0, 0, NULL },
		{ "defaults", 0, 0, NULL },
		{ "ro nosuid noexec", MS_RDONLY | MS_NOSUID | MS_NOEXEC, 0, NULL },
		{ "ro rw", 0, 0, NULL },
		{ "nosuid suid dev", 0, 0, NULL },
		{ "rbind ro", MS_BIND | MS_REC | MS_RDONLY, 0, NULL },
		{ "remount private", MS_REMOUNT, MS_PRIVATE, NULL },
		{ "shared rslave", 0, MS_SLAVE | MS_REC, NULL },
		{ "size=1m mode=755 ro", MS_RDONLY, 0, "size=1m,mode=755" },
		{ "lowerdir=/a upperdir=/b workdir=/c", 0, 0, "lowerdir=/a,upperdir=/b,workdir=/c" },
		{ "sync async dirsync lazytime strictatime nostrictatime", MS_DIRSYNC | MS_LAZYTIME, 0, NULL },
	};
	_cleanup_free_ char *big = calloc(1, 5001);
	char *one[] = { big, NULL };
	_cleanup_error_ struct error e = { 0 };
	struct mount_options o;
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_strv_ char **words = strv_split(rows[i].text, " ");
		_cleanup_mount_options_ struct mount_options row = { 0 };

		ok(mount_options_parse(words, &row, NULL) == 0 && row.flags == rows[i].flags &&
			   row.propagation == rows[i].propagation,
		   "flags of '%s'", rows[i].text);
		ok_str(row.data, rows[i].data, "its data");
	}
	ok(mount_options_parse(NULL, &o, NULL) == 0 && o.flags == 0, "no options at all");
	if (big) {
		memset(big, 'x', 5000);
		ok(mount_options_parse(one, &o, &e) == -1 && e.code == E2BIG,
		   "more than the kernel would read is refused");
	}
	return tap_done();
}
