/*
 * A line as spamd-setup(8) sends it to port 8026, one list in it:
 *
 *	tag;"message";inet;COUNT;a.b.c.d/nn;…[;inet6;COUNT;addr/nn;…]
 *	tag;"message";COUNT;a.b.c.d/nn;…		(before 2015)
 *	tag;						(its addresses go)
 *
 * A pure function: the addresses are handed out as they are read, and the
 * caller uses them only if the line as a whole was good.
 */
#ifndef LISTCFG_H
#define LISTCFG_H

#include <stddef.h>

#include "lib/base/addr.h"

#define LISTCFG_TAG_MAX		63
#define LISTCFG_MESSAGE_MAX	4096

enum listcfg_result {
	LISTCFG_NONE,		/* a line of no or one character */
	LISTCFG_CLEAR,
	LISTCFG_LIST,
	LISTCFG_BAD		/* error says why; *tag is "" if it is bad too */
};

struct listcfg {
	char		tag[LISTCFG_TAG_MAX + 1];
	char		message[LISTCFG_MESSAGE_MAX];	/* a template (tmpl.h) */
	size_t		count;
	char		error[160];
};

/* add: -1 ends it (no memory).  The line is without its end. */
enum listcfg_result listcfg_parse(const char *line, size_t len,
	    struct listcfg *, int (*add)(const struct prefix *, void *),
	    void *arg);

#endif
