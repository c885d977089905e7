/* Whether a disk or ISO image is one for UEFI firmware, by what is at its beginning: a hint, since a guest can write
 * there. GPT: UEFI specification, 5.3; El Torito: the same, 13.3.2, and "El Torito Bootable CD-ROM Format" 1.0;
 * qcow2: https://www.qemu.org/docs/master/interop/qcow2.html. */
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

/* The header of a qcow2 image: where its first table is (level 1), whose first entry leads to that of level 2, whose
 * first entry leads to the disk's first bytes. 0: it is no qcow2 image, or has its content elsewhere. */
uint64_t boot_qcow2_table(const uint8_t *head, size_t n);
/* Where an entry of them leads: 0 where to nothing that can be read as it is. */
uint64_t boot_qcow2_entry(const uint8_t entry[8]);

/* Reads them from the image. A qcow2 image that has no bytes of its own yet is judged by its name (-efi.qcow2). A file
 * that cannot be read is not for UEFI: who opens it next says why. */
bool boot_is_efi(const struct boot *b);
