/* What the files of the store share. */
#pragma once

#include <time.h>

#include "store.h"

struct store {
	char *dir;
	int users; /* open on .users, locked shared: blobs are not collected while anybody has the store open */
	time_t opened;
};

/* Waits for the lock; the descriptor holds it until it is closed. -1 on failure. */
int store_lock(struct store *s, struct error *err);
