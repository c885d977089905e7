/* A port forward, as VPNKit's control API and its /port directory name it. "out" is the side that listens, "in" the one
 * that is connected to.
 *
 *   text   tcp:OUT_IP:OUT_PORT:tcp:IN_IP:IN_PORT, udp:... likewise, unix:BASE64(OUT_PATH):unix:BASE64(IN_PATH);
 *          an IPv6 address stands in brackets
 *   JSON   {"proto","out_ip","out_port","out_path","in_ip","in_port","in_path","annotation"}, all but proto optional */
#pragma once

#include "jsonr.h"
#include "jsonw.h"
#include "vpnkit_frame.h"

#define VPNKIT_EXPOSE_PORT   "/forwards/expose/port"
#define VPNKIT_EXPOSE_PIPE   "/forwards/expose/pipe"
#define VPNKIT_UNEXPOSE_PORT "/forwards/unexpose/port"
#define VPNKIT_UNEXPOSE_PIPE "/forwards/unexpose/pipe"
#define VPNKIT_LIST          "/forwards/list"
#define VPNKIT_DUMP          "/forwards/dump"

struct vpnkit_port {
	enum vpnkit_proto proto;
	struct vpnkit_ip out_ip, in_ip;
	uint16_t out_port, in_port;
	char *out_path, *in_path; /* of Unix; else NULL */
	char *annotation;         /* or NULL */
};

#define _cleanup_vpnkit_port_ _cleanup_(vpnkit_port_clear)
void vpnkit_port_clear(struct vpnkit_port *p);
int vpnkit_port_copy(struct vpnkit_port *to, const struct vpnkit_port *from); /* -1 without memory */

/* The text form; n bytes without blanks at the end. -1: err says what is wrong with it, for people. */
int vpnkit_port_parse(const char *text, size_t n, struct vpnkit_port *out, struct error *err);
/* Appends it. -1 without memory. */
int vpnkit_port_spec(const struct vpnkit_port *p, struct buf *out);
/* The same for people: "tcp forward from 0.0.0.0:80 to 172.17.0.2:80", with the annotation in front, as VPNKit's
 * vpnkit-list-ports prints it. Two ports with the same description are the same to the control API. */
int vpnkit_port_describe(const struct vpnkit_port *p, struct buf *out);

/* The error names the field. */
int vpnkit_port_parse_json(const char *json, size_t n, struct vpnkit_port *out, struct error *err);
int vpnkit_port_from_json(const struct jsonr *object, struct vpnkit_port *out, struct error *err);
void vpnkit_port_to_json(const struct vpnkit_port *p, struct jsonw *w, const char *key);

/* Where a connection of this forward goes. */
int vpnkit_port_destination(const struct vpnkit_port *p, struct vpnkit_destination *to, struct error *err);
