/* lib/base/sha256 against the standard's examples and the lengths around a block's end. */
#include "sha256.h"
#include "str.h"
#include "tap.h"

/* Whatever the pieces are, the digest is that of the whole: around a block's end, two of them, and none. */
static void test_pieces(void)
{
	static const size_t sizes[] = { 0, 1, 55, 56, 63, 64, 65, 127, 128, 200 };
	char text[600], whole[SHA256_HEX], hex[SHA256_HEX];
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 31);
	for (size_t i = 0; i < array_len(sizes); i++)
		for (size_t k = 0; k < array_len(sizes); k++) {
			struct sha256 s;

			sha256_begin(&s);
			sha256_add(&s, text, sizes[i]);
			sha256_add(&s, text + sizes[i], sizes[k]);
			sha256_add(&s, text + sizes[i] + sizes[k], 3);
			sha256_end(&s, hex);
			sha256_hex(text, sizes[i] + sizes[k] + 3, whole);
			wrong += !str_eq(hex, whole);
		}
	ok(wrong == 0, "pieces make the digest of the whole");
}

int main(void)
{
	/* FIPS 180-4's examples; the others are runs of 'a' as coreutils' sha256sum has them. */
	static const struct {
		const char *text;
		size_t repeat;
		const char *hex;
	} rows[] = {
		{ "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
		{ "a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
		{ "a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
		{ "a", 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
		{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};
	static char text[1000001];

	for (size_t i = 0; i < array_len(rows); i++) {
		char hex[65];

		text[0] = '\0';
		if (strlen(rows[i].text) == 1)
			memset(text, rows[i].text[0], rows[i].repeat);
		else
			strcpy(text, rows[i].text);
		sha256_hex(text, rows[i].repeat > 1 ? rows[i].repeat : strlen(rows[i].text), hex);
		ok_str(hex, rows[i].hex, rows[i].text);
	}
	test_pieces();
	return tap_done();
}
