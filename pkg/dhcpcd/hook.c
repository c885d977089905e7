/* dhcpcd-hook: what dhcpcd runs when something about an interface has changed, with the news in the environment. Writes
 * /resolvconf/resolv.conf: the folder is the machine's /run/resolvconf, where its /etc/resolv.conf leads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "resolv.h"
#include "str.h"

static const char *hook_get(void *data, const char *name)
{
	(void)data;
	return getenv(name);
}

/* Reasons that bring an address or a server; the address itself is dhcpcd's own work. When a lease ends the last known
 * servers stay: another interface's, or the next lease's, replace them. */
static bool brings_servers(const char *reason)
{
	static const char *const reasons[] = { "BOUND",   "RENEW",   "REBIND",       "REBOOT", "INFORM",
					       "STATIC",  "IPV4LL",  "BOUND6",       "RENEW6", "REBIND6",
					       "REBOOT6", "INFORM6", "ROUTERADVERT", "TEST" };
	size_t i;

	for (i = 0; i < array_len(reasons); i++)
		if (str_eq(reason, reasons[i]))
			return true;
	return false;
}

/* Into the file that is there: containers have it bound, and would keep the old one if a new one took its name. */
static int write_over(const char *path, const struct buf *text, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || io_write(fd, buf_bytes(text), text->len) < 0 || ftruncate(fd, (off_t)text->len) < 0)
		return error_set(err, errno, "write %s", path);
	return 0;
}

int main(void)
{
	const char *reason = getenv("reason"), *interface = getenv("interface"), *path = getenv("RESOLV_CONF");
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error err = { 0 };

	io_fill_standard();
	log_setup("dhcpcd-hook", LOG_LEVEL_INFO, false);
	if (!reason || !brings_servers(reason))
		return 0;
	if (buf_addf(&text, "# by dhcpcd on %s\n", interface ? interface : "an interface") < 0)
		return 1;
	if (resolv_text(hook_get, NULL, &text) < 0)
		return 1;
	if (!strstr(buf_text(&text), "nameserver "))
		return 0;
	if (write_over(path ? path : "/resolvconf/resolv.conf", &text, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
