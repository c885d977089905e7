#include "vsock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "str.h"

static int open_socket(int type, struct error *err)
{
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? error_set(err, errno, "vsock socket") : fd;
}

int vsock_bind(uint32_t port, int type, struct error *err)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };
	_cleanup_close_ int fd = open_socket(type, err);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_set(err, errno, "vsock port %u", port);
	return steal_fd(&fd);
}

int vsock_listen(uint32_t port, int type, int backlog, struct error *err)
{
	_cleanup_close_ int fd = vsock_bind(port, type, err);

	if (fd < 0)
		return -1;
	if (listen(fd, backlog) < 0)
		return error_set(err, errno, "listen on vsock port %u", port);
	return steal_fd(&fd);
}

uint32_t vsock_cid(const struct sockaddr *from)
{
	return from->sa_family == AF_VSOCK ? ((const struct sockaddr_vm *)(const void *)from)->svm_cid : VMADDR_CID_ANY;
}

int vsock_connect(uint32_t cid, uint32_t port, int type, struct error *err)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	_cleanup_close_ int fd = open_socket(type, err);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return error_set(err, errno, "connect to vsock %u:%u", cid, port);
	return steal_fd(&fd);
}

int vsock_parse_port(const char *text, uint32_t *port)
{
	static const char rest[] = "-facb-11e6-bd58-64006a7986d3";
	uint64_t number;
	char digits[9];

	if (str_to_u64(text, UINT32_MAX - 1, &number) == 0) {
		*port = (uint32_t)number;
		return 0;
	}
	if (strlen(text) != 36 || strspn(text, "0123456789abcdefABCDEF") != 8 || strcasecmp(text + 8, rest) != 0)
		return -1;
	memcpy(digits, text, 8);
	digits[8] = '\0';
	number = strtoul(digits, NULL, 16);
	if (number == UINT32_MAX)
		return -1;
	*port = (uint32_t)number;
	return 0;
}

int vsock_parse_ports(const char *text, uint32_t *ports, size_t max, struct error *err)
{
	size_t count = 0;

	while (*(text += strspn(text, ", \t\n"))) {
		size_t n = strcspn(text, ", \t\n");
		uint32_t port;
		char word[40];

		if (n < sizeof(word)) {
			memcpy(word, text, n);
			word[n] = '\0';
		}
		if (n >= sizeof(word) || vsock_parse_port(word, &port) < 0 || count == INT_MAX)
			return error_set(err, 0, "'%.*s' is no vsock port", (int)(n < 64 ? n : 64), text);
		if (count < max)
			ports[count] = port;
		count++;
		text += n;
	}
	return (int)count;
}
