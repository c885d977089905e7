#include "wait.h"

#include <errno.h>

#include "client.h"
#include "place.h"
#include "str.h"

/* Whoever asks for it explicitly wants to wait: this only bounds what can never come. */
enum { WAIT_SECONDS = 300 };

int wait_setting(const char *dir, char ***env)
{
	unsigned patience = place_patience(dir);

	return patience ? strv_addf(env, "PITH_WAIT=%u", patience) : 0;
}

static int wait_run(const char *dir, struct client_command *c, const char *const words[], struct error *err)
{
	_cleanup_strv_ char **args = strv_copy((char *const *)words);
	int status = 1;

	if (!args)
		return error_set(err, ENOMEM, "arguments");
	c->request.args = args;
	c->request.hangup = true;
	return client_run(dir, c, &status, err) < 0 ? -1 : status;
}

int wait_for_agent(const char *dir, struct error *err)
{
	static const char *const words[] = { WAIT_SERVICE, "help", NULL };
	struct client_command c = { .silent = true, .patience = WAIT_SECONDS };

	return wait_run(dir, &c, words, err) < 0 ? -1 : 0;
}

int wait_for_services(const char *dir, struct error *err)
{
	static const char *const words[] = { WAIT_SERVICE, "wait", NULL };
	_cleanup_strv_ char **env = NULL;
	struct client_command c = { .patience = WAIT_SECONDS };

	if (strv_addf(&env, "PITH_WAIT=%d", WAIT_SECONDS) < 0)
		return error_set(err, ENOMEM, "arguments");
	c.request.env = env;
	return wait_run(dir, &c, words, err);
}

void wait_for_process(const char *dir, const char *service)
{
	const char *const words[] = { WAIT_SERVICE, "wait", "--started", service, NULL };
	struct client_command c = { .silent = true };
	_cleanup_strv_ char **env = NULL;

	if (place_patience(dir) == 0 || wait_setting(dir, &env) < 0)
		return;
	c.request.env = env;
	wait_run(dir, &c, words, NULL);
}
