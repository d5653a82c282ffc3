/*
 * Room fw: the firewall's table of hosts that go straight to the mail server,
 * and the tables of blacklists.  The role fw runs it, with the parent's
 * descriptor of /dev/pf or with CAP_NET_ADMIN; `spamgreyd -n' runs check.c.  It
 * uses process, os and lib, and of lib neither policy nor db nor control.
 *
 *	fw.c		the role: messages of store, life
 *	fw_int.h	what the role's files share
 *	sync.c		comparing the table with what should be in it
 *	set.c		what should be in it; networks
 *	tables.c	tables of blacklists
 *	room.c		the limit that PF has for all tables together
 *	look.c		answers to questions
 *	check.c		spamgreyd -n
 *	none.c pf/ nft/	the drivers
 *
 * A driver is one struct fw_driver.  The role keeps the set that should be in
 * the table, compares the two and decides what to do when; a driver only does
 * it.  All calls come from the event loop and must not block for long: the role
 * hands over at most `slice' elements a call.  A driver logs an element that
 * the kernel refuses, marks it and goes on.
 */
#ifndef FW_H
#define FW_H

#include <event2/event.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/conf/config.h"

/* An element that a driver adds or deletes.  The role owns the array. */
struct fw_host {
	struct addr	addr;		/* cut to the length of `admit' */
	uint8_t		plen;		/* prefix length, of 128 also for IPv4 */
	uint8_t		in;		/* in the table already, as far as is known */
	uint8_t		refused;	/* out: 0, FW_REFUSED or FW_NO_ROOM */
	int64_t		until;		/* seconds since the epoch; HOST_FOREVER */
};

/*
 * A twentieth (1 / FW_RESERVE) of the limit on addresses is kept free for
 * tables of others.  Advice about the limit is a multiple of FW_ROOM_STEP.
 */
#define FW_RESERVE	20
#define FW_ROOM_STEP	10000

#define FW_REFUSED	1		/* by the kernel, and logged */
#define FW_NO_ROOM	2		/* was not added, since the tables are full */

/* Addresses of all tables of the firewall together. */
struct fw_room {
	size_t		limit;
	size_t		used;
};

enum fw_result {
	FW_OK,
	FW_FULL,		/* nothing was done: there is no room */
	FW_GONE,		/* the table does not exist (any more) */
	FW_FAILED,		/* the reason is logged; try again later */
	FW_BLIND		/* dump: the table is too big to be read */
};

/* An element of the table; left: seconds until the kernel drops it, -1
 * never. */
typedef void (*fw_seen)(const struct addr *, uint8_t plen, int64_t left,
    void *arg);

/* The addresses from lo to hi, both included, of one family. */
struct fw_net {
	struct addr	lo, hi;
};
typedef void (*fw_net_seen)(const struct fw_net *, void *arg);

/*
 * Tables of blacklists (tables.c), each by its name in the configuration.  The
 * calls are those of struct fw_driver below.
 */
struct fw_tables_ops {
	int		ranges;		/* 1: takes any range; 0: only networks */
	size_t		slice;		/* elements a call */
	/* Does it exist, and may it be changed?  Otherwise fw_why() says what
	 * to do. */
	enum fw_result	(*open)(const char *table);
	enum fw_result	(*dump)(const char *table, fw_net_seen, void *arg);
	enum fw_result	(*add)(const char *table, const struct fw_net *,
			    size_t n);
	enum fw_result	(*del)(const char *table, const struct fw_net *,
			    size_t n);
	enum fw_result	(*clear)(const char *table);
	enum fw_result	(*revive)(const char *table);
	/* Not asked of a driver that has watch(). */
	long		(*count)(const char *table);
};

struct fw_driver {
	const char	*name;		/* "pf", "nftables", "none" */
	size_t		 slice;		/* elements a call */
	int		 timeouts;	/* the kernel removes a host by itself */
	/* Called while privileged.  Unless it is FW_OK, fw_why() says what is
	 * wrong and what to do (the line to add to pf.conf …).  After FW_GONE
	 * the other calls are allowed too.  fd: /dev/pf or -1; it remains the
	 * caller's. */
	enum fw_result	(*open)(const struct config *, int fd);
	/* Called after the privilege drop: watches for changes that others make
	 * (netlink events), and calls changed(arg) after one.  0, or -1: no
	 * memory.  NULL: there are no events, and the role asks intact() each
	 * second. */
	int		(*watch)(struct event_base *, void (*changed)(void *),
			    void *arg);
	/* Does the table hold as many addresses as we left there?  1 or 0, -1:
	 * gone.  Cheap. */
	int		(*intact)(void);
	/* fresh: none of them is in the table, as far as is known.  now:
	 * seconds since the epoch; 0: the clock is not credible. */
	enum fw_result	(*add)(struct fw_host *, size_t n, int64_t now,
			    int fresh);
	enum fw_result	(*del)(struct fw_host *, size_t n);
	/* Replaces all networks; they are sorted, none inside another.  NULL:
	 * networks are in the hosts' table and come by add. */
	enum fw_result	(*nets)(const struct prefix *, size_t n);
	/* Reads all of the table.  NULL: there is no table to compare with. */
	enum fw_result	(*dump)(fw_seen, void *arg);
	/* Makes a table that is gone; the caller fills it.  FW_GONE: it cannot
	 * be made from here, which is logged once. */
	enum fw_result	(*revive)(void);
	enum fw_result	(*clear)(void);
	/* How many hosts the table holds now; -1: gone. */
	long		(*count)(void);
	/* Does the table hold the address?  Reads all of it, for the
	 * question of a person. */
	enum fw_result	(*find)(const struct addr *, int *there);
	/* The limit that all tables share.  NULL: there is none. */
	enum fw_result	(*room)(struct fw_room *);
	const struct fw_tables_ops *tables;	/* NULL: it has none */
	void		(*close)(void);		/* the table stays */
};

extern const struct fw_driver fw_pf, fw_nft, fw_none;

/* -- set.c, check.c -- */

/* How many addresses may be added; a twentieth of the limit is for others. */
size_t	 fw_room_free(const struct fw_room *);
/* Does the network net/plen hold the address?  For the find() of a driver. */
int	 fw_covers(const struct addr *net, uint8_t plen, const struct addr *);

/* Warns on standard error of a table that does not exist or is full; for -n. */
void	 fw_check(const struct config *);

/* Why open() failed and what to do; the drivers set it.  Static memory, valid
 * until it is set again. */
const char *fw_why(void);
enum fw_result fw_set_why(const char *, ...)	/* returns FW_FAILED */
	    __attribute__((__format__(printf, 1, 2)));

/*
 * set.c: the set that should be in the table.  An element is wanted because
 * store said so, because it is a network of a whitelist, or both.
 */
#define FW_BY_STORE	1
#define FW_BY_LIST	2

struct fw_want {
	struct addr	addr;
	uint8_t		plen;
	uint8_t		by;		/* FW_BY_*; 0: no longer wanted */
	uint8_t		used;		/* for set.c: the slot is not free */
	uint8_t		in;		/* in the table, when last heard of */
	uint32_t	queued;		/* place in this turn's changes, from 1;
					   0: none */
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
/* Valid until the next fw_set_put or fw_set_drop.  NULL: not in the set. */
struct fw_want *fw_set_get(const struct fw_set *, const struct addr *,
	    uint8_t plen);
/* The element of that key, which is made with by 0 if it is new.  NULL: no
 * memory. */
struct fw_want *fw_set_put(struct fw_set *, const struct addr *, uint8_t plen);
void	 fw_set_drop(struct fw_set *, const struct addr *, uint8_t plen);
/* Walks all elements: *i is 0 at first; NULL at the end.  No put or drop in
 * between. */
struct fw_want *fw_set_next(const struct fw_set *, size_t *i);

/*
 * How long the kernel is to keep a host, in seconds.  The time may be over
 * already: store takes hosts back each minute only, or its clock is not
 * credible.  Then the host gets a moment more, because it is store that
 * decides.
 */
int64_t	 fw_time_left(int64_t until, int64_t now);
/* The last address of a network. */
void	 fw_net_last(const struct prefix *, struct addr *);
/* Sorts and removes those inside another one.  Returns how many remain. */
size_t	 fw_nets_fold(struct prefix *, size_t);

#endif
