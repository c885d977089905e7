/* SHA-256 of bytes, texts and files, in hexadecimal digits. */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"

static void to_hex(const unsigned char *sum, char hex[static DIGEST_HEX])
{
	int i;

	for (i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", sum[i]);
}

int digest_bytes(const void *data, size_t n, char hex[static DIGEST_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, n, sum, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	to_hex(sum, hex);
	return 0;
}

static int feed(EVP_MD_CTX *ctx, int fd, const char *path, struct error *err)
{
	_cleanup_free_ char *chunk = malloc(1 << 17);
	ssize_t n = 1;

	if (!chunk || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return error_set(err, ENOMEM, "%s", path);
	while (n > 0) {
		n = io_read(fd, chunk, 1 << 17);
		if (n < 0)
			return error_set(err, errno, "%s", path);
		if (EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
			return error_set(err, 0, "%s: digest", path);
	}
	return 0;
}

int digest_file(const char *path, char hex[static DIGEST_HEX], struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx;
	int r;

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	ctx = EVP_MD_CTX_new();
	r = ctx ? feed(ctx, fd, path, err) : error_set(err, ENOMEM, "%s", path);
	if (r == 0 && EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
		r = error_set(err, 0, "%s: digest", path);
	EVP_MD_CTX_free(ctx);
	if (r == 0)
		to_hex(sum, hex);
	return r;
}
