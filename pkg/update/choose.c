/* Which of the two systems is good, and which is started next. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot.h"
#include "log.h"
#include "update_private.h"
#include "uuid.h"

static int boot_of(struct slots *s, struct boot *b, bool write, struct error *err)
{
	if ((write ? extent_open : extent_open_read)(&s->esp, err) < 0)
		return -1;
	return boot_open(b, &s->esp, err);
}

/* The entry of the system that runs; of a disk that does not run the first one. */
static const struct boot_entry *entry_running(const struct slots *s, const struct boot *b, struct error *err)
{
	const struct boot_entry *e = NULL;

	if (s->running >= 0)
		e = boot_find(b, s->running);
	else if (b->count)
		e = &b->entries[0];
	if (!e)
		error_say(err, ENOENT, "the boot loader has no entry for the system that runs");
	return e;
}

int update_good(struct slots *s, bool *changed, struct error *err)
{
	_cleanup_boot_ struct boot b = { 0 };
	const struct boot_entry *e;
	struct entry name;

	*changed = false;
	if (boot_of(s, &b, true, err) < 0)
		return -1;
	e = entry_running(s, &b, err);
	if (!e)
		return -1;
	if (e->entry.good)
		return 0;
	name = (struct entry){ .generation = e->entry.generation, .slot = e->entry.slot, .good = true };
	*changed = true;
	return boot_rename(&b, e, &name, err);
}

int update_rollback(struct slots *s, struct error *err)
{
	_cleanup_boot_ struct boot b = { 0 };
	const struct boot_entry *e;
	struct entry name;
	char text[FAT_NAME];

	if (boot_of(s, &b, true, err) < 0)
		return -1;
	e = b.count ? boot_find(&b, !b.entries[0].entry.slot) : NULL;
	if (!e)
		return error_say(err, ENOENT, "there is one system alone: nothing to go back to");
	/* One that was good stays so; another one has to show it, from the first try on. */
	name = (struct entry){
		.generation = boot_generation(&b), .slot = e->entry.slot, .good = e->entry.good, .left = ENTRY_TRIES
	};
	if (name.generation == 0)
		return error_say(err, EOVERFLOW, "the boot loader's entries have no higher number left");
	if (boot_rename(&b, e, &name, err) < 0)
		return -1;
	entry_name(&name, text);
	log_info("the next boot starts slot %c (%s)", SLOT_NAMES[name.slot], text);
	return 0;
}

int update_fallback(struct slots *s, bool *there, struct error *err)
{
	_cleanup_boot_ struct boot b = { 0 };

	*there = false;
	if (boot_of(s, &b, false, err) < 0)
		return -1;
	for (size_t i = 0; i < b.count; i++)
		*there |= b.entries[i].entry.slot != s->running && !entry_failed(&b.entries[i].entry);
	return 0;
}

/* --- status ------------------------------------------------------------------------------------------------------- */

static void state_text(const struct slots *s, const struct boot *b, const struct boot_entry *e, char *out, size_t size)
{
	const struct entry *n = &e->entry;
	const char *runs = n->slot == s->running ? "runs, " : "", *next = e == b->entries ? ", next" : "";

	if (n->good)
		snprintf(out, size, "%sgood%s", runs, next);
	else if (entry_failed(n))
		snprintf(out, size, "%sfailed%s", runs, next);
	else
		snprintf(out, size, "%snot yet good, %u %s left%s", runs, n->left, n->left == 1 ? "try" : "tries",
			 next);
}

int update_status(struct slots *s, struct error *err)
{
	_cleanup_boot_ struct boot b = { 0 };

	if (boot_of(s, &b, false, err) < 0)
		return -1;
	printf("%-4s  %-36s  %-24s  %s\n", "SLOT", "ROOT", "ENTRY", "STATE");
	for (int i = 0; i < SLOTS; i++) {
		const struct boot_entry *e = boot_find(&b, i);
		char name[FAT_NAME] = "-", state[80] = "empty", uuid[UUID_TEXT];
		uint8_t bytes[16];

		if (extent_open_read(&s->slot[i], err) < 0 || slot_uuid(&s->slot[i], bytes, err) < 0)
			return -1;
		uuid_format(bytes, uuid);
		if (e) {
			entry_name(&e->entry, name);
			state_text(s, &b, e, state, sizeof(state));
		}
		printf("%-4c  %-36s  %-24s  %s\n", SLOT_NAMES[i], uuid, name, state);
	}
	return 0;
}
