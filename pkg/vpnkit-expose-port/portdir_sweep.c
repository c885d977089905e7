#include "portdir.h"
#include "str.h"

char *portdir_mark(const char *dir)
{
	return str_format("%s#", dir);
}

int portdir_sweep(struct control *c, const char *mark, struct error *err)
{
	_cleanup_buf_ struct buf list = { 0 };
	struct jsonr all, one;
	struct jsonr_iter it;

	if (control_get(c, VPNKIT_LIST, &list, err) < 0 || jsonr_parse(buf_text(&list), list.len, &all, err) < 0)
		return error_wrap(err, "the host's list of ports");
	it = jsonr_iter(&all);
	while (all.type == JSONR_ARRAY && jsonr_element(&it, &one)) {
		_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 };

		if (vpnkit_port_from_json(&one, &p, NULL) < 0 || !p.annotation || !str_starts(p.annotation, mark))
			continue;
		if (control_unexpose(c, &p, err) < 0)
			return error_wrap(err, "a port stays open");
	}
	return 0;
}
