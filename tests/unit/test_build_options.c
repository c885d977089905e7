/* The command line of `pith build`. */
#include "options.h"

#include <stdlib.h>

#include "str.h"
#include "tap.h"

static int parse(const char *line, struct build_options *o, struct error *err, char ***kept)
{
	_cleanup_free_ char *all = str_format("build %s", line);

	static const struct command c = { .name = "build", .options = build_table };
	static char *argv[64]; /* the words move in it */

	*kept = strv_split(all, " ");
	memcpy(argv, *kept, (strv_len(*kept) + 1) * sizeof(*argv));
	return build_options_parse(&c, argv, o, err);
}

static const char *const bad[] = {
	"--format vhd,dynamic-vhd a.yml",
	"--format kernel+initrd,kernel+initrd-nogz a.yml",
	"--size 0 a.yml",
	"",
	"--no-such a.yml",
	"--format",
	"--format floppy a.yml",
	"--format tar,kernel+initrd a.yml",
	"--format , a.yml",
	"--initrd zip a.yml",
	"--compress rar a.yml",
};

int main(void)
{
	struct build_options o;
	struct error err = { 0 };
	char **kept;
	size_t i;

	ok(parse("a.yml", &o, &err, &kept) == 0 && o.formats[FORMAT_KERNEL_INITRD] && !o.formats[FORMAT_TAR] &&
		   o.initrd == INITRD_AUTO && str_eq(o.inputs[0], "a.yml") && !o.inputs[1],
	   "one file is enough, kernel+initrd the default");
	strv_free(kept);
	ok(parse("-format kernel+squashfs,kernel+erofs --name=n -dir d --arch arm64 --pull --dry-run --format-errors "
		 "json "
		 "a.yml b.yml",
		 &o, &err, &kept) == 0,
	   "one dash or two, a value after = or as the next word: %s", error_text(&err));
	ok(o.formats[FORMAT_KERNEL_SQUASHFS] && o.formats[FORMAT_KERNEL_EROFS] && !o.formats[FORMAT_KERNEL_INITRD] &&
		   str_eq(o.name, "n") && str_eq(o.dir, "d") && str_eq(o.platform.arch, "arm64") && o.pull &&
		   o.dry_run && o.errors == ERRORS_JSON && str_eq(o.inputs[1], "b.yml"),
	   "each option is where it belongs");
	strv_free(kept);
	ok(parse("--format raw-bios,iso-efi,vhd --size 2G a.yml", &o, &err, &kept) == 0 && o.formats[FORMAT_RAW_BIOS] &&
		   o.formats[FORMAT_ISO_EFI] && o.formats[FORMAT_VHD] && o.size == (uint64_t)2 << 30,
	   "disks and their size: %s", error_text(&err));
	strv_free(kept);
	for (i = 0; i < FORMATS; i++)
		ok(format_names[i] && format_suffix((enum build_format)i), "format %zu has a name and a suffix", i);
	for (i = 0; i < array_len(bad); i++) {
		ok(parse(bad[i], &o, &err, &kept) < 0 && err.msg && *err.msg, "refused: build %s", bad[i]);
		error_clear(&err);
		strv_free(kept);
	}
	return tap_done();
}
