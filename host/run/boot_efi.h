/* Whether a disk or ISO image is one for UEFI firmware, by what is at its beginning: a hint, since a guest can write
 * there. GPT: UEFI specification, 5.3; El Torito: the same, 13.3.2, and "El Torito Bootable CD-ROM Format" 1.0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"

enum { BOOT_DISK_HEAD = 1024, BOOT_CD_SECTOR = 2048, BOOT_CD_RECORD = 17 };

/* The first two sectors of a disk: a GPT, and nothing that a BIOS would run. */
bool boot_disk_is_efi(const uint8_t *head, size_t n);
/* The boot record of an ISO image (sector BOOT_CD_RECORD): the sector of its catalog, or 0. */
uint32_t boot_cd_catalog(const uint8_t *record, size_t n);
/* The catalog: what it names first is for UEFI. */
bool boot_cd_is_efi(const uint8_t *catalog, size_t n);

/* Reads them from the image. A qcow2 disk is judged by its name (-efi.qcow2). A file that cannot be read is not for
 * UEFI: who opens it next says why. */
bool boot_is_efi(const struct boot *b);
