/* pith-update: the two systems of a disk. Under the name of an init script it asks PID 1 to keep it running until the
 * system that was started is known to be good (assess.c). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmdline.h"
#include "initctl.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "str.h"
#include "update_private.h"

enum { TIMEOUT_SECONDS = 300, TIMEOUT_MOST = 86400, GRACE_SECONDS = 2 };

#define TIMEOUT_KEY "pith.update.timeout"

struct given {
	const char *disk;
	bool reboot;
	uint64_t timeout;
};

static const struct option options[] = {
	{ "reboot", .set = option_set_switch, .field = offsetof(struct given, reboot),
	  .help = "start the machine again afterwards (install, rollback)" },
	{ "disk", .argument = "FILE", .set = option_set_text, .field = offsetof(struct given, disk),
	  .help = "a disk that is in a file, not this machine's" },
	{ "timeout", .argument = "SECONDS", .set = option_set_number, .field = offsetof(struct given, timeout),
	  .min = 1, .max = TIMEOUT_MOST,
	  .help = "assess: since the boot, until all services have to be ready (" TIMEOUT_KEY "=SECONDS on the "
		  "kernel's command line, else 300)" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "pith-update",
	.words = "[status | install FILE|- | rollback | good | assess]",
	.text = "Shows the two systems of this machine's disk, installs an update in the one that does not run, "
		"chooses\n"
		"the other one for the next boot, or says that the running one is good. assess waits until all "
		"services\n"
		"are ready and says it then; a machine that is not ready in time starts again.",
	.options = options,
};

static int file_install(struct slots *s, const char *file, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (str_eq(file, "-"))
		return update_install(s, STDIN_FILENO, "the update", err);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "%s", file) : update_install(s, fd, file, err);
}

static int command_run(const struct given *g, char **words, struct error *err)
{
	_cleanup_slots_ struct slots s = SLOTS_INIT;
	const char *word = words[0] ? words[0] : "status";
	bool changed = false;
	int r = g->disk ? slots_of_file(&s, g->disk, err) : slots_of_machine(&s, err);

	if (r < 0)
		return -1;
	if (str_eq(word, "install"))
		r = file_install(&s, words[1], err);
	else if (str_eq(word, "rollback"))
		r = update_rollback(&s, err);
	else if (str_eq(word, "good"))
		r = update_good(&s, &changed, err);
	else
		r = update_status(&s, err);
	if (r == 0 && g->reboot)
		r = machine_reboot(err);
	return r;
}

/* What is wrong with the words; NULL: nothing. */
static const char *words_wrong(const struct given *g, char **words)
{
	static const char *const known[] = { "status", "install", "rollback", "good", "assess" };
	const char *word = words[0] ? words[0] : "status";
	size_t i = 0, want = str_eq(word, "install") ? 2 : 1;

	while (i < array_len(known) && !str_eq(known[i], word))
		i++;
	if (i == array_len(known))
		return "no such command: status, install, rollback, good, assess";
	if (want == 2 && !words[1])
		return "install: which file? - is standard input";
	if (words[0] && strv_len(words) > want)
		return "there is one word too many";
	if (g->reboot && !str_eq(word, "install") && !str_eq(word, "rollback"))
		return "--reboot goes with install and rollback";
	if (g->disk && (g->reboot || str_eq(word, "assess")))
		return "--disk: only this machine can be started again";
	return NULL;
}

/* --- in a boot ------------------------------------------------------------------------------------------------------
 */

static uint64_t timeout_of_boot(void)
{
	_cleanup_buf_ struct buf line = { 0 };
	_cleanup_free_ char *text = cmdline_read(&line, NULL) == 0 ? cmdline_value(buf_text(&line), TIMEOUT_KEY) : NULL;
	uint64_t seconds = TIMEOUT_SECONDS;

	if (text && (str_to_u64(text, TIMEOUT_MOST, &seconds) < 0 || seconds == 0)) {
		seconds = TIMEOUT_SECONDS;
		log_error(TIMEOUT_KEY "=%s: write seconds, from 1 to %d; %d are taken", text, TIMEOUT_MOST,
			  TIMEOUT_SECONDS);
	}
	return seconds;
}

/* Before any container: one that hangs must not keep the machine from its other system. */
static int keep_running(void)
{
	_cleanup_slots_ struct slots s = SLOTS_INIT;
	_cleanup_error_ struct error err = { 0 };
	char *argv[] = { (char *)"/usr/bin/pith-update", (char *)"assess", NULL };

	if (slots_of_machine(&s, &err) < 0) {
		if (err.code != ENODEV)
			log_error("%s", error_text(&err));
		return err.code != ENODEV;
	}
	if (initctl_respawn("update", GRACE_SECONDS, argv, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct given given = { .timeout = 0 };
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL, *wrong;
	int status;

	io_fill_standard();
	log_setup("update", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	if (name && str_ends(name, "-update") && strspn(name + 1, "0123456789") == 3)
		return keep_running();
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	wrong = words_wrong(&given, argv + 1);
	if (wrong) {
		log_error("%s", wrong);
		return 2;
	}
	if (argv[1] && str_eq(argv[1], "assess")) {
		log_setup("update", LOG_LEVEL_INFO, true);
		return assess_run((unsigned)(given.timeout ? given.timeout : timeout_of_boot()));
	}
	if (command_run(&given, argv + 1, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
