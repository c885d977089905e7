/* A directory's entries as getdents64(2) gives them: musl does not declare these. */
#pragma once

#include <stdint.h>

struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};
