/*
 * What the files of the command engine share: ctl.c (requests and slices),
 * edit.c (add and delete), import.c, learn.c, sync.c (bulk sync).
 * Nobody else looks in here.
 */
#ifndef CTL_INT_H
#define CTL_INT_H

#include "lib/control/ctl.h"

enum ctl_job {
	JOB_NONE,
	JOB_LIST,
	JOB_REPUTE,
	JOB_SHOW,		/* facts are out; the entries follow */
	JOB_EXPIRE,
	JOB_IMPORT,		/* lines of one frame */
	JOB_INDEX,		/* bulk sync: what there is */
	JOB_MERGE,		/* … states of one frame */
	JOB_ASK			/* somebody else answers: ctl_answer */
};

/* A line of an import, parsed. */
struct import_item {
	struct entry	 e;
	unsigned int	 line;
};

struct ctl {
	struct ctl_env	 env;
	struct ipc	*out;
	enum ctl_job	 job;
	uint64_t	 id;		/* of the request that the job is for */
	int		 hello;
	int		 broken;	/* an answer could not be queued */
	uint32_t	 count;

	/* list, show */
	struct db_pos	 pos;
	struct prefix	 within;
	char		 types[8];	/* type letters for db_walk; "": all */
	struct ctl_repute repute;	/* list -r */
	int64_t		 slice_end;	/* clock_mono */

	/* import: the entries of one frame, in the order of the disk */
	struct {
		int		 active;	/* between the first frame and IMPORT_END */
		uint64_t	 id;
		uint64_t	 dead;		/* failed; the rest of it is ignored */
		char		*text;		/* what the entries borrow from */
		struct import_item *items;
		size_t		 size, n, pos;	/* pos: the next to enter */
		uint32_t	 line, bad, over;	/* over: have expired */
	} import;

	/* bulk sync */
	struct {
		uint8_t		 seed[16];
		int64_t		 asof;
		uint32_t	 unsaid;
		uint8_t		*states;	/* of one frame */
		size_t		 len, pos;
		uint32_t	 refused;
		char		 why[128];
		uint64_t	 all, all_refused;	/* of this client */
	} sync;
};

/* ctl.c: answers */
void	 ctl_end(struct ctl *, uint64_t id, uint8_t status, uint32_t count,
	    const char *text);
void	 ctl_fact(struct ctl *, uint64_t id, const char *name, const char *value);
void	 ctl_text(struct ctl *, uint64_t id, uint8_t kind, const char *);
/* The end of a request that the database refused, in words. */
void	 ctl_end_db(struct ctl *, uint64_t id, enum db_result);
void	 ctl_note(struct ctl *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* Sends an entry to the client; for db_walk. */
int	 ctl_entry(const struct entry *, void *);

void	 ctl_job_start(struct ctl *, enum ctl_job, uint64_t id);

/* learn.c */
int	 ctl_req_learn(struct ctl *, struct msg *);
int	 ctl_req_repute(struct ctl *, struct msg *);
int	 ctl_repute_entry(const struct entry *, void *);

/* edit.c */
int	 ctl_req_add(struct ctl *, struct msg *);
int	 ctl_req_delete(struct ctl *, struct msg *);
int	 ctl_req_get(struct ctl *, struct msg *);

/* import.c */
int	 ctl_req_import(struct ctl *, struct msg *);
int	 ctl_req_import_end(struct ctl *, struct msg *);
void	 ctl_import_slice(struct ctl *);

/* sync.c */
int	 ctl_req_sync_index(struct ctl *, struct msg *);
int	 ctl_req_sync_get(struct ctl *, struct msg *);
int	 ctl_req_sync_merge(struct ctl *, struct msg *);
int	 ctl_sync_item(const struct entry *, void *);	/* for db_walk */
void	 ctl_sync_indexed(struct ctl *);		/* it has ended */
void	 ctl_sync_slice(struct ctl *);
void	 ctl_sync_note(struct ctl *);	/* what it came to, for the log */

#endif
