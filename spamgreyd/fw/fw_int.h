/*
 * The state of the role fw, for the files of this room that are the role.
 * Drivers do not include it.
 */
#ifndef FW_INT_H
#define FW_INT_H

#include "lib/proto/any_store.h"
#include "lib/proto/store_fw.h"
#include "spamgreyd/fw/fw.h"
#include "spamgreyd/process/process.h"

/* Elements for one kind of call to the driver. */
struct fw_list {
	struct fw_host	*h;
	size_t		 n, size;
	size_t		 done;		/* of these, carried out */
};

/* A comparison, and what is to be done after it in slices. */
struct fw_sync {
	struct event	*work;		/* the next slice, or a comparison */
	int		 running;
	int		 blind;		/* the table could not be read … */
	long		 before;	/* … and then had so many addresses */
	int		 failed;	/* no memory, or a call failed */
	uint32_t	 pass;		/* its number, for fw_want.seen */
	int64_t		 last;		/* the last comparison; mono ms */
	int64_t		 retry;		/* mono ms; 0: no */
	const char	*why;		/* the cause, for the log; a constant */
	struct fw_list	 extra;		/* in the table and not wanted */
	struct fw_list	 stale;		/* with another time to live */
	struct fw_list	 absent;	/* wanted and not in the table */
	size_t		 added, removed, refused;
	int		 full;		/* some had no room */
};

/* One change that store asked for (MSG_FW_DO). */
struct fw_change {
	struct addr	 addr;
	uint8_t		 plen;
	uint8_t		 bad;		/* did not reach the kernel */
	size_t		 first;		/* index of the first change of this turn
					   about the same element */
	uint64_t	 id;		/* of the request; 0: no answer */
};

struct fw_role {
	struct child		*c;
	const struct fw_driver	*drv;
	struct chan		*store;
	struct fw_set		 want;
	uint32_t		 stream;	/* counts MSG_FW_BEGIN */
	int			 complete;	/* a whole set has come */
	int			 told;		/* FW_READY was sent */
	int			 tried;		/* the table was compared once */
	int			 gone;		/* no table, and we cannot make it */
	int			 full;		/* a host did not fit */
	int64_t			 room_said;	/* mono ms; 0: never */
	int64_t			 room_yield;	/* the same */
	struct fw_change	*change;	/* of this turn */
	size_t			 nchange, change_size;
	struct fw_list		 add, del;	/* of this turn */
	struct prefix		*nets;		/* of the whitelists */
	size_t			 nnets;
	struct event		*tick;		/* each second */
	struct fw_sync		 sync;
	struct fw_table		*tables;	/* of blacklists */
	struct event		*tables_work;
	/* statistics */
	uint64_t		 added, removed, refills, refused;
};

/* How often the whole table is compared. */
#define FW_FULL_MS	(5 * 60 * 1000)
/* After a call that failed. */
#define FW_RETRY_MS	(30 * 1000)
/* Between comparisons that others' changes cause. */
#define FW_CHANGED_MS	500

/* -- sync.c: lists -- */
int	 fw_list_add(struct fw_list *, const struct addr *, uint8_t plen,
	    int64_t until);			/* 0, or -1: no memory */
void	 fw_list_free(struct fw_list *);

/* -- fw.c -- */

/* The table now holds what it should: tells store and the parent, once. */
void	 fw_filled(struct fw_role *);
/* Carries out the changes that store asked for in this turn, and answers them.
 * arg: the struct fw_role. */
void	 fw_on_batch(struct chan *, void *arg);

/* -- look.c: chan handlers; arg: the struct fw_role -- */
void	 fw_on_look(struct chan *, struct msg *, void *arg);
void	 fw_on_stat(struct chan *, struct msg *, void *arg);

/* -- room.c -- */

/* The `limit table-entries' that would fit everything. */
size_t	 fw_room_advice(const struct fw_role *, const struct fw_room *);
/* How many networks all blacklists may have together; SIZE_MAX: no limit. */
size_t	 fw_room_lists(const struct fw_role *);
/* … and how many may be added now. */
size_t	 fw_room_add(const struct fw_role *);
/* A host, or networks of a blacklist, did not fit. */
void	 fw_room_full(struct fw_role *);
void	 fw_room_left_out(struct fw_role *);
void	 fw_room_start(struct fw_role *);	/* compares limit and need */
void	 fw_room_tick(struct fw_role *);	/* each second */

/* -- tables.c -- */
int	 fw_tables_init(struct fw_role *);	/* 0, or -1: no memory */
/* How many networks are in the tables now. */
size_t	 fw_tables_in(const struct fw_role *);
void	 fw_tables_again(struct fw_role *);	/* compare all of them now */
void	 fw_tables_go(struct fw_role *);	/* the hosts are in the table */
/* New lists; first: there were none before. */
void	 fw_tables_take(struct fw_role *, int first);
void	 fw_tables_changed(struct fw_role *);	/* by others */
void	 fw_tables_tick(struct fw_role *);	/* each second */
/* How many networks are wanted, whether they fit or not. */
size_t	 fw_tables_count(const struct fw_role *);
void	 fw_tables_free(struct fw_role *);

/* -- sync.c -- */
int	 fw_sync_init(struct fw_role *);	/* 0, or -1: no memory */
void	 fw_sync_free(struct fw_role *);
/* Compares and repairs, from the beginning if that is under way already.  why:
 * for the log; a constant. */
void	 fw_sync_start(struct fw_role *, const char *why);
/* Somebody else changed the table: compares soon, but not too often.  arg: the
 * struct fw_role. */
void	 fw_sync_changed(void *arg);
/* Each second. */
void	 fw_sync_tick(struct fw_role *);

#endif
