/*
 * What the two files of the role fw share: fw.c (messages, life) and fw_sync.c
 * (comparing the table with the set that ought to be there).
 */
#ifndef FW_ROLE_H
#define FW_ROLE_H

#include "spamgreyd/fw/fw.h"
#include "spamgreyd/process/process.h"

struct fw_list {
	struct fw_host	*h;
	size_t		 n, size;
	size_t		 done;		/* of them, carried out */
};

/* A comparison and what is to be done after it, in slices. */
struct fw_sync {
	struct event	*work;		/* the next slice, or a comparison */
	int		 running;
	int		 blind;		/* the table could not be read … */
	long		 before;	/* … and then had so many addresses */
	int		 failed;
	uint32_t	 pass;
	int64_t		 last;		/* the last comparison; ms */
	int64_t		 retry;		/* ms; 0: no */
	const char	*why;		/* for the log */
	struct fw_list	 extra;		/* there, and not wanted */
	struct fw_list	 stale;		/* there with another time to live */
	struct fw_list	 absent;
	size_t		 added, removed, refused;
	int		 full;		/* some found no room */
};

/* One FW_DO. */
struct fw_change {
	struct addr	 addr;
	uint8_t		 plen;
	uint8_t		 bad;		/* did not reach the kernel */
	size_t		 first;		/* the change that stands for this address */
	uint64_t	 id;
};

struct fw_role {
	struct child		*c;
	const struct fw_driver	*drv;
	struct chan		*store;
	struct fw_set		 want;
	uint32_t		 stream;
	int			 complete;	/* a whole set has come */
	int			 told;		/* FW_READY is sent */
	int			 tried;		/* the table was compared once */
	int			 gone;		/* no table, and not ours to make */
	int			 full;		/* a host did not fit */
	int64_t			 room_said;	/* ms; 0: never */
	int64_t			 room_yield;
	struct fw_change	*change;
	size_t			 nchange, change_size;
	struct fw_list		 add, del;	/* of this turn */
	struct prefix		*nets;
	size_t			 nnets;
	struct event		*tick;
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

int	 fw_list_add(struct fw_list *, const struct addr *, uint8_t plen,
	    int64_t until);			/* -1: no memory */
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

/* fw_room.c */
size_t	 fw_room_advice(const struct fw_role *, const struct fw_room *);
/* How many networks of blacklists, all together; SIZE_MAX: any. */
size_t	 fw_room_lists(const struct fw_role *);
/* … and how many may be added now. */
size_t	 fw_room_add(const struct fw_role *);
void	 fw_room_full(struct fw_role *);	/* a host did not fit */
void	 fw_room_left_out(struct fw_role *);	/* networks did not */
void	 fw_room_start(struct fw_role *);	/* compares limit and need */
void	 fw_room_tick(struct fw_role *);

/* fw_tables.c */
int	 fw_tables_init(struct fw_role *);
/* Networks that are in the tables now. */
size_t	 fw_tables_in(const struct fw_role *);
void	 fw_tables_again(struct fw_role *);	/* compare all of them now */
void	 fw_tables_go(struct fw_role *);	/* the hosts are in */
/* The lists are others; first: in place of nothing. */
void	 fw_tables_take(struct fw_role *, int first);
void	 fw_tables_changed(struct fw_role *);	/* by others */
void	 fw_tables_tick(struct fw_role *);
size_t	 fw_tables_count(const struct fw_role *);
void	 fw_tables_free(struct fw_role *);

/* fw_sync.c */
int	 fw_sync_init(struct fw_role *);
void	 fw_sync_free(struct fw_role *);
/* Compare and repair, from the beginning if that goes on already. */
void	 fw_sync_start(struct fw_role *, const char *why);
/* Somebody else changed the table: soon, and not too often. */
void	 fw_sync_changed(void *);
/* Each second. */
void	 fw_sync_tick(struct fw_role *);

#endif
