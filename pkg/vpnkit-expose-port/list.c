#include <stdio.h>

#include "expose.h"
#include "log.h"
#include "str.h"

static const char help[] =
	"usage: vpnkit-list-ports -control ADDRESS [-debug]\n"
	"Prints the ports of the host that are open for this machine, one a line.\n"
	"  -control ADDRESS  where the host is asked: a vsock port (4098), CID/PORT, or a socket's path\n"
	"  -debug            also what the host says of the connections, on standard error\n";

static int ports_print(const struct buf *json, struct error *err)
{
	struct jsonr all, one;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(json), json->len, &all, err) < 0)
		return error_wrap(err, "the host's list");
	it = jsonr_iter(&all);
	while (all.type == JSONR_ARRAY && jsonr_element(&it, &one)) {
		_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 };
		_cleanup_buf_ struct buf line = { 0 };
		_cleanup_free_ char *shown = NULL;

		if (vpnkit_port_from_json(&one, &p, err) < 0 || vpnkit_port_describe(&p, &line) < 0)
			return error_wrap(err, "the host's list");
		shown = str_escape(buf_text(&line));
		if (!shown || puts(shown) < 0)
			return error_set(err, 0, "standard output");
	}
	return fflush(stdout) == 0 ? 0 : error_set(err, 0, "standard output");
}

static int list_run(const char *address, bool debug, struct error *err)
{
	struct control c = { .loop = loop_new(err) };
	_cleanup_buf_ struct buf list = { 0 }, dump = { 0 };
	int r = -1;

	if (c.loop && vpnkit_address_parse(address, &c.address, err) == 0)
		r = control_get(&c, VPNKIT_LIST, &list, err);
	if (r == 0)
		r = ports_print(&list, err);
	if (r == 0 && debug)
		r = control_get(&c, VPNKIT_DUMP, &dump, err);
	if (r == 0 && fputs(buf_text(&dump), stderr) < 0)
		r = error_set(err, 0, "standard error");
	loop_free(c.loop);
	return r;
}

int list_main(int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };
	const char *control = NULL;
	bool debug = false, asked = false;
	const struct flag flags[] = { { "control", &control, NULL },
				      { "debug", NULL, &debug },
				      { "help", NULL, &asked },
				      { "h", NULL, &asked } };

	if (flags_parse(flags, array_len(flags), argc, argv, &e) < 0 ||
	    (!asked && !control && error_set(&e, 0, "-control is needed: where the host is asked"))) {
		log_error("%s", error_text(&e));
		return 2;
	}
	if (asked)
		return fputs(help, stdout) < 0 || fflush(stdout) != 0;
	if (list_run(control, debug, &e) == 0)
		return 0;
	log_error("%s", error_text(&e));
	return 1;
}
