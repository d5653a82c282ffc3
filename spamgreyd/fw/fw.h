/*
 * A firewall driver: one file, one struct.  fw.c (the role) keeps the set
 * that ought to be in the table, compares the two and decides what to do
 * when; a driver only does it.  All calls come from the event loop and must
 * not block for long: the role hands over at most `slice' elements a call.
 * A driver logs an element that the kernel refuses, marks it and goes on.
 */
#ifndef FW_H
#define FW_H

#include <event2/event.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/conf/config.h"

struct fw_host {
	struct addr	addr;		/* cut to `admit' */
	uint8_t		plen;		/* 128ths */
	uint8_t		in;		/* in the table already, as far as is known */
	uint8_t		refused;	/* out: not in the table, FW_REFUSED … */
	int64_t		until;		/* seconds since the epoch; HOST_FOREVER */
};

#define FW_REFUSED	1		/* by the kernel; said in the log */
#define FW_NO_ROOM	2		/* not asked for: all tables are full */

/* Addresses of all tables of the firewall together. */
struct fw_room {
	size_t		limit;
	size_t		used;
};

enum fw_result {
	FW_OK,
	FW_FULL,		/* nothing was asked for: there is no room */
	FW_GONE,		/* no such table (any more): fill it again */
	FW_FAILED,		/* said in the log; try again later */
	FW_BLIND		/* dump: too big to be read here */
};

/* An element of the table; left: seconds until the kernel drops it, -1 never. */
typedef void (*fw_seen)(const struct addr *, uint8_t plen, int64_t left,
    void *arg);

/* From lo to hi, of one family. */
struct fw_net {
	struct addr	lo, hi;
};
typedef void (*fw_net_seen)(const struct fw_net *, void *arg);

/* Tables of blacklists (fw_tables.c), each by the name of the configuration. */
struct fw_tables_ops {
	int		ranges;		/* takes any; else only networks */
	size_t		slice;		/* elements a call */
	/* Is it there, and may it be changed?  Else fw_why(). */
	enum fw_result	(*open)(const char *table);
	enum fw_result	(*dump)(const char *table, fw_net_seen, void *arg);
	enum fw_result	(*add)(const char *table, const struct fw_net *,
			    size_t n);
	enum fw_result	(*del)(const char *table, const struct fw_net *,
			    size_t n);
	enum fw_result	(*clear)(const char *table);
	enum fw_result	(*revive)(const char *table);
	long		(*count)(const char *table);
};

struct fw_driver {
	const char	*name;		/* "pf", "nftables", "none" */
	size_t		 slice;		/* elements a call */
	int		 timeouts;	/* the kernel ends a host by itself */
	/* Privileged; what is not FW_OK has in fw_why() what is wrong and its
	 * remedy (the line to add to pf.conf …).  After FW_GONE the rest may
	 * be called all the same.  fd: /dev/pf or -1, stays the caller's. */
	enum fw_result	(*open)(const struct config *, int fd);
	/* Unprivileged, in the loop: what must be heard of behind our back
	 * (netlink events).  changed: the table was flushed or edited.  NULL:
	 * the role asks intact() each second. */
	int		(*watch)(struct event_base *, void (*changed)(void *),
			    void *arg);
	/* 1: as many addresses as we left there, 0: not, -1: gone.  Cheap. */
	int		(*intact)(void);
	/* fresh: none of them is in the table, as far as is known. */
	enum fw_result	(*add)(struct fw_host *, size_t n, int64_t now,
			    int fresh);
	enum fw_result	(*del)(struct fw_host *, size_t n);
	/* Networks; sorted, none inside another.  NULL: they live in the table
	 * with the hosts, and come by add. */
	enum fw_result	(*nets)(const struct prefix *, size_t n);
	/* NULL: there is no table to compare with. */
	enum fw_result	(*dump)(fw_seen, void *arg);
	/* Make a table that is gone; the caller fills it.  FW_GONE: cannot be
	 * made from here, said in the log once. */
	enum fw_result	(*revive)(void);
	enum fw_result	(*clear)(void);
	/* How many hosts the table has now; -1: gone. */
	long		(*count)(void);
	/* Does the table let the address in?  Reads all of it: for a person. */
	enum fw_result	(*find)(const struct addr *, int *there);
	/* NULL: there is no limit that all tables share. */
	enum fw_result	(*room)(struct fw_room *);
	const struct fw_tables_ops *tables;	/* NULL: it has none */
	void		(*close)(void);
};

extern const struct fw_driver fw_pf, fw_nft, fw_none;

/* fw_set.c: how many may be added; a twentieth of the limit stays for others. */
size_t	 fw_room_free(const struct fw_room *);
/* fw_set.c: for the driver's find, one of its elements. */
int	 fw_covers(const struct addr *net, uint8_t plen, const struct addr *);

/* fw_check.c: warns on stderr of a table that is not there or full; for -n. */
void	 fw_check(const struct config *);

/* fw_set.c: why open() failed; the drivers set it. */
const char *fw_why(void);
enum fw_result fw_set_why(const char *, ...)	/* returns FW_FAILED */
	    __attribute__((__format__(printf, 1, 2)));

/*
 * fw_set.c: the set that ought to be in the table.  An element is wanted
 * because the store said so, because it is a network of a whitelist, or both.
 */
#define FW_BY_STORE	1
#define FW_BY_LIST	2

struct fw_want {
	struct addr	addr;
	uint8_t		plen;
	uint8_t		by;		/* FW_BY_*; 0: wanted no more */
	uint8_t		used;		/* the slot's own */
	uint8_t		in;		/* in the table, when last heard of */
	uint32_t	queued;		/* place in this turn's changes, from 1 */
	uint32_t	stream;		/* the stream that last named it */
	uint32_t	seen;		/* the comparison that last saw it */
	int64_t		until;
};

struct fw_set {
	struct fw_want	*slot;
	size_t		 size;		/* a power of two, or 0 */
	size_t		 n;
	uint8_t		 key[16];
};

void	 fw_set_init(struct fw_set *);
void	 fw_set_free(struct fw_set *);
/* Valid until the next fw_set_put or fw_set_drop. NULL: none. */
struct fw_want *fw_set_get(const struct fw_set *, const struct addr *,
	    uint8_t plen);
/* The one there, or a new one with by 0.  NULL: no memory. */
struct fw_want *fw_set_put(struct fw_set *, const struct addr *, uint8_t plen);
void	 fw_set_drop(struct fw_set *, const struct addr *, uint8_t plen);
/* Walks all: start with *i 0; NULL at the end.  No put or drop between. */
struct fw_want *fw_set_next(const struct fw_set *, size_t *i);

/* fw_set.c: the last address of a network. */
void	 fw_net_last(const struct prefix *, struct addr *);
/* fw_set.c: sorts, and takes out those inside another; how many remain. */
size_t	 fw_nets_fold(struct prefix *, size_t);

#endif
