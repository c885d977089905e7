/* Fifos of the host for the guest: who does not know the secret gets nothing, and the agent alone is told it. The test
 * is the guest, behind the service's own socket. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "fifos.h"
#include "io.h"
#include "str.h"
#include "tap.h"
#include "unixsock.h"

static struct loop *loop;
static char dir[] = "/tmp/test-fifos-XXXXXX";
static int agent = -1; /* the agent's end of the last connection to it */
static bool away;      /* there is no guest */

static int reach(void *data, int fd)
{
	(void)data;
	if (away) {
		close(fd);
		return -1;
	}
	agent = fd;
	return 0;
}

static int ask(const char *line)
{
	struct sockaddr_un address;
	int fd;

	unixsock_address(&address, -1, dir, "00000002.00000944");
	fd = unixsock_connect(&address, SOCK_STREAM);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		return -1;
	return fd;
}

/* The first line, or what comes before the end. Closes it. */
static const char *answer(int fd)
{
	static char text[256];
	uint64_t deadline = loop_now() + 20 * 1000000;
	size_t n = 0;
	ssize_t r = -1;

	while (loop_now() < deadline && (r < 0 || n == 0 || text[n - 1] != '\n')) {
		r = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
		if (r == 0)
			break;
		if (r > 0)
			n += (size_t)r;
		else
			loop_once(loop, 10000, NULL);
	}
	text[n] = '\0';
	close(fd);
	return text;
}

/* The secret that the agent is given; it says what it is to say. */
static bool agent_hears(char secret[FIFO_SECRET + 1], enum agent_type says)
{
	_cleanup_buf_ struct buf out = { 0 };
	uint64_t deadline = loop_now() + 20 * 1000000;
	uint8_t bytes[256];
	struct agent_frame f = { 0 };
	size_t used;
	ssize_t n = -1;

	while (loop_now() < deadline && agent < 0)
		loop_once(loop, 10000, NULL);
	while (loop_now() < deadline && n <= 0) {
		n = recv(agent, bytes, sizeof(bytes), MSG_DONTWAIT);
		loop_once(loop, 10000, NULL);
	}
	if (n <= 0 || agent_frame_parse(bytes, (size_t)n, &f, &used, NULL) != 1 || f.type != AGENT_SECRET)
		return false;
	memcpy(secret, f.data, FIFO_SECRET);
	secret[FIFO_SECRET] = '\0';
	if (says == AGENT_FAILED)
		agent_frame_failed(&out, 1, "no");
	else
		agent_frame_number(&out, AGENT_EXITED, 0);
	n = send(agent, buf_bytes(&out), out.len, MSG_NOSIGNAL);
	close(agent);
	agent = -1;
	return n > 0;
}

static char *request(const char *secret, const char *name)
{
	return str_format("read %s%s%s/%s\n", secret, *secret ? " " : "", dir, name);
}

static void test_service(void)
{
	static const struct {
		const char *name, *secret;
	} wrong[] = {
		{ "no secret", "" },
		{ "another secret", "00000000000000000000000000000000" },
		{ "half a secret", "0000000000000000" },
		{ "a long one", "000000000000000000000000000000000" },
	};
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *path = str_format("%s/fifo", dir), *plain = request("", "fifo"), *good = NULL,
			    *none = NULL;
	struct fifos *f = fifos_open(loop, &(struct fifos_options){ .state = dir, .reach = reach }, &e);
	char secret[FIFO_SECRET + 1] = "", again[FIFO_SECRET + 1] = "";
	int fd, held[64];

	ok(f && mkfifo(path, 0600) == 0, "the service: %s", error_text(&e));
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ok(fd >= 0 && write(fd, "bytes\n", 6) == 6, "a fifo with something in it");

	away = true;
	ok_str(answer(ask(plain)), "error the machine has no agent\n", "a machine without an agent gets nothing");
	away = false;
	held[0] = ask(plain);
	ok(agent_hears(secret, AGENT_FAILED), "an agent that does not take it");
	ok(str_starts(answer(held[0]), "error "), "leaves who asked without");
	held[0] = ask(plain);
	ok(agent_hears(secret, AGENT_EXITED) && fifo_secret_valid(secret, strlen(secret)), "the agent is given it");
	ok_str(answer(held[0]), "again\n", "and who asked is told to ask again");
	for (size_t i = 0; i < array_len(wrong); i++) {
		_cleanup_free_ char *line = request(wrong[i].secret, "fifo");
		const char *said = answer(ask(line));

		ok(str_eq(said, "again\n") || str_starts(said, "error "), "%s: no byte of the fifo", wrong[i].name);
	}
	ok(agent < 0, "the agent is not told again for each of them");
	good = request(secret, "fifo");
	none = request(secret, "none");
	ok(str_starts(answer(ask(none)), "error "), "with it, a fifo that is not there");
	for (size_t i = 0; i < array_len(held); i++)
		held[i] = ask("");
	ok(str_starts(answer(ask(good)), "ok\n"), "with it, the fifo, however many ask nothing");
	for (size_t i = 0; i < array_len(held); i++)
		close(held[i]);
	for (uint64_t start = loop_now(); loop_now() - start < 1100000;)
		loop_once(loop, 100000, NULL);
	held[0] = ask(plain);
	ok(agent_hears(again, AGENT_EXITED) && str_eq(secret, again), "a guest that boots again is given the same");
	ok_str(answer(held[0]), "again\n", "and asks again");
	close(fd);
	unlink(path);
	fifos_close(f);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as the program has it */
	loop = loop_new(NULL);
	if (!mkdtemp(dir))
		return 1;
	test_service();
	loop_free(loop);
	dir_remove(dir, NULL);
	return tap_done();
}
