/* Which process is containerd: ours, one of the supervisor before this one, or one that nobody has recorded. */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#include "daemon_private.h"
#include "io.h"
#include "log.h"
#include "process.h"
#include "recorded.h"
#include "rival.h"
#include "unixsock.h"

enum { LAST_CHANCE_US = 5 * 1000 * 1000 }; /* for one that has been there for longer than that already */

bool daemon_socket_answers(const struct daemon *d, pid_t *pid)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	struct sockaddr_un address;
	_cleanup_close_ int fd =
		unixsock_address(&address, -1, NULL, d->is.socket) < 0 ? -1 : unixsock_connect(&address, SOCK_STREAM);

	if (fd < 0)
		return false;
	if (pid && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		*pid = peer.pid;
	return true;
}

void daemon_process_kill(const struct daemon *d, int signo)
{
	/* One that has ended says so by its pidfd. */
	if (exit_watch_active(&d->child))
		kill(d->child.pid, signo);
	else if (d->adopted.fd >= 0)
		process_signal(d->adopted.fd, signo, NULL);
}

void daemon_process_forget(struct daemon *d)
{
	exit_watch_remove(&d->child);
	loop_io_remove(&d->adopted);
	cleanup_close(&d->adopted.fd);
	d->adopted.fd = -1;
	d->pid = 0;
}

int daemon_process_take(struct daemon *d, int pidfd, pid_t pid, uint64_t age)
{
	uint64_t now = loop_now();

	daemon_process_forget(d);
	d->adopted.fd = pidfd;
	if (loop_io_add(d->loop, &d->adopted, NULL) < 0) {
		daemon_process_forget(d);
		return -1;
	}
	d->pid = pid;
	d->started = now > age ? now - age : 0;
	d->give_up = d->started + (d->settings.serve << d->doubled);
	if (d->give_up < now + LAST_CHANCE_US)
		d->give_up = now + LAST_CHANCE_US;
	d->state = DAEMON_STARTING;
	loop_timer_after(d->loop, &d->timer, 0, NULL); /* up() comes from the loop, as always */
	return 0;
}

bool daemon_process_take_serving(struct daemon *d, pid_t pid)
{
	_cleanup_error_ struct error err = { 0 };
	int pidfd = pid > 0 ? process_open(pid, NULL) : -1;

	if (pidfd < 0)
		return false;
	if (recorded_write(d->record, pid, &err) < 0)
		log_warn("%s: %s", DAEMON_RECORD, error_text(&err));
	return daemon_process_take(d, pidfd, pid, 0) == 0;
}

void daemon_rival_end(const struct daemon *d)
{
	pid_t pid = 0;
	_cleanup_close_ int rival = d->pid ? rival_find(d->pid, &pid) : -1;

	if (rival < 0)
		return;
	log_warn(
		"containerd: another one (process %d) keeps the database of ours and does not listen for it; ending it",
		(int)pid);
	process_signal(rival, SIGKILL, NULL);
}

bool daemon_is_recorded(const struct daemon *d)
{
	char text[64] = "";
	uint64_t ticks;
	pid_t pid;

	return io_pread(d->record, text, sizeof(text) - 1, 0) > 0 && recorded_parse(text, &pid, &ticks) == 0;
}
