#include "fsck.h"

#include "tool.h"

enum { CLEAN = 0, CORRECTED = 1, REBOOT = 2 }; /* e2fsck(8), exit status */

static int fsck_run(char *const *argv, const char *device, struct buf *said, struct error *err)
{
	int status = tool_run(argv, said, err);

	if (status < 0)
		return -1;
	if (status == CLEAN)
		buf_clear(said);
	if (status & ~(CORRECTED | REBOOT))
		return error_set(err, 0, "%s: e2fsck -p ended with status %d: it has to be repaired by hand", device,
				 status);
	return 0;
}

int fsck_ext(const char *device, struct buf *said, struct error *err)
{
	char *const argv[] = { (char *)"e2fsck", (char *)"-p", (char *)device, NULL };

	return fsck_run(argv, device, said, err);
}

int fsck_ext_copies(const char *device, struct buf *said, struct error *err)
{
	/* the first copy, by the size of a block */
	static const struct {
		const char *block, *size;
	} copies[] = { { "32768", "4096" }, { "8193", "1024" }, { "16384", "2048" } };

	for (size_t i = 0; i < array_len(copies); i++) {
		char *const argv[] = { (char *)"e2fsck",        (char *)"-p", (char *)"-b",
				       (char *)copies[i].block, (char *)"-B", (char *)copies[i].size,
				       (char *)device,          NULL };

		buf_clear(said);
		if (fsck_run(argv, device, said, err) == 0)
			return 0;
	}
	return -1;
}
