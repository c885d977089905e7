#include "firmware.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "str.h"

static const struct {
	const char *arch, *code, *vars, *package;
} known[] = {
	{ "x86_64", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf" },
	{ "x86_64", "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", "ovmf" },
	{ "x86_64", "/usr/share/ovmf/bios.bin", NULL, "ovmf" }, /* LinuxKit's default */
	{ "aarch64", "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd", "qemu-efi-aarch64" },
};

static int take(const char *code, const char *vars, struct firmware *out, struct error *err)
{
	out->code = strdup(code);
	out->vars = vars && access(vars, R_OK) == 0 ? strdup(vars) : NULL;
	return out->code ? 0 : error_set(err, ENOMEM, "firmware");
}

int firmware_find(const char *asked, const char *arch, struct firmware *out, struct error *err)
{
	const char *package = NULL;
	size_t i;

	*out = (struct firmware){ 0 };
	if (asked && access(asked, R_OK) < 0)
		return error_set(err, errno, "firmware %s", asked);
	for (i = 0; i < array_len(known); i++) {
		if (asked ? str_eq(asked, known[i].code)
			  : str_eq(arch, known[i].arch) && access(known[i].code, R_OK) == 0)
			return take(known[i].code, known[i].vars, out, err);
		if (str_eq(arch, known[i].arch))
			package = known[i].package;
	}
	if (asked)
		return take(asked, NULL, out, err);
	return error_set(err, 0, "no UEFI firmware for %s is installed: apt-get install %s, or name one with --fw",
			 arch, package ? package : "it");
}

void firmware_clear(struct firmware *f)
{
	free(f->code);
	free(f->vars);
	*f = (struct firmware){ 0 };
}
