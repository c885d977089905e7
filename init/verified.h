/* A root whose every block is checked when it is read, by the kernel's dm-verity: the command line says its digest
 * (VERITY_WORD, lib/proto/verity.h), `pith build --verity` has put both there.
 *
 *   verified_wanted()   what the command line says
 *   verified_mount()    where the image is: a file of the initramfs behind a loop device, or a disk (finder.h)
 *                       its superblock is compared
 *                       a mapping is made that fails where a block is not what was built, and all of it is read
 *                       the mapping is changed into one that stops the kernel at such a block from then on
 *                       the file system on it is mounted
 *
 * So nothing of a damaged root runs. With VERITY_CHECK=read not all of it is read: a machine then runs until it comes
 * to a block that is not what was built, and the kernel panics at that. Either way a block is checked each time that it
 * is read, not once: a disk can change under a machine. */
#pragma once

#include "verity.h"

enum verified { VERIFIED_NOT, VERIFIED_WANTED, VERIFIED_WRONG };

/* VERIFIED_WRONG: the word is there, and is none of ours. */
enum verified verified_wanted(struct verity *v);

/* A detached mount of it. image: a file of the initramfs with a file system of that type, or both NULL: a disk has it.
 * NULL, or why there is none. */
const char *const *verified_mount(const struct verity *v, const char *type, const char *image, int *mount);
