#include "local.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "cloudinit.h"
#include "guestinfo.h"
#include "http.h"
#include "io.h"
#include "smbios.h"
#include "str.h"

void metadata_take(const struct buf *text, struct findings *out, net_say_fn *say)
{
	_cleanup_error_ struct error err = { 0 };

	if (text->len > 0 && cloudinit_metadata(buf_text(text), text->len, out, &err) < 0)
		say(false, "meta-data", error_text(&err));
}

/* --- VMware
 * ----------------------------------------------------------------------------------------------------------- */

/* metadata and vendordata are files of their own; metadata of cloud-init's form says more. */
static int guestinfo_add(const char *key, const char *name, struct findings *out, net_say_fn *say, struct error *err)
{
	_cleanup_buf_ struct buf value = { 0 };
	int r = guestinfo_get_decoded(backdoor_call, NULL, key, &value, err);

	if (r <= 0)
		return r;
	if (str_eq(name, "metadata"))
		metadata_take(&value, out, say);
	return findings_add(out, name, buf_bytes(&value), value.len, err) < 0 ? -1 : 1;
}

int local_vmware(struct findings *out, net_say_fn *say, struct error *err)
{
	_cleanup_buf_ struct buf userdata = { 0 };
	int metadata, user;

	if (!backdoor_probe() || !guestinfo_there(backdoor_call, NULL))
		return 0;
	metadata = guestinfo_add("guestinfo.metadata", "metadata", out, say, err);
	user = metadata < 0 ? -1 : guestinfo_get_decoded(backdoor_call, NULL, "guestinfo.userdata", &userdata, err);
	if (user < 0 || (user == 0 && metadata == 0))
		return user;
	if (user > 0)
		findings_userdata(out, &userdata);
	return guestinfo_add("guestinfo.vendordata", "vendordata", out, say, err) < 0 ? -1 : 1;
}

/* --- QEMU
 * ------------------------------------------------------------------------------------------------------------- */

int local_fw_cfg(struct findings *out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct error own = { 0 };

	if (file_read("/sys/firmware/qemu_fw_cfg/by_name/opt/org.pith/userdata/raw", USERDATA_MAX, &text, &own) < 0) {
		bool absent = own.code == ENOENT;

		error_move(err, &own);
		return absent ? 0 : -1;
	}
	findings_userdata(out, &text);
	return 1;
}

/* --- NoCloud by the serial number ------------------------------------------------------------------------------------
 */

/* From the kernel's DMI where it has that, else from the tables that QEMU made. NULL: there is none. */
static char *serial_read(void)
{
	_cleanup_buf_ struct buf table = { 0 };
	char *serial = file_line("/sys/class/dmi/id/product_serial", NULL);

	if (serial ||
	    file_read("/sys/firmware/qemu_fw_cfg/by_name/etc/smbios/smbios-tables/raw", FINDING_MAX, &table, NULL) < 0)
		return serial;
	return smbios_serial(buf_bytes(&table), table.len);
}

static int metadata_keep(const struct buf *answer, struct buf *value, struct error *err)
{
	return buf_add(value, buf_bytes(answer), answer->len) < 0 ? error_set(err, ENOMEM, "meta-data") : 0;
}

static int seed_fetch(struct loop *loop, const char *from, struct findings *out, struct buf *metadata, net_say_fn *say,
		      struct error *err)
{
	_cleanup_http_url_ struct http_url url = { 0 };
	_cleanup_free_ char *user = NULL, *meta = NULL;
	struct provider_item items[] = { { .required = true },
					 { .file = "meta-data", .convert = metadata_keep },
					 { 0 } };
	struct provider p = { .name = "nocloud", .title = "NoCloud", .items = items };
	const char *slash;

	if (http_url_parse(from, &url, err) < 0)
		return -1;
	slash = str_ends(url.target, "/") ? "" : "/";
	user = str_format("%s%suser-data", url.target, slash);
	meta = str_format("%s%smeta-data", url.target, slash);
	if (!user || !meta)
		return error_set(err, ENOMEM, "%s", from);
	p.host = url.host;
	items[0].target = user;
	items[1].target = meta;
	if (net_fetch(loop, &p, url.port, say, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (str_eq(out->list[i].name, "meta-data"))
			*metadata = out->list[i].text;
	out->count = 0; /* meta-data is read, and becomes no file */
	return 0;
}

static int seed_read(const char *folder, struct findings *out, struct buf *metadata, struct error *err)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int dir = beneath_machine_dir(folder, 0, err);
	_cleanup_buf_ struct buf user = { 0 };

	if (dir < 0 || beneath_read(dir, "user-data", USERDATA_MAX, &want, &user, err) < 0)
		return -1;
	beneath_read(dir, "meta-data", FINDING_MAX, &want, metadata, NULL); /* need not be there */
	findings_userdata(out, &user);
	return 0;
}

/* What the serial number says itself stands above the seed's meta-data. */
static int seed_take(const struct cloudinit_seed *s, const struct buf *metadata, struct findings *out, net_say_fn *say,
		     struct error *err)
{
	metadata_take(metadata, out, say);
	if (s->hostname && findings_add(out, FINDING_HOSTNAME, s->hostname, strlen(s->hostname), err) < 0)
		return -1;
	return s->instance ? findings_add(out, "instance_id", s->instance, strlen(s->instance), err) : 0;
}

int local_nocloud(struct loop *loop, struct findings *out, net_say_fn *say, struct error *err)
{
	static const char file[] = "file://";
	_cleanup_free_ char *serial = serial_read();
	_cleanup_cloudinit_seed_ struct cloudinit_seed seed = { 0 };
	_cleanup_buf_ struct buf metadata = { 0 };
	int r = serial ? cloudinit_seed_parse(serial, &seed, err) : 0;

	if (r <= 0)
		return r;
	r = 0;
	if (seed.from && str_starts(seed.from, file))
		r = seed_read(seed.from + strlen(file), out, &metadata, err);
	else if (seed.from)
		r = seed_fetch(loop, seed.from, out, &metadata, say, err);
	return r < 0 || seed_take(&seed, &metadata, out, say, err) < 0 ? -1 : 1;
}

/* --- files
 * -------------------------------------------------------------------------------------------------------------- */

int local_file(const char *path, struct findings *out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct error own = { 0 };

	if (file_read(path, USERDATA_MAX, &text, &own) < 0) {
		bool absent = own.code == ENOENT || own.code == ENOTDIR;

		error_move(err, &own);
		return absent ? 0 : -1;
	}
	findings_userdata(out, &text);
	return 1;
}
