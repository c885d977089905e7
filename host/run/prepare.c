#include "run_private.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "accel.h"
#include "boot_efi.h"
#include "disk_notes.h"
#include "firmware.h"
#include "io.h"
#include "log.h"
#include "memory.h"
#include "metadata.h"
#include "state.h"
#include "str.h"
#include "virtiofs.h"
#include "wait.h"

/* Metadata is a configuration file, not a data transport. */
#define METADATA_MAX (16u << 20)

static char *program_find(const char *program)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **dirs = strv_split(path ? path : "/usr/local/bin:/usr/bin:/bin", ":");
	size_t i;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? strdup(program) : NULL;
	for (i = 0; dirs && dirs[i]; i++) {
		char *full = str_format("%s/%s", dirs[i], program);

		if (full && access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

static int choose_arch(struct run *r, struct error *err)
{
	static struct utsname host;
	struct run_options *o = &r->options;

	if (o->arch && r->boot.arch && !str_eq(o->arch, r->boot.arch))
		return error_set(err, 0, "--arch %s: %s is a kernel for %s: `pith build --arch` makes another", o->arch,
				 r->boot.kernel, r->boot.arch);
	if (!o->arch)
		o->arch = r->boot.arch;
	if (!o->arch)
		o->arch = uname(&host) == 0 && str_eq(host.machine, "aarch64") ? "aarch64" : "x86_64";
	return 0;
}

static int find_qemu(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	_cleanup_free_ char *name = o->qemu ? strdup(o->qemu) : str_format("qemu-system-%s", o->arch);

	if (!name)
		return error_set(err, ENOMEM, "QEMU");
	r->program = program_find(name);
	if (r->program)
		return 0;
	if (o->qemu)
		return error_set(err, 0, "--qemu %s: there is no such program", o->qemu);
	return error_set(err, 0, "%s is not installed: apt-get install qemu-system-%s, or name it with --qemu", name,
			 str_eq(o->arch, "aarch64") ? "arm" : "x86");
}

static int check_ports(const struct run *r, struct error *err)
{
	size_t i;

	for (i = 0; i < r->options.port_count; i++)
		if (publish_check(&r->options.ports[i], err) < 0)
			return -1;
	return 0;
}

static int disk_note(struct buf *notes, const char *id, const char *format, const char *path, struct error *err)
{
	_cleanup_buf_ struct buf old = *notes;

	*notes = (struct buf){ 0 };
	return id ? disk_notes_set(notes, buf_text(&old), id, format, path, err) : 0;
}

/* Before any guest writes into them. */
static int note_disks(struct run *r, struct buf *notes, struct error *err)
{
	_cleanup_free_ char *before = strdup(buf_text(notes));
	size_t i;

	if (!before)
		return error_set(err, ENOMEM, "disks");
	if (r->root.id && disk_note(notes, r->root.id, r->root.name, r->boot.root, err) < 0)
		return -1;
	for (i = 0; i < r->options.disk_count; i++) {
		const struct disk *d = &r->options.disks[i];

		if (disk_note(notes, d->id, d->format, d->path, err) < 0)
			return -1;
	}
	if (str_eq(before, buf_text(notes)))
		return 0;
	if (state_made(&r->state, DISK_NOTES, err) < 0)
		return -1;
	return state_write(&r->state, DISK_NOTES, buf_text(notes), notes->len, err);
}

static int prepare_disks(struct run *r, struct error *err)
{
	_cleanup_buf_ struct buf notes = { 0 };
	_cleanup_error_ struct error why = { 0 };
	struct disk_wish wish = { .format = r->options.format, .option = "--format=" };
	size_t i;

	if (state_read(&r->state, DISK_NOTES, DISK_NOTES_MAX, &notes, &why) < 0 && why.code != ENOENT)
		return error_move(err, &why);
	wish.notes = buf_text(&notes);
	if (r->boot.kind == BOOT_DISK && disk_format(r->boot.root, &wish, &r->root, err) < 0)
		return -1;
	for (i = 0; i < r->options.disk_count; i++) {
		struct disk *d = &r->options.disks[i];

		if (disk_prepare(d, &r->state, (unsigned)i, wish.notes, err) < 0)
			return -1;
		if (d->note)
			log_info("%s", d->note);
	}
	return note_disks(r, &notes, err);
}

static int read_metadata(struct run *r, struct error *err)
{
	if (r->options.data_file && file_read(r->options.data_file, METADATA_MAX, &r->data, err) < 0)
		return error_wrap(err, "metadata");
	if (r->options.data && buf_addstr(&r->data, r->options.data) < 0)
		return error_set(err, ENOMEM, "metadata");
	return 0;
}

static int prepare_metadata(struct run *r, struct error *err)
{
	static const char name[] = "data.iso";
	_cleanup_buf_ struct buf image = { 0 };

	if (!r->options.data && !r->options.data_file)
		return 0;
	r->metadata = state_path(&r->state, name, err);
	if (!r->metadata || metadata_image(buf_bytes(&r->data), r->data.len, &image, err) < 0 ||
	    state_made(&r->state, name, err) < 0)
		return -1;
	return state_write(&r->state, name, buf_bytes(&image), image.len, err);
}

/* The firmware's variables are the machine's own. */
static int prepare_firmware(struct run *r, struct error *err)
{
	static const char name[] = "uefi-vars.fd";
	_cleanup_(buf_free) struct buf vars = { 0 };
	struct stat st;

	if (!r->options.uefi)
		return 0;
	if (firmware_find(r->options.firmware, r->options.arch, &r->firmware, err) < 0)
		return -1;
	if (!r->firmware.vars)
		return 0;
	r->vars = state_path(&r->state, name, err);
	if (!r->vars || state_adopt(&r->state, name, err) < 0 || file_read(r->firmware.vars, 64u << 20, &vars, err) < 0)
		return -1;
	/* Those of a firmware of another size would send this one astray. */
	if (stat(r->vars, &st) == 0 && st.st_size == (off_t)vars.len)
		return 0;
	if (state_made(&r->state, name, err) < 0)
		return -1;
	return state_write(&r->state, name, buf_bytes(&vars), vars.len, err);
}

static int check_shares(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	size_t i;

	if (!o->virtiofs)
		return 0;
	r->virtiofsd = virtiofs_find(o->virtiofsd, r->program, err);
	if (!r->virtiofsd)
		return -1;
	for (i = 0; o->virtiofs[i]; i++) {
		char *path = NULL;

		if (virtiofs_check(o->virtiofs[i], &path, err) < 0) {
			free(path);
			return -1;
		}
		if (strv_take(&r->directories, path) < 0)
			return error_set(err, ENOMEM, "--virtiofs");
	}
	return 0;
}

static int check_tpm(struct run *r, struct error *err)
{
	if (!r->options.tpm)
		return 0;
	r->swtpm = program_find("swtpm");
	return r->swtpm ? 0 : error_set(err, 0, "--tpm: swtpm is not installed: apt-get install swtpm");
}

static int open_state(struct run *r, struct error *err)
{
	_cleanup_free_ char *dir = r->options.state ? strdup(r->options.state) : str_format("%s-state", r->boot.prefix);

	return dir ? state_open(&r->state, dir, err) : error_set(err, ENOMEM, "state directory");
}

/* Whoever says what the format of a disk is means that the file is a disk. */
static enum boot_kind kind_wanted(const struct run_options *o)
{
	return o->kind == BOOT_ANY && o->format && access(o->name, F_OK) == 0 ? BOOT_DISK : o->kind;
}

static int check_bus(const struct run *r, struct error *err)
{
	enum disk_bus bus = r->options.bus;

	if (bus == DISK_AUTO || r->boot.kind == BOOT_DISK)
		return 0;
	if (r->boot.kind != BOOT_ISO)
		return error_set(err, 0, "--bus %s is for a disk or an ISO image, and %s is a kernel with its root",
				 disk_buses[bus], r->options.name);
	if (bus == DISK_VIRTIO || bus == DISK_NVME)
		return error_set(err, 0, "--bus %s: a CD is attached to scsi, sata or usb (--format=raw: a disk)",
				 disk_buses[bus]);
	return 0;
}

int run_look(struct run *r, struct error *err)
{
	struct run_options *o = &r->options;

	if (boot_find(o->name, kind_wanted(o), &r->boot, err) < 0 || check_bus(r, err) < 0)
		return -1;
	o->uefi |= boot_is_efi(&r->boot);
	if (choose_arch(r, err) < 0 || find_qemu(r, err) < 0 || boot_check(&r->boot, err) < 0 ||
	    check_ports(r, err) < 0 || check_shares(r, err) < 0 || check_tpm(r, err) < 0)
		return -1;
	/* a firmware has its own ways to place them */
	if (!o->low_memory && !o->uefi && memory_check(&r->boot, o->memory, err) < 0)
		return -1;
	return read_metadata(r, err);
}

int run_prepare(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;

	if (open_state(r, err) < 0 || prepare_disks(r, err) < 0 || prepare_metadata(r, err) < 0 ||
	    prepare_firmware(r, err) < 0)
		return -1;
	r->mac = state_mac(&r->state, err);
	r->uuid = r->mac ? file_line("/proc/sys/kernel/random/uuid", err) : NULL;
	if (!r->uuid)
		return -1;
	return accel_choose(o->accel, o->arch, r->program, &r->accel, err);
}
