/* SHA-256 of bytes, texts and files, in hexadecimal digits. */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
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

static int digest_feed(EVP_MD_CTX *ctx, int fd, const char *path, struct error *err)
{
	_cleanup_free_ char *chunk = malloc(1 << 17);
	ssize_t n = 1;

	if (!chunk)
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

static void cleanup_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static EVP_MD_CTX *digest_begin(struct error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	error_set(err, ENOMEM, "digest");
	return NULL;
}

static int digest_end(EVP_MD_CTX *ctx, char hex[static DIGEST_HEX], struct error *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
		return error_set(err, 0, "digest");
	to_hex(sum, hex);
	return 0;
}

int digest_file(const char *path, char hex[static DIGEST_HEX], struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(cleanup_digest) EVP_MD_CTX *ctx = NULL;

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	ctx = digest_begin(err);
	return ctx && digest_feed(ctx, fd, path, err) == 0 ? digest_end(ctx, hex, err) : -1;
}

int digest_joined(char *const *paths, char hex[static DIGEST_HEX], struct error *err)
{
	_cleanup_(cleanup_digest) EVP_MD_CTX *ctx = digest_begin(err);
	size_t i;

	if (!ctx)
		return -1;
	for (i = 0; paths && paths[i]; i++) {
		/* a fifo must not make it wait */
		_cleanup_close_ int fd = open(paths[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (digest_feed(ctx, fd, paths[i], err) < 0)
			return -1;
	}
	return digest_end(ctx, hex, err);
}
