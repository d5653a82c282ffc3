/*
 * A firewall driver: one file, one struct.  fw.c (the role) keeps the set
 * that ought to be in the table and decides what to do when; a driver only
 * does it.  All calls come from the event loop and must not block for long.
 * A driver logs a bad element and goes on; it returns -1 only when the table
 * as a whole cannot be reached, with a reason in fw_why().
 */
#ifndef FW_H
#define FW_H

#include <event2/event.h>

#include "../lib/addr.h"
#include "config.h"

struct fw_host {
	struct addr	addr;		/* cut to `admit' */
	uint8_t		plen;		/* 128ths */
	int64_t		until;		/* seconds since the epoch; HOST_FOREVER */
};

enum fw_result {
	FW_OK,
	FW_GONE,		/* no such table (any more): fill it again */
	FW_FAILED		/* said in the log; try again later */
};

struct fw_driver {
	const char	*name;		/* "pf", "nftables", "none" */
	/* Privileged; 0, or -1 with a logged message that names the remedy
	 * (the line to add to pf.conf …).  fd: /dev/pf or -1. */
	int		(*open)(const struct config *, int fd);
	/* Unprivileged, in the loop: what must be heard of behind our back
	 * (netlink events).  changed: the table was flushed or edited. */
	int		(*watch)(struct event_base *, void (*changed)(void *),
			    void *arg);
	enum fw_result	(*add)(const struct fw_host *, size_t n, int64_t now);
	enum fw_result	(*del)(const struct fw_host *, size_t n);
	/* Make the table exactly the hosts and networks given. */
	enum fw_result	(*set)(const struct fw_host *, size_t n,
			    const struct prefix *nets, size_t nnets,
			    int64_t now);
	/* How many addresses the table has now; -1: gone. Cheap. */
	long		(*count)(void);
	void		(*close)(void);
};

extern const struct fw_driver fw_pf, fw_nft, fw_none;

#endif
