/* The folder of a named machine, below the user's own data (path_machines()): the machine is nothing but it.
 *
 *   machine.yml                      what it was built from
 *   image-kernel, image-initrd.img,  what `pith build` made of that
 *   image-cmdline
 *   settings.json                    what it starts with (settings.h)
 *   state/                           the state directory of `pith run`, with its disk
 *   lock                             held by the command that changes or starts the machine; the text is its process
 *
 * A folder comes into being under another name and is renamed when it is whole, and is renamed before it is removed:
 * what has a machine's name is a whole machine. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "outfile.h"
#include "settings.h"

struct folder {
	char *name;
	char *path;
	char *state; /* PATH/state */
	int lock;    /* -1: not held */
	struct settings settings;
};
#define FOLDER_INIT        \
	{                  \
		.lock = -1 \
	}
#define _cleanup_folder_ _cleanup_(folder_close)

/* Letters, digits, "-", "_" and ".", 63 of them at most; the first is a letter or digit. */
int folder_name_check(const char *name, struct error *err);

/* A machine that is there, with its settings. locked: nobody else changes or starts it meanwhile; -1 with the process
 * that does. */
int folder_open(const char *name, bool locked, struct folder *out, struct error *err);
void folder_close(struct folder *f);

/* A folder for a machine to be, without a name yet. */
int folder_begin(const char *name, struct temp_dir *dir, struct error *err);
/* Gives it its name; -1 with EEXIST when there is one of it. */
int folder_finish(const char *name, struct temp_dir *dir, struct error *err);
int folder_settings_save(const char *path, const struct settings *s, struct error *err);
/* The machine has ended, and its lock is held. */
int folder_remove(struct folder *f, struct error *err);

/* The names of all, sorted; the caller frees (strv_free). NULL: the error says why. */
char **folder_names(struct error *err);

/* Whether it runs, its process and for how long. */
bool folder_runs(const struct folder *f, pid_t *pid, uint64_t *age);
