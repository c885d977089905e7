/* What disks, state directories and their notes say: any bytes, never believed beyond what they are. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "disk_header.h"
#include "disk_notes.h"
#include "state.h"

static void check_header(const uint8_t *data, size_t n)
{
	struct disk_header h;

	disk_header_parse(data, n, &h);
	if (memchr(h.backing, '\0', sizeof(h.backing)) == NULL ||
	    memchr(h.backing_format, '\0', sizeof(h.backing_format)) == NULL)
		abort();
	if ((h.backing[0] || h.data_file) && !h.names_files)
		abort();
	if (h.names_files && !h.format)
		abort();
}

static void check_notes(const char *text)
{
	static const char id[] = "1:2:3.4";
	_cleanup_buf_ struct buf out = { 0 };
	_cleanup_free_ char *before = disk_notes_find(text, id), *after = NULL;

	if (before && !*before)
		abort();
	if (disk_notes_set(&out, text, id, "qcow2", text, NULL) < 0)
		return;
	after = disk_notes_find(buf_text(&out), id);
	if (!after || strcmp(after, "qcow2") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = malloc(n + 1);
	uint64_t start;
	pid_t pid;

	memcpy(text, data, n);
	text[n] = '\0';
	check_header(data, n);
	check_notes(text);
	if (state_record_parse(text, n, &pid, &start) == 0 && pid <= 0)
		abort();
	(void)state_mac_valid(text);
	return 0;
}
