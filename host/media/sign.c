#include "sign.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "pe_private.h"
#include "pe_sign.h"
#include "str.h"

enum { DIGEST = 32, PART = 256 << 10 };

struct signer {
	EVP_PKEY *key;
	STACK_OF(X509) * certs; /* the key's first */
	time_t time;
};

static int openssl_fail(struct error *err, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return error_say(err, EINVAL, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

/* --- key and certificates ---------------------------------------------------------------------------------------- */

/* On the terminal, where there is one: who builds without one cannot be asked. */
static int phrase_ask(char *phrase, int size, int writing, void *data)
{
	_cleanup_close_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return terminal < 0 ? -1 : PEM_def_callback(phrase, size, writing, data);
}

static int key_read(struct signer *s, const char *path, struct error *err)
{
	FILE *f = fopen(path, "re");
	_cleanup_free_ char *what = str_format("%s: no private key in PEM can be read from it", path);

	if (!f)
		return error_set(err, errno, "%s", path);
	s->key = PEM_read_PrivateKey(f, NULL, phrase_ask, NULL);
	fclose(f);
	return s->key ? 0 : openssl_fail(err, what ? what : path);
}

/* Up to the end of the file. One that is damaged is not passed over: a firmware may need it. */
static int certs_read(struct signer *s, const char *path, struct error *err)
{
	_cleanup_free_ char *what = str_format("%s: a certificate in it is damaged", path);
	FILE *f = fopen(path, "re");
	bool room = true;
	X509 *cert;

	if (!f)
		return error_set(err, errno, "%s", path);
	s->certs = sk_X509_new_null();
	while (s->certs && room && (cert = PEM_read_X509(f, NULL, NULL, NULL))) {
		room = sk_X509_push(s->certs, cert) > 0;
		if (!room)
			X509_free(cert);
	}
	fclose(f);
	if (!s->certs || !room)
		return error_set(err, ENOMEM, "%s", path);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return openssl_fail(err, what ? what : path);
	ERR_clear_error(); /* that there is no further one */
	if (sk_X509_num(s->certs) > 0)
		return 0;
	return error_say(err, EINVAL, "%s: no certificate in PEM can be read from it", path);
}

/* A signature from before the certificate's validity would look wrong. */
static void time_fit(struct signer *s)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(X509_get0_notBefore(sk_X509_value(s->certs, 0)), &tm) == 1 && timegm(&tm) > s->time)
		s->time = timegm(&tm);
}

struct signer *signer_open(const char *key, const char *cert, int64_t time, struct error *err)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "%s", key);
		return NULL;
	}
	s->time = (time_t)time;
	if (key_read(s, key, err) < 0 || certs_read(s, cert, err) < 0) {
		signer_free(s);
		return NULL;
	}
	if (X509_check_private_key(sk_X509_value(s->certs, 0), s->key) != 1) {
		ERR_clear_error();
		error_say(err, EINVAL, "%s is not the key of the certificate in %s", key, cert);
		signer_free(s);
		return NULL;
	}
	time_fit(s);
	return s;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	sk_X509_pop_free(s->certs, X509_free);
	free(s);
}

/* --- what is signed ---------------------------------------------------------------------------------------------- */

static int span_add(EVP_MD_CTX *c, int fd, uint64_t from, uint64_t to, uint8_t *room)
{
	while (from < to) {
		size_t n = to - from < PART ? (size_t)(to - from) : PART;

		if (io_pread(fd, room, n, (off_t)from) != (ssize_t)n || EVP_DigestUpdate(c, room, n) != 1)
			return -1;
		from += n;
	}
	return 0;
}

static int digest_make(int fd, const struct pe_sign *p, uint64_t size, uint8_t out[DIGEST])
{
	_cleanup_free_ uint8_t *room = malloc(PART);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = room && c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
		span_add(c, fd, 0, p->checksum, room) == 0 &&
		span_add(c, fd, p->checksum + 4, p->certificates, room) == 0 &&
		span_add(c, fd, p->certificates + 8, size, room) == 0 && EVP_DigestFinal_ex(c, out, NULL) == 1;

	EVP_MD_CTX_free(c);
	return good ? 0 : -1;
}

/* SpcIndirectDataContent: that this is a PE image (1.3.6.1.4.1.311.2.1.15), and its SHA-256. */
static const uint8_t statement_head[] = {
	0x30, 0x4c, 0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f,
	0x30, 0x09, 0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00, 0x30, 0x31, 0x30, 0x0d, 0x06,
	0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};
enum { STATEMENT = sizeof(statement_head) + DIGEST, STATEMENT_TAG = 2 };
static_assert(STATEMENT == STATEMENT_TAG + 0x4c, "the statement's length is in it");

/* --- the signature: PKCS #7 (RFC 2315) --------------------------------------------------------------------------- */

static const char statement_oid[] = "1.3.6.1.4.1.311.2.1.4";

static int statement_nid(void)
{
	int nid = OBJ_txt2nid(statement_oid);

	return nid != NID_undef ? nid : OBJ_create(statement_oid, "SpcIndirectData", "SPC indirect data content");
}

/* The attributes that are signed besides the digest, which is added by itself. */
static bool attributes_add(const struct signer *s, PKCS7_SIGNER_INFO *si)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, s->time);

	if (!PKCS7_add_signed_attribute(si, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(statement_nid())))
		return false;
	if (t && PKCS7_add0_attrib_signing_time(si, t))
		return true;
	ASN1_TIME_free(t);
	return false;
}

/* What is signed is the statement without its tag and length. */
static bool statement_sign(PKCS7 *p7, const uint8_t *statement)
{
	BIO *b = PKCS7_dataInit(p7, NULL);
	bool good = b &&
		BIO_write(b, statement + STATEMENT_TAG, STATEMENT - STATEMENT_TAG) == STATEMENT - STATEMENT_TAG &&
		PKCS7_dataFinal(p7, b) == 1;

	BIO_free_all(b);
	return good;
}

/* The statement itself becomes the content, where OpenSSL has put the signed bytes as an octet string. */
static bool statement_put(PKCS7 *p7, const uint8_t *statement)
{
	PKCS7 *content = p7->d.sign->contents;
	ASN1_STRING *text = ASN1_STRING_new();
	ASN1_TYPE *any = ASN1_TYPE_new();

	if (!text || !any || !ASN1_STRING_set(text, statement, STATEMENT)) {
		ASN1_STRING_free(text);
		ASN1_TYPE_free(any);
		return false;
	}
	ASN1_TYPE_set(any, V_ASN1_SEQUENCE, text);
	ASN1_OCTET_STRING_free(content->d.data);
	content->d.data = NULL;
	return PKCS7_set0_type_other(content, statement_nid(), any) == 1;
}

static PKCS7 *signature_make(const struct signer *s, const uint8_t *statement)
{
	PKCS7 *p7 = PKCS7_new();
	PKCS7_SIGNER_INFO *si = NULL;
	bool good = p7 && statement_nid() != NID_undef && PKCS7_set_type(p7, NID_pkcs7_signed) &&
		(si = PKCS7_add_signature(p7, sk_X509_value(s->certs, 0), s->key, EVP_sha256()));

	for (int i = 0; good && i < sk_X509_num(s->certs); i++)
		good = PKCS7_add_certificate(p7, sk_X509_value(s->certs, i)) == 1;
	good = good && PKCS7_content_new(p7, NID_pkcs7_data) && attributes_add(s, si) &&
		statement_sign(p7, statement) && statement_put(p7, statement);
	if (good)
		return p7;
	PKCS7_free(p7);
	return NULL;
}

/* --- into the file ----------------------------------------------------------------------------------------------- */

/* A certificate table (PE Format, The Attribute Certificate Table): lengths, revision 2.0, type PKCS #7, the signature;
 * all in units of eight bytes. at: where in the file. */
static int table_put(int fd, uint64_t at, const struct pe_sign *p, const uint8_t *der, size_t n, struct error *err)
{
	size_t whole = (8 + n + 7) / 8 * 8;
	_cleanup_free_ uint8_t *table = calloc(1, whole);
	uint8_t entry[8];

	if (!table)
		return error_set(err, ENOMEM, "signature");
	if (at + whole > UINT32_MAX)
		return error_say(err, EFBIG,
				 "an EFI program has less than 4096 MiB, with its signature this one has more");
	le32_put(table, 8 + n);
	table[5] = 2;
	table[6] = 2;
	memcpy(table + 8, der, n);
	le32_put(entry, at);
	le32_put(entry + 4, whole);
	if (pwrite(fd, table, whole, (off_t)at) != (ssize_t)whole ||
	    pwrite(fd, entry, sizeof(entry), p->certificates) != (ssize_t)sizeof(entry))
		return error_set(err, errno, "signature");
	return 0;
}

static int file_sign(const struct signer *s, int fd, uint64_t size, const struct pe_sign *p, struct error *err)
{
	uint8_t statement[STATEMENT];
	uint8_t *der = NULL;
	PKCS7 *p7;
	int n, r;

	memcpy(statement, statement_head, sizeof(statement_head));
	if (digest_make(fd, p, size, statement + sizeof(statement_head)) < 0)
		return error_set(err, EIO, "cannot compute its digest");
	p7 = signature_make(s, statement);
	n = p7 ? i2d_PKCS7(p7, &der) : -1;
	PKCS7_free(p7);
	if (n < 0)
		return openssl_fail(err, "cannot be signed with this key");
	r = table_put(fd, size, p, der, (size_t)n, err);
	OPENSSL_free(der);
	return r;
}

int signer_sign(const struct signer *s, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	_cleanup_free_ uint8_t *head = malloc(PE_HEAD_MAX);
	struct pe_sign p;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", path);
	if (!head)
		return error_set(err, ENOMEM, "%s", path);
	st.st_size = (st.st_size + 7) / 8 * 8; /* the signature begins there, and what is before it is signed */
	if (ftruncate(fd, st.st_size) < 0)
		return error_set(err, errno, "%s", path);
	n = io_pread(fd, head, PE_HEAD_MAX, 0);
	if (n < 0)
		return error_set(err, errno, "%s", path);
	if (pe_sign_plan(head, (size_t)n, (uint64_t)st.st_size, &p, err) < 0 ||
	    file_sign(s, fd, (uint64_t)st.st_size, &p, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}
