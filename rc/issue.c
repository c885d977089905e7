/* The image's banner. Tools and people that read the console know by it that the machine is set up, and whose it is. */
#include <fcntl.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "rc.h"

/* It comes with the image, and says a few lines: what is longer than this was meant for something else. */
#define ISSUE_MAX 65536

/* LinuxKit's init image brings a script for it, which then prints the same file: once is enough. */
#define ISSUE_SCRIPT "/etc/init.d/000-issue"

void rc_issue(void)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error err = { 0 };

	if (access(ISSUE_SCRIPT, X_OK) == 0 || access("/etc/issue", F_OK) < 0)
		return;
	/* a console that takes nothing loses its messages, too */
	if (file_read("/etc/issue", ISSUE_MAX, &text, &err) < 0)
		log_warn("%s", error_text(&err));
	else
		io_write(STDOUT_FILENO, buf_bytes(&text), text.len);
}
