/* RPM's ndb (SUSE): Packages.db, little-endian.
 *
 *   header   "RpmP", version, generation, pages of slots, next number (4 each); slots begin behind 32 bytes
 *   slot     "Slot", package number (0: free), place of the blob in units of 16 bytes, its length in units
 *   blob     "BlbS", package number, generation, bytes of the header; then the package's header
 *
 * Slots are 16 bytes, pages 4096. */
#include <errno.h>

#include "rpm_private.h"

enum { PAGE = 4096, SLOT = 16, UNIT = 16, FIRST_SLOT = 32, BLOB_HEAD = 16, SLOT_PAGES_MAX = 4096 };

struct ndb {
	const uint8_t *db;
	size_t n;
	uint64_t left; /* bytes that headers may still have: no two share theirs */
};

static int blob_parse(struct ndb *ndb, const uint8_t *slot, found_fn *fn, void *data, struct error *err)
{
	uint64_t at = (uint64_t)read_le32(slot + 8) * UNIT;
	const uint8_t *blob = ndb->db + at;
	uint32_t len;

	if (at + BLOB_HEAD > ndb->n || memcmp(blob, "BlbS", 4) != 0 || read_le32(blob + 4) != read_le32(slot + 4))
		return error_say(err, EINVAL, "package %u is not where its slot says", read_le32(slot + 4));
	len = read_le32(blob + 12);
	if (len > RPM_HEADER_MAX || ndb->n - at - BLOB_HEAD < len || len > ndb->left)
		return error_say(err, EINVAL, "package %u is cut short", read_le32(slot + 4));
	ndb->left -= len;
	return rpm_header_parse(blob + BLOB_HEAD, len, fn, data, err);
}

int rpm_ndb_parse(const uint8_t *db, size_t n, found_fn *fn, void *data, struct error *err)
{
	struct ndb ndb = { db, n, n };
	uint64_t end;

	if (n < FIRST_SLOT || memcmp(db, "RpmP", 4) != 0)
		return error_say(err, EINVAL, "no ndb of RPM");
	if (read_le32(db + 4) != 0)
		return error_say(err, ENOTSUP, "an ndb of RPM of version %u, which is not known", read_le32(db + 4));
	end = (uint64_t)read_le32(db + 12) * PAGE;
	if (read_le32(db + 12) > SLOT_PAGES_MAX || end > n)
		return error_say(err, EINVAL, "an ndb of RPM that is cut short");
	for (uint64_t at = FIRST_SLOT; at + SLOT <= end; at += SLOT) {
		if (memcmp(db + at, "Slot", 4) != 0)
			return error_say(err, EINVAL, "an ndb of RPM with a damaged slot");
		if (read_le32(db + at + 4) && blob_parse(&ndb, db + at, fn, data, err) < 0)
			return -1;
	}
	return 0;
}
