/* EFI programs to which sections are added, and what of one is signed: what is written lies within their headers,
 * contents behind them. */
#include <stdlib.h>

#include "pe_sign.h"
#include "uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = { 0 };
	_cleanup_error_ struct error err = { 0 };
	struct uki_section s[] = { { ".cmdline", 3, 0 }, { ".linux", 100000, 0 } };
	struct pe_sign p;
	uint64_t end;

	if (pe_sign_plan(data, size, size, &p, &err) == 0 &&
	    (p.checksum + 4 > p.certificates || p.certificates + 8 > size))
		abort();
	error_clear(&err);
	if (buf_add(&b, data, size) < 0)
		return 0;
	if (uki_plan(&b, s, 2, &end, &err) < 0) {
		if (!err.msg)
			abort();
		return 0;
	}
	if (b.len > size || s[0].at < b.len || s[1].at < s[0].at + 3 || end < s[1].at + 100000)
		abort();
	return 0;
}
