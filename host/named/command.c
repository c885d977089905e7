/* `pith machine`: machines with names, each a folder of its own below the user's data. What is done to one the other
 * commands do: build, run, stop, exec. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "child.h"
#include "command.h"
#include "log.h"
#include "show.h"
#include "str.h"

struct options {
	struct settings given; /* what was not given is 0 */
	bool disk_given, networking_given, publish_given, options_given;
	bool now, force, json, quiet, start, tty;
	bool misuse; /* what is wrong is the command line */
	const char *service;
	char **words; /* after the verb */
};

/* --- options ------------------------------------------------------------------------------------------------------ */

static int set_size(const char *name, const char *text, uint64_t least, uint64_t *out, struct error *err)
{
	if (str_to_size(text, SETTINGS_MIB, out) < 0 || *out < least * SETTINGS_MIB || *out > UINT64_C(1) << 46)
		return error_set(err, 0, "--%s %s: not a size of at least %lluM: write it like 1024 (MB) or 2G", name,
				 text, (unsigned long long)least);
	*out -= *out % SETTINGS_MIB;
	return 0;
}

static int set_memory(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;

	return set_size(option->name, value, 16, &o->given.memory, err);
}

static int set_disk(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;

	o->disk_given = true;
	return set_size(option->name, value, 1, &o->given.disk, err);
}

static int set_copy(char **field, bool *given, const struct option *option, const char *value, struct error *err)
{
	*given = true;
	free(*field);
	*field = strdup(value);
	return *field ? 0 : error_set(err, ENOMEM, "--%s", option->name);
}

static int set_networking(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;

	return set_copy(&o->given.networking, &o->networking_given, option, value, err);
}

static int set_template(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;
	bool given;

	return set_copy(&o->given.template, &given, option, value, err);
}

static int set_publish(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;

	o->publish_given = true;
	if (str_eq(value, "none"))
		return 0;
	return strv_add(&o->given.publish, value) < 0 ? error_set(err, ENOMEM, "--%s", option->name) : 0;
}

static int set_option(void *data, const struct option *option, const char *value, struct error *err)
{
	struct options *o = data;

	o->options_given = true;
	if (str_eq(value, "none"))
		return 0;
	if (value[0] != '-')
		return error_set(err, 0, "--%s %s: an option of `pith run` in one word, such as --%s=--accel=tcg",
				 option->name, value, option->name);
	return strv_add(&o->given.options, value) < 0 ? error_set(err, ENOMEM, "--%s", option->name) : 0;
}

#define FIELD(name) offsetof(struct options, name)

static const struct option machine_table[] = {
	{ "template", .argument = "NAME|FILE", .set = set_template,
	  .help = "create: the YAML that it is made of: one that came with pith, or a file with a slash in its name or "
		  ".yml at its end (docker)" },
	{ "cpus", .argument = "N", .set = option_set_number, .field = FIELD(given.cpus), .min = 1, .max = 4096,
	  .help = "create, set: virtual processors (1)" },
	{ "mem", .argument = "SIZE", .set = set_memory,
	  .help = "create, set: memory, in MB or with K, M, G (1024; of docker 2G)" },
	{ "disk", .argument = "SIZE", .set = set_disk,
	  .help = "create, set: a disk of this size, in MB or with K, M, G; it only grows (none; of docker 20G)" },
	{ "publish", .argument = "SPEC", .set = set_publish,
	  .help = "create, set: a port of the guest on the host, as `pith run` takes it; again for more; the list "
		  "replaces an older one; none: no ports" },
	{ "networking", .argument = "MODE", .set = set_networking,
	  .help = "create, set: as `pith run` takes it (user; of docker vpnkit)" },
	{ "run-option", .argument = "OPTION", .set = set_option,
	  .help = "create, set: a further option of `pith run`, in one word; again for more; none: none" },
	{ "start", .set = option_set_switch, .field = FIELD(start), .help = "create: start it, too" },
	{ "now", .set = option_set_switch, .field = FIELD(now),
	  .help = "stop, restart: end the machine without its consent, as if the plug were pulled" },
	{ "force", 'f', .set = option_set_switch, .field = FIELD(force), .help = "rm: also one that runs" },
	{ "json", .set = option_set_switch, .field = FIELD(json), .help = "list, info: as JSON, sizes in bytes" },
	{ "quiet", 'q', .set = option_set_switch, .field = FIELD(quiet), .help = "list: names alone" },
	{ "service", .argument = "SERVICE", .set = option_set_text, .field = FIELD(service),
	  .help = "shell, exec: in this service's container (the machine itself)" },
	{ "tty", 't', .set = option_set_switch, .field = FIELD(tty), .help = "exec: the command has a terminal" },
	{ 0 },
};

/* --- what there is to do -------------------------------------------------------------------------------------------
 */

/* The exit status is 2 then. */
static int misuse_say(struct options *o, const char *what, struct error *err)
{
	o->misuse = true;
	return error_set(err, 0, "%s", what);
}

static bool template_is_docker(const struct settings *s)
{
	return s->template && str_eq(s->template, "docker");
}

/* A Docker engine has what `make docker` gives it: a disk for its images, and ports that are the host's. */
static int settings_first(struct options *o, struct settings *s, struct error *err)
{
	bool docker;

	*s = o->given;
	o->given = (struct settings){ 0 };
	if (!s->template)
		s->template = strdup("docker");
	docker = template_is_docker(s);
	s->cpus = s->cpus ? s->cpus : 1;
	s->memory = s->memory ? s->memory : (docker ? 2048 : 1024) * SETTINGS_MIB;
	if (docker && !o->disk_given)
		s->disk = 20 * 1024 * SETTINGS_MIB;
	if (docker && !o->networking_given)
		s->networking = strdup("vpnkit");
	if (!s->template || (docker && !s->networking))
		return error_set(err, ENOMEM, "machine");
	return 0;
}

static int context_make(struct folder *f, struct error *err)
{
	if (!template_is_docker(&f->settings))
		return 0;
	if (docker_context_make(f, &f->settings.context, err) < 0)
		return -1;
	if (f->settings.context)
		log_info("`docker --context pith-%s` reaches it once it runs", f->name);
	return f->settings.context ? folder_settings_save(f->path, &f->settings, err) : 0;
}

static int verb_create(struct options *o, struct error *err)
{
	_cleanup_settings_ struct settings s = { 0 };
	_cleanup_folder_ struct folder f = FOLDER_INIT;
	_cleanup_error_ struct error why = { 0 };
	_cleanup_free_ char *yaml = NULL;

	if (folder_name_check(o->words[0], err) < 0 || settings_first(o, &s, err) < 0)
		return -1;
	yaml = template_find(s.template, err);
	if (!yaml || named_create(o->words[0], yaml, &s, err) < 0 || folder_open(o->words[0], true, &f, err) < 0)
		return -1;
	/* The machine is whole without a context. */
	if (context_make(&f, &why) < 0)
		log_warn("%s", error_text(&why));
	if (o->start)
		return named_start(&f, err);
	log_info("`pith machine start %s` starts it", f.name);
	return 0;
}

static int verb_start(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	return folder_open(o->words[0], true, &f, err) < 0 ? -1 : named_start(&f, err);
}

/* Without the lock: a machine that does not get ready can be stopped. */
static int verb_stop(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	return folder_open(o->words[0], false, &f, err) < 0 ? -1 : named_stop(&f, o->now, err);
}

static int verb_restart(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	if (folder_open(o->words[0], true, &f, err) < 0)
		return -1;
	return named_stop(&f, o->now, err) < 0 ? -1 : named_start(&f, err);
}

static int verb_list(struct options *o, struct error *err)
{
	return show_list(o->json, o->quiet, err);
}

static int verb_info(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	return folder_open(o->words[0], false, &f, err) < 0 ? -1 : show_info(&f, o->json, err);
}

static int verb_env(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	return folder_open(o->words[0], false, &f, err) < 0 ? -1 : show_env(&f, err);
}

static int settings_change(struct options *o, struct settings *s, struct error *err)
{
	if (o->disk_given && o->given.disk < s->disk) {
		char is[32];

		settings_size_text(s->disk, is, sizeof(is));
		return error_set(err, 0, "--disk: the machine's disk has %s and only grows", is);
	}
	if (o->given.cpus)
		s->cpus = o->given.cpus;
	if (o->given.memory)
		s->memory = o->given.memory;
	if (o->disk_given)
		s->disk = o->given.disk;
	if (o->networking_given) {
		free(s->networking);
		s->networking = steal_ptr(&o->given.networking);
	}
	if (o->publish_given) {
		strv_free(s->publish);
		s->publish = steal_ptr(&o->given.publish);
	}
	if (o->options_given) {
		strv_free(s->options);
		s->options = steal_ptr(&o->given.options);
	}
	return 0;
}

static int verb_set(struct options *o, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;
	uint64_t age;
	pid_t pid;

	if (o->given.template)
		return misuse_say(o, "--template is for create: what a machine is made of stays", err);
	if (!o->given.cpus && !o->given.memory && !o->disk_given && !o->networking_given && !o->publish_given &&
	    !o->options_given)
		return misuse_say(o, "set what? --cpus, --mem, --disk, --publish, --networking or --run-option", err);
	if (folder_open(o->words[0], true, &f, err) < 0 || settings_change(o, &f.settings, err) < 0 ||
	    folder_settings_save(f.path, &f.settings, err) < 0)
		return -1;
	if (folder_runs(&f, &pid, &age))
		log_info("the machine %s runs as it was started: `pith machine restart %s` makes the change", f.name,
			 f.name);
	return 0;
}

static int verb_rm(struct options *o, struct error *err)
{
	for (char **name = o->words; *name; name++) {
		_cleanup_folder_ struct folder f = FOLDER_INIT;
		uint64_t age;
		pid_t pid;

		if (folder_open(*name, true, &f, err) < 0)
			return -1;
		if (folder_runs(&f, &pid, &age) && !o->force)
			return error_set(err, 0,
					 "the machine %s runs: `pith machine stop %s` ends it, --force pulls the plug",
					 f.name, f.name);
		if ((folder_runs(&f, &pid, &age) && named_stop(&f, true, err) < 0) || named_remove(&f, err) < 0)
			return -1;
	}
	return 0;
}

/* Becomes `pith exec [-t] [--guest] STATE [SERVICE] COMMAND...` */
static int machine_enter(const struct options *o, bool tty, char *const *command, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;
	_cleanup_strv_ char **words = NULL;
	uint64_t age;
	pid_t pid;
	int r;

	if (folder_open(o->words[0], false, &f, err) < 0)
		return -1;
	if (!folder_runs(&f, &pid, &age))
		return error_set(err, 0, "the machine %s does not run: `pith machine start %s` starts it", f.name,
				 f.name);
	r = strv_add(&words, "exec");
	if (tty)
		r |= strv_add(&words, "--tty");
	if (!o->service)
		r |= strv_add(&words, "--guest");
	r |= strv_add(&words, f.state);
	if (o->service)
		r |= strv_add(&words, o->service);
	for (; *command; command++)
		r |= strv_add(&words, *command);
	return r ? error_set(err, ENOMEM, "command") : child_become(words, err);
}

static int verb_shell(struct options *o, struct error *err)
{
	static char *const shell[] = { "sh", NULL };

	return machine_enter(o, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), shell, err);
}

static int verb_exec(struct options *o, struct error *err)
{
	char **command = o->words + 1;

	if (*command && str_eq(*command, "--")) /* as multipass and docker-machine have it */
		command++;
	if (!*command)
		return misuse_say(o, "exec what? pith machine exec NAME COMMAND [ARGUMENT...]", err);
	return machine_enter(o, o->tty, command, err);
}

static int verb_login(struct options *o, bool on, struct error *err)
{
	_cleanup_folder_ struct folder f = FOLDER_INIT;

	return folder_open(o->words[0], true, &f, err) < 0 ? -1 : named_login(&f, on, err);
}

static int verb_enable(struct options *o, struct error *err)
{
	return verb_login(o, true, err);
}

static int verb_disable(struct options *o, struct error *err)
{
	return verb_login(o, false, err);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static const struct command_verb machine_verbs[] = {
	{ "create", "NAME", "make a machine of a template" },
	{ "start", "NAME", "start it; ends when its services are ready, after ten minutes at the latest" },
	{ "stop", "NAME", "power it down; ends when it has, after 100 seconds at the latest" },
	{ "restart", "NAME", "both" },
	{ "list", NULL, "all machines" },
	{ "info", "NAME", "one of them: state, memory, disk, ports, folder" },
	{ "shell", "NAME", "a shell in it" },
	{ "exec", "NAME COMMAND...", "run a command in it" },
	{ "set", "NAME", "change what it starts with next" },
	{ "rm", "NAME...", "remove machines, with their disks" },
	{ "env", "NAME", "print what makes docker use its engine" },
	{ "enable", "NAME", "start it when this user logs in (a user unit of systemd)" },
	{ "disable", "NAME", "no longer" },
	{ "ls", .instead = "`pith machine list` lists the machines" },
	{ "launch", .instead = "`pith machine create --start NAME` makes and starts one" },
	{ "delete", .instead = "`pith machine rm NAME` removes one" },
	{ "status", .instead = "`pith machine info NAME` tells of one" },
	{ "ssh", .instead = "`pith machine shell NAME` opens a shell" },
	{ 0 },
};

/* In the order of machine_verbs. */
static const struct {
	int (*run)(struct options *o, struct error *err);
	size_t least, most; /* words; most 0: as least */
} machine_runs[] = {
	{ verb_create, 1, 1 },  { verb_start, 1, 1 },     { verb_stop, 1, 1 },  { verb_restart, 1, 1 },
	{ verb_list, 0, 0 },    { verb_info, 1, 1 },      { verb_shell, 1, 1 }, { verb_exec, 1, SIZE_MAX },
	{ verb_set, 1, 1 },     { verb_rm, 1, SIZE_MAX }, { verb_env, 1, 1 },   { verb_enable, 1, 1 },
	{ verb_disable, 1, 1 },
};
static_assert(array_len(machine_runs) + 6 == array_len(machine_verbs), "one function a verb");

static int words_check(size_t verb, const struct options *o, struct error *err)
{
	const char *name = machine_verbs[verb].name;
	size_t count = strv_len(o->words);

	if (count < machine_runs[verb].least)
		return error_set(err, 0, "which machine? pith machine %s %s", name, machine_verbs[verb].words);
	if (count > machine_runs[verb].most)
		return error_set(err, 0, "\"%s\" is one too many: pith machine %s%s%s",
				 o->words[machine_runs[verb].most], name, machine_verbs[verb].words ? " " : "",
				 machine_verbs[verb].words ? machine_verbs[verb].words : "");
	return 0;
}

static int machine_go(size_t verb, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	if (machine_runs[verb].run(o, &err) == 0)
		return 0;
	if (err.msg)
		log_error("%s", err.msg);
	return o->misuse ? 2 : 1;
}

static int machine_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	const struct command_verb *verb;
	struct command own = *c;
	struct options o = { 0 };
	int status;

	/* A command that runs in the machine has options of its own. */
	own.words_end = argv[1] && str_eq(argv[1], "exec");
	status = command_line(&own, own.words_end ? argv + 1 : argv, &o);
	if (status < 0 && !argv[1]) {
		command_help(c, stderr);
		status = 2;
	}
	if (status < 0) {
		o.words = argv + 2;
		verb = verb_find(c->verbs, argv[1], "`pith machine --help` lists them", &err);
		if (!verb || words_check((size_t)(verb - machine_verbs), &o, &err) < 0)
			status = command_refuse(&err);
		else
			status = machine_go((size_t)(verb - machine_verbs), &o);
	}
	settings_clear(&o.given);
	return status;
}

static const char *const machine_usage[] = { "COMMAND [OPTION...] [NAME] [ARGUMENT...]", NULL };

const struct command machine_command = {
	.name = "machine",
	.summary = "make, start and use machines by their names",
	.usage = machine_usage,
	.text = "Machines with names. Each is a folder below ~/.local/share/pith/machines "
		"($XDG_DATA_HOME/pith/machines): "
		"the YAML, the image, the disk, the settings and the state. `pith exec`, `logs`, `ps` and the like "
		"take the "
		"name, too.\n"
		"\n"
		"A command that changes or starts a machine holds its lock; a second one is refused, with the process "
		"of the "
		"first.",
	.verbs = machine_verbs,
	.names = "pith machine list --quiet",
	.options = machine_table,
	.run = machine_main,
};
