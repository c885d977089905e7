/* The directory in which folders are ports, by the messages of 9P2000 that Linux sends, and by those that nobody
 * should. */
#include <stdlib.h>

#include "portfs.h"
#include "tap.h"

enum { ROOT_FID = 1, DIR_FID = 2, CTL_FID = 3 };

/* The host: it answers at once, later, or not at all. */
static struct portfs_port *opening, *closing;
static unsigned opened, closed;
static bool at_once;

static void host_open(void *data, struct portfs_port *p)
{
	(void)data;
	opened++;
	opening = p;
	if (at_once)
		portfs_opened(p, NULL);
}

static void host_close(void *data, struct portfs_port *p)
{
	(void)data;
	closed++;
	closing = p;
	if (at_once)
		portfs_closed(p);
}

static const struct portfs_handler host = { host_open, host_close };

static struct portfs fs;

static void fs_begin(void)
{
	if (fs.handler)
		portfs_clear(&fs);
	fs = (struct portfs){ .handler = &host };
	portfs_init(&fs);
	opening = closing = NULL;
	opened = closed = 0;
	at_once = true;
}

/* One request: what is put behind the tag is given as "1", "2", "4", "8" (a number of so many bytes), "s" (a text) and
 * "d" (a text with four bytes of length, as data are). */
static void request(uint8_t type, uint16_t tag, const char *form, ...)
{
	_cleanup_buf_ struct buf b = { 0 };
	size_t at, used = 0;
	va_list ap;

	va_start(ap, form);
	ninep_begin(&b, type, tag, &at);
	for (; *form; form++) {
		const char *text = strchr("sd", *form) ? va_arg(ap, const char *) : NULL;

		if (*form == 's')
			ninep_add_text(&b, text, strlen(text));
		else if (*form == 'd') {
			ninep_add(&b, strlen(text), 4);
			buf_add(&b, text, strlen(text));
		} else if (*form == '8')
			ninep_add(&b, va_arg(ap, uint64_t), 8);
		else
			ninep_add(&b, va_arg(ap, unsigned), (unsigned)(*form - '0'));
	}
	va_end(ap);
	ninep_end(&b, at);
	buf_clear(&fs.out);
	if (portfs_next(&fs, buf_bytes(&b), b.len, &used, NULL) != 1 || used != b.len)
		ok(false, "a request of type %u is taken", type);
}

/* The answer's type; its body is behind the first seven bytes. 0: there is none. */
static uint8_t answered(void)
{
	return fs.out.len < 7 ? 0 : buf_bytes(&fs.out)[4];
}

/* A text at the end of the answer: that of an error, data. */
static const char *tail(size_t head)
{
	return fs.out.len > 7 + head ? buf_text(&fs.out) + 7 + head : "";
}

static bool refused(const char *why)
{
	return answered() == NINEP_ERROR + 1 && strcmp(tail(2), why) == 0;
}

static void session(void)
{
	fs_begin();
	request(NINEP_VERSION, NINEP_NOTAG, "4s", 131096, "9P2000.L");
	request(NINEP_ATTACH, 1, "44ss", ROOT_FID, NINEP_NOFID, "root", "");
}

static void walk(uint32_t from, uint32_t to, const char *name)
{
	if (name)
		request(NINEP_WALK, 1, "442s", from, to, 1, name);
	else
		request(NINEP_WALK, 1, "442", from, to, 0);
}

/* mkdir, and an open of its ctl */
static void folder_make(const char *name)
{
	walk(ROOT_FID, DIR_FID, NULL);
	request(NINEP_CREATE, 1, "4s41", DIR_FID, name, NINEP_MODE_DIR | 0755, NINEP_READS);
	request(NINEP_CLUNK, 1, "4", DIR_FID);
	walk(ROOT_FID, DIR_FID, name);
	walk(DIR_FID, CTL_FID, "ctl");
	request(NINEP_OPEN, 1, "41", CTL_FID, NINEP_BOTH);
}

static void ctl_write(const char *spec)
{
	request(NINEP_WRITE, 9, "48d", CTL_FID, UINT64_C(0), spec);
}

static const char *ctl_read(void)
{
	request(NINEP_READ, 2, "484", CTL_FID, UINT64_C(0), 100);
	return answered() == NINEP_READ + 1 ? tail(4) : "";
}

/* --- what scripts do ---------------------------------------------------------------------------------------------- */

#define SPEC "tcp:0.0.0.0:8080:tcp:172.17.0.2:80"

static void test_script(void)
{
	session();
	ok(answered() == NINEP_ATTACH + 1, "attached");
	folder_make("web");
	ok(answered() == NINEP_OPEN + 1, "ctl is opened");
	ok_str(ctl_read(), "ERROR no request received. Please read the README.\n", "nothing was asked yet");
	ctl_write(SPEC);
	ok(answered() == NINEP_WRITE + 1 && opened == 1, "the host is asked");
	ok_str(ctl_read(), "OK " SPEC "\n", "and has opened it");
	request(NINEP_READ, 2, "484", CTL_FID, UINT64_C(3), 3);
	ok_str(tail(4), "tcp", "read in parts");
	request(NINEP_READ, 2, "484", CTL_FID, UINT64_MAX, 100);
	ok(answered() == NINEP_READ + 1 && tail(4)[0] == '\0', "and nothing behind its end");
	ctl_write(SPEC);
	ok(refused("Operation not permitted"), "a second write is refused");
	walk(ROOT_FID, 20, "web");
	request(NINEP_OPEN, 1, "41", 20, NINEP_READS);
	request(NINEP_READ, 2, "484", 20, UINT64_C(0), 100);
	ok_str(tail(4), SPEC "\n", "the port is a file now, which says which");
	request(NINEP_CLUNK, 1, "4", CTL_FID);
	ok(closed == 1, "it closes with ctl");
	walk(ROOT_FID, 21, "web");
	ok(refused("No such file or directory"), "and is gone");
	request(NINEP_READ, 2, "484", 20, UINT64_C(0), 100);
	ok(refused("No such file or directory"), "also for who has it open");
}

static void test_refused(void)
{
	_cleanup_error_ struct error e = { 0 };

	session();
	at_once = false;
	error_say(&e, 0, "no");
	folder_make("web");
	ctl_write(SPEC);
	ok(answered() == 0, "a write is not answered before the host is");
	portfs_opened(opening, &e);
	ok(answered() == NINEP_WRITE + 1, "but then");
	ok(strncmp(ctl_read(), "ERROR no  ", 10) == 0 && strlen(tail(4)) == strlen(SPEC),
	   "and says why, no shorter than what was written");
	request(NINEP_CLUNK, 1, "4", CTL_FID);
	ok(closed == 0, "what is not open is not closed");
	request(NINEP_CLUNK, 1, "4", DIR_FID);

	folder_make("bad");
	ctl_write("tcp:nonsense");
	ok(opened == 1 && strncmp(ctl_read(), "ERROR Failed to parse request [tcp:nonsense]", 44) == 0,
	   "nonsense does not come to the host");
}

static void test_removed(void)
{
	session();
	folder_make("a");
	ctl_write(SPEC);
	request(NINEP_REMOVE, 1, "4", DIR_FID);
	ok(answered() == NINEP_REMOVE + 1 && closed == 1, "rmdir closes the port");
	request(NINEP_CLUNK, 1, "4", CTL_FID);
	ok(answered() == NINEP_CLUNK + 1 && closed == 1, "once");

	folder_make("b");
	at_once = false;
	ctl_write(SPEC);
	request(NINEP_REMOVE, 1, "4", DIR_FID);
	request(NINEP_CLUNK, 1, "4", CTL_FID);
	ok(closed == 1, "one that the host is still asked for waits");
	portfs_opened(opening, NULL);
	ok(closed == 2, "and is closed as soon as it is open");
	portfs_closed(closing);

	folder_make("c");
	ctl_write(SPEC);
	request(NINEP_FLUSH, 3, "2", 9);
	ok(answered() == NINEP_FLUSH + 1, "a write that a signal ends is not waited for");
	portfs_opened(opening, NULL);
	ok(answered() == NINEP_FLUSH + 1, "nor answered");
	ok_str(ctl_read(), "OK " SPEC "\n", "and went through");
	request(NINEP_VERSION, NINEP_NOTAG, "4s", 8192, "9P2000");
	ok(closed == 3 && fs.fid_count == 0, "a client that begins anew has given up everything");
	portfs_closed(closing);
	ok(fs.port_count == 0, "and nothing is left of it");
}

static void test_listing(void)
{
	unsigned i, names = 0, reads = 0;
	uint64_t offset = 0;
	char name[8];

	session();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		walk(ROOT_FID, 50, NULL);
		request(NINEP_CREATE, 1, "4s41", 50, name, NINEP_MODE_DIR | 0755, NINEP_READS);
		request(NINEP_CLUNK, 1, "4", 50);
	}
	walk(ROOT_FID, 50, NULL);
	request(NINEP_OPEN, 1, "41", 50, NINEP_READS);
	for (;; reads++) {
		const uint8_t *p;
		size_t left;

		request(NINEP_READ, 2, "484", 50, offset, 1000);
		left = fs.out.len - 11;
		if (answered() != NINEP_READ + 1 || left == 0)
			break;
		offset += left;
		for (p = buf_bytes(&fs.out) + 11; left >= 2; names++) {
			size_t n = 2u + (p[0] | (size_t)p[1] << 8);

			if (n > left)
				break;
			p += n;
			left -= n;
		}
		if (left > 0)
			break;
	}
	ok(names == 101 && reads > 5, "a listing has each name once, in whole entries: %u in %u reads", names, reads);
	request(NINEP_READ, 2, "484", 50, UINT64_C(7), 1000);
	ok(refused("Invalid argument"), "a directory is read in order");
	request(NINEP_READ, 2, "484", 50, UINT64_C(0), 10);
	ok(refused("Invalid argument"), "and not in parts of entries");
}

/* --- what nobody should do ---------------------------------------------------------------------------------------- */

static void test_wrong(void)
{
	static const char *const names[] = { "", ".", "..", "a/b", "README" };
	static char name[PORTFS_NAME_MAX + 2];
	size_t i;

	fs_begin();
	request(NINEP_ATTACH, 1, "44ss", ROOT_FID, NINEP_NOFID, "root", "");
	ok(refused("Invalid argument"), "nothing goes before a version");
	request(NINEP_VERSION, NINEP_NOTAG, "4s", 100, "9P2000");
	ok(strcmp(tail(6), "unknown") == 0, "messages that are too short for a file are refused");
	request(NINEP_VERSION, NINEP_NOTAG, "4s", 8192, "9P3000");
	ok(strcmp(tail(6), "unknown") == 0, "and so is another protocol");
	session();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		walk(ROOT_FID, 50, NULL);
		request(NINEP_CREATE, 1, "4s41", 50, names[i], NINEP_MODE_DIR | 0755, NINEP_READS);
		ok(answered() == NINEP_ERROR + 1, "no folder is called \"%s\"", names[i]);
		request(NINEP_CLUNK, 1, "4", 50);
	}
	memset(name, 'x', PORTFS_NAME_MAX + 1);
	request(NINEP_CREATE, 1, "4s41", ROOT_FID, name, NINEP_MODE_DIR, NINEP_READS);
	ok(refused("File name too long"), "nor by so long a name");
	request(NINEP_CREATE, 1, "4s41", ROOT_FID, "file", 0644, NINEP_BOTH);
	ok(refused("Operation not permitted"), "no file is made");
	folder_make("a");
	walk(ROOT_FID, 50, NULL);
	request(NINEP_CREATE, 1, "4s41", 50, "a", NINEP_MODE_DIR, NINEP_READS);
	ok(refused("File exists"), "nor a folder twice");
	walk(ROOT_FID, CTL_FID, NULL);
	ok(refused("Bad file descriptor"), "a fid is given once");
	request(NINEP_STAT, 1, "4", 999);
	ok(refused("Bad file descriptor"), "and is known");
	request(NINEP_REMOVE, 1, "4", 50);
	ok(refused("Operation not permitted"), "the root stays");
	request(NINEP_STAT, 1, "4", 50);
	ok(refused("Bad file descriptor"), "a fid that removes is gone in any case");
	request(200, 1, "");
	ok(refused("Function not implemented"), "other requests are refused");
	request(NINEP_WALK, 1, "442ssss", ROOT_FID, 60, 4, "a", "ctl", "..", "none");
	ok(answered() == NINEP_WALK + 1 && tail(0)[0] == 3, "a walk says how far it came");
	request(NINEP_STAT, 1, "4", 60);
	ok(refused("Bad file descriptor"), "and makes no fid of a part of the way");
}

static void test_bytes(void)
{
	static const uint8_t cut[] = { 11, 0, 0, 0, NINEP_WALK, 1, 0, 1, 0, 0, 0 };
	static const uint8_t many[] = { 17, 0, 0, 0, NINEP_WALK, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 17, 0 };
	static const uint8_t large[] = { 0, 0, 1, 0, NINEP_STAT, 1, 0 };
	static const uint8_t small[] = { 6, 0, 0, 0, NINEP_STAT, 1, 0 };
	_cleanup_error_ struct error e = { 0 };
	size_t used;

	session();
	ok(portfs_next(&fs, cut, sizeof(cut) - 1, &used, &e) == 0, "a message that is not whole is waited for");
	ok(portfs_next(&fs, cut, sizeof(cut), &used, &e) < 0, "one that is cut short ends the connection");
	ok(portfs_next(&fs, many, sizeof(many), &used, &e) < 0, "so does a walk with too many names,");
	ok(portfs_next(&fs, large, sizeof(large), &used, &e) < 0, "a message that is too large,");
	ok(portfs_next(&fs, small, sizeof(small), &used, &e) < 0, "or smaller than its own head");
}

static void test_bounds(void)
{
	unsigned i;
	char name[8];

	session();
	for (i = 0; i < PORTFS_PORTS_MAX + 1; i++) {
		snprintf(name, sizeof(name), "%u", i);
		walk(ROOT_FID, 100, NULL);
		request(NINEP_CREATE, 1, "4s41", 100, name, NINEP_MODE_DIR, NINEP_READS);
		if (answered() == NINEP_ERROR + 1)
			break;
		request(NINEP_CLUNK, 1, "4", 100);
	}
	ok(i == PORTFS_PORTS_MAX && refused("No space left on device"), "%u folders", i);
	for (i = 200; i < 200 + PORTFS_FIDS_MAX + 1; i++) {
		walk(ROOT_FID, i, NULL);
		if (answered() == NINEP_ERROR + 1)
			break;
	}
	ok(refused("Too many open files"), "%u fids", i - 200);
}

int main(void)
{
	test_script();
	test_refused();
	test_removed();
	test_listing();
	test_wrong();
	test_bytes();
	test_bounds();
	portfs_clear(&fs);
	return tap_done();
}
