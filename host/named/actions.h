/* What is done to a named machine. Each ends within the time that is said at its name, whatever is dead on the other
 * side. They return 0, or -1 with err: an empty one where a child has said what is wrong. */
#pragma once

#include "folder.h"

enum {
	START_SECONDS = 600, /* until the services are ready */
	STOP_SECONDS = 100,  /* `pith run` gives the guest 60 of them */
	ASK_SECONDS = 5,
};

/* The YAML that `template` names: a file where it has a slash or ends in .yml, else share/pith/templates/NAME.yml
 * beside the program. Caller frees. */
char *template_find(const char *template, struct error *err);

/* Makes a machine out of a YAML; there is none, or a whole one. Takes as long as `pith build`. */
int named_create(const char *name, const char *yaml, const struct settings *s, struct error *err);
/* One that runs already is fine (START_SECONDS). */
int named_start(const struct folder *f, struct error *err);
/* One that does not run is fine. now: without its consent (STOP_SECONDS). */
int named_stop(const struct folder *f, bool now, struct error *err);
/* One that does not run (seconds). */
int named_remove(struct folder *f, struct error *err);

/* A user's systemd unit that starts the machine at login, on or off. */
int named_login(const struct folder *f, bool on, struct error *err);

/* The socket of the machine's docker engine, and the name of the docker context for it. Caller frees. */
char *docker_socket(const struct folder *f);
/* Makes the context where there is a docker command; *made: there is one now. */
int docker_context_make(const struct folder *f, bool *made, struct error *err);
