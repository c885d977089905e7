/* First sectors of disks and CDs: any bytes are an answer, none of them is read beyond its end. */
#include "boot_efi.h"
#include "boot_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	boot_disk_is_efi(data, size);
	boot_cd_catalog(data, size);
	boot_cd_is_efi(data, size);
	boot_qcow2_table(data, size);
	boot_file_parse(data, size);
	return 0;
}
