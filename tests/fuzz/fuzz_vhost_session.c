/* A hostile front-end: messages with descriptors over a real connection to the whole back-end, its memory tables, rings
 * and in-flight record. The input is the size of what the guest has in its memory (two bytes), that, and messages: a
 * byte of flags, the request, the size of its payload, and the payload. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "log.h"

enum { MEMORY = 32768, FDS = 10 };

static enum dial dial(void *data, uint32_t host_port, uint16_t type, int *fd)
{
	int pair[2];

	(void)data;
	(void)type;
	if (host_port & 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return DIAL_REFUSED;
	close(pair[0]);
	*fd = pair[1];
	return DIAL_DONE;
}

static void say(int fd, const uint8_t *bytes, size_t len, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (count > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* the back-end has ended the connection */
}

/* Bytes of the input that the message took; 0: the input is at its end. */
static size_t message(int fd, int memory, const uint8_t *data, size_t size)
{
	uint8_t bytes[VHOST_USER_HEADER_SIZE + 255] = { 0 }, answers[4096];
	uint32_t header[3];
	int fds[FDS], event;
	size_t len, count, i;

	if (size < 3)
		return 0;
	len = data[2] < size - 3 ? data[2] : size - 3;
	header[0] = data[1] % (VHOST_USER_REQUESTS + 1);
	header[1] = 1 | (data[0] & 8);
	header[2] = data[0] & 16 ? data[2] : (uint32_t)len;
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + VHOST_USER_HEADER_SIZE, data + 3, len);
	count = data[0] & 7;
	event = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	for (i = 0; i < count; i++)
		fds[i] = data[0] >> 5 & 1 ? event : memory;
	say(fd, bytes, VHOST_USER_HEADER_SIZE + len, fds, count);
	close(event);
	while (recv(fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
	return 3 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vsock_device dev;
	struct loop *loop;
	struct backend *b;
	int memory, pair[2], i;
	size_t used, given;

	if (size < 2)
		return 0;
	given = (data[0] | (size_t)data[1] << 8) % MEMORY;
	data += 2;
	size -= 2;
	if (given > size)
		given = size;
	log_setup("fuzz", LOG_LEVEL_ERROR, false);
	memory = memfd_create("guest", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, MEMORY) < 0 || pwrite(memory, data, given, 0) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	data += given;
	size -= given;
	loop = loop_new(NULL);
	dev = (struct vsock_device){ .conns = { .loop = loop, .cid = 3, .dial = dial }, .poll_us = 200 };
	b = device_init(&dev, NULL) == 0 ? backend_new(loop, &dev, pair[1], true, NULL) : NULL;
	if (!b)
		abort();
	while ((used = message(pair[0], memory, data, size)) > 0) {
		data += used;
		size -= used;
		for (i = 0; i < 3; i++)
			loop_once(loop, 0, NULL);
	}
	close(pair[0]);
	for (i = 0; i < 3; i++)
		loop_once(loop, 0, NULL);
	backend_free(b);
	device_free(&dev);
	loop_free(loop);
	close(memory);
	return 0;
}
