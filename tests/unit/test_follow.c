/* services/log/follow: a follower gets each piece once and in order, whatever happens to the files before it looks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "cleanup.h"
#include "follow.h"
#include "io.h"
#include "loop.h"
#include "str.h"
#include "tap.h"

enum { FILL = 16384 };

static char dir[] = "/tmp/test_follow.XXXXXX";

__attribute__((noreturn)) static void test_die(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

/* The supervisor's side. */
struct writer {
	struct loop *loop;
	struct capture c;
	int fd;
};

static void writer_open(struct writer *w)
{
	struct error err = { 0 };

	w->loop = loop_new(&err);
	if (!w->loop || capture_open(&w->c, w->loop, dir, dir, "talk", &err) < 0 ||
	    (w->fd = capture_writer(&w->c.out, &err)) < 0)
		test_die(error_text(&err));
}

static void writer_close(struct writer *w)
{
	close(w->fd);
	capture_close(&w->c);
	loop_free(w->loop);
}

static void writer_say(struct writer *w, const char *text, size_t n)
{
	if (io_write(w->fd, text, n) < 0)
		test_die("fifo");
	capture_drain(&w->c);
}

static void dir_empty(void)
{
	_cleanup_free_ char *command = str_format("rm -rf %s/*", dir);

	if (system(command) != 0)
		test_die(command);
}

static void file_change(char op)
{
	_cleanup_free_ char *log = str_format("%s/talk.out.log", dir), *aside = str_format("%s/aside", dir);
	_cleanup_free_ char *order = str_format("%s/talk.order", dir);

	if (op == 'r'           ? unlink(log) < 0
		    : op == 'm' ? rename(log, aside) < 0
		    : op == 'e' ? truncate(log, 0) < 0
				: unlink(order) < 0)
		test_die("a file cannot be changed");
}

/* --- the follower's side ------------------------------------------------------------------------------------------ */

static int text_add(void *data, int stream, uint64_t time, const char *text, size_t n, struct error *err)
{
	struct buf *out = data;

	(void)err;
	ok(stream == 1 && time > 0, "standard output, with its time");
	/* What fills a file is one letter. */
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\n' && (text[i] != '~' || out->len == 0 || buf_bytes(out)[out->len - 1] != '~'))
			if (buf_add(out, &text[i], 1) < 0)
				return -1;
	return 0;
}

static void follow_open(struct log_follow *f)
{
	struct log_past past = { 0 };
	struct order_pieces pieces;
	struct error err = { 0 };
	uint64_t size[2][2];

	if (log_follow_begin(f, &past, &err, &err) < 0)
		test_die(error_text(&err));
	for (int i = 0; i < 4; i++)
		size[i / 2][i % 2] = past.text[i / 2][i % 2].len;
	if (order_pieces_make(&pieces, (const void *)buf_bytes(&past.order),
			      past.order.len / sizeof(struct order_record), size, false) < 0)
		test_die("no memory");
	log_follow_shown(f, &pieces);
	order_pieces_clear(&pieces);
	log_past_clear(&past);
}

static char file_log[] = "talk.log", file_out[] = "talk.out.log", file_order[] = "talk.order";

/* What is done, in order: a capital letter is written; t: so much that the file is turned; r: it is removed, m: moved
 * away, e: emptied; o: the order file is removed; f: the follower looks; s: another supervisor follows. The follower
 * looks once more at the end. "~" in what it got is the filling. */
static void test_changes(void)
{
	static const struct {
		const char *does, *gets;
	} rows[] = {
		{ "AB", "AB" },
		{ "fAfB", "AB" },
		{ "AtB", "A~B" },
		/* What was turned twice before it was looked at is lost, but for the file that is open. */
		{ "AtBtC", "A~B~C" },
		{ "AtBtCtD", "A~C~D" },
		{ "AtBftCtD", "A~B~C~D" },
		{ "ArB", "AB" },
		{ "ArBrC", "AC" },
		{ "ArBfrC", "ABC" },
		{ "AmBmC", "AC" },
		{ "AeB", "B" },
		{ "AfeB", "AB" },
		{ "AfBeC", "AC" },
		{ "ArBeC", "AC" },
		{ "AtBrC", "A~C" },
		{ "ArBtC", "AB~C" },
		{ "ArBtCtD", "A~C~D" },
		{ "AtBeC", "A~C" },
		/* Without records nothing says which bytes came when. */
		{ "AfoB", "AB" },
		{ "AfrBoC", "AC" },
		{ "AsB", "AB" },
		{ "ArsB", "AB" },
		{ "AferB", "AB" },
		{ "AfBesC", "AC" },
		{ "AtBsC", "A~BC" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf got = { 0 };
		struct log_follow f = {
			.dir = dir, .file = { file_log, file_out }, .order = file_order, .fn = text_add, .data = &got
		};
		struct error err = { 0 };
		struct writer w = { 0 };
		static char fill[FILL];

		memset(fill, '~', sizeof(fill));
		fill[FILL - 1] = '\n';
		writer_open(&w);
		follow_open(&f);
		for (const char *op = rows[i].does; *op; op++) {
			if (*op >= 'A' && *op <= 'Z') {
				writer_say(&w, op, 1);
			} else if (*op == 't') {
				for (int k = 0; k < CAPTURE_FILE_MAX / FILL; k++)
					writer_say(&w, fill, sizeof(fill));
			} else if (*op == 's') {
				writer_close(&w);
				writer_open(&w);
			} else if (*op == 'f') {
				ok(log_follow_take(&f, &err) == 0, "the follower looks");
			} else {
				file_change(*op);
			}
		}
		ok(log_follow_take(&f, &err) == 0, "the follower looks at the end");
		ok_str(buf_text(&got), rows[i].gets, rows[i].does);
		log_follow_close(&f);
		writer_close(&w);
		dir_empty();
	}
}

/* --- both at once ------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 4000, PIECE = 4000 };

struct heard {
	unsigned last, pieces;
	size_t bytes; /* of the last */
	bool wrong;
};

/* Each piece is one number again and again. */
static int number_check(void *data, int stream, uint64_t time, const char *text, size_t n, struct error *err)
{
	struct heard *h = data;

	(void)stream;
	(void)time;
	(void)err;
	for (size_t i = 0; i + 8 <= n; i += 8) {
		unsigned number = (unsigned)strtoul(text + i, NULL, 10);

		if (number != h->last) {
			h->wrong |= number < h->last;
			h->last = number;
			h->bytes = 0;
			h->pieces++;
		}
		h->bytes += 8;
		h->wrong |= h->bytes > PIECE;
	}
	h->wrong |= n % 8 != 0;
	return 0;
}

static void rounds_write(void)
{
	struct writer w = { 0 };
	unsigned seed = 7;
	char piece[PIECE + 1];

	writer_open(&w);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		for (size_t k = 0; k < PIECE; k += 8)
			snprintf(piece + k, 9, "%07u\n", i);
		writer_say(&w, piece, PIECE);
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1 && i < ROUNDS && i % 16 == 0)
			file_change("rme"[(seed >> 17) % 3]);
	}
	writer_close(&w);
}

static void test_at_once(void)
{
	struct heard heard = { 0 };
	struct log_follow f = {
		.dir = dir, .file = { file_log, file_out }, .order = file_order, .fn = number_check, .data = &heard
	};
	struct error err = { 0 };
	struct writer w = { 0 };
	int status = 0;
	pid_t pid;

	writer_open(&w);
	follow_open(&f);
	writer_close(&w);
	pid = fork();
	if (pid == 0) {
		rounds_write();
		_exit(0);
	}
	do {
		if (log_follow_take(&f, &err) < 0)
			break;
	} while (waitpid(pid, &status, WNOHANG) == 0);
	ok(log_follow_take(&f, &err) == 0 && status == 0, "files are changed while they are followed");
	ok(!heard.wrong, "no piece comes twice, or for another one");
	ok(heard.last == ROUNDS, "the last one comes");
	printf("# %u of %d pieces\n", heard.pieces, ROUNDS);
	log_follow_close(&f);
	dir_empty();
}

int main(void)
{
	if (!mkdtemp(dir))
		test_die(dir);
	test_changes();
	test_at_once();
	rmdir(dir);
	return tap_done();
}
