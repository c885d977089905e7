#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <sys/random.h>

#include "state_private.h"
#include "str.h"

bool state_mac_valid(const char *mac)
{
	size_t i;

	for (i = 0; mac[i]; i++)
		if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
			return false;
	return i == 17;
}

static char *mac_make(struct state *s, struct error *err)
{
	_cleanup_free_ char *mac = NULL;
	unsigned char b[6];

	if (getrandom(b, sizeof(b), 0) != sizeof(b)) {
		error_set(err, errno, "getrandom");
		return NULL;
	}
	b[0] = (unsigned char)((b[0] & 0xfc) | 2); /* unicast, locally administered */
	mac = str_format("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	if (!mac) {
		error_set(err, ENOMEM, "MAC address");
		return NULL;
	}
	if (state_made(s, STATE_MAC, err) < 0 || state_write(s, STATE_MAC, mac, strlen(mac), err) < 0)
		return NULL;
	return steal_ptr(&mac);
}

char *state_mac(struct state *s, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	char *mac;

	if (state_read(s, STATE_MAC, 4096, &text, &why) < 0) {
		if (why.code == ENOENT)
			return mac_make(s, err);
		error_move(err, &why);
		return NULL;
	}
	mac = buf_steal_text(&text);
	if (!mac) {
		error_set(err, ENOMEM, "MAC address");
		return NULL;
	}
	mac[strcspn(mac, "\n")] = '\0';
	if (state_mac_valid(mac))
		return mac;
	error_set(err, 0, "%s/%s: \"%s\" is not a MAC address: remove the file to get a new one", s->dir, STATE_MAC,
		  mac);
	free(mac);
	return NULL;
}
