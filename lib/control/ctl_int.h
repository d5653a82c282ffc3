/* For the files of the command engine only; see ctl.h. */
#ifndef CTL_INT_H
#define CTL_INT_H

#include "lib/control/ctl.h"

/* What ctl_work does in the next slice. */
enum ctl_job {
	JOB_NONE,
	JOB_LIST,
	JOB_REPUTE,
	JOB_SHOW,		/* the facts are sent, the entries follow */
	JOB_EXPIRE,
	JOB_IMPORT,		/* the lines of one frame */
	JOB_INDEX,		/* bulk sync: a hash for each entry */
	JOB_MERGE,		/* bulk sync: the states of one frame */
	JOB_ASK			/* another process answers: ctl_answer */
};

/* A parsed line of an import; the entry borrows from import.text. */
struct import_item {
	struct entry	 e;
	unsigned int	 line;
};

/* One client.  Each part below is valid while a job of its kind runs. */
struct ctl {
	struct ctl_env	 env;
	struct ipc	*out;
	enum ctl_job	 job;
	uint64_t	 id;		/* of the request of the job */
	int		 hello;		/* it has greeted */
	int		 broken;	/* an answer could not be queued */
	uint32_t	 count;		/* for END: entries, changes */

	/* list, show */
	struct db_pos	 pos;
	struct prefix	 within;
	char		 types[8];	/* type letters for db_walk; "": all */
	struct ctl_repute repute;	/* list -r */
	int64_t		 slice_end;	/* clock_mono */

	/* import: the entries of one frame, in the order of the disk */
	struct {
		int		 active;	/* until IMPORT_END */
		uint64_t	 id;
		uint64_t	 dead;		/* id of one that failed: the
						   rest of it is ignored */
		char		*text;		/* the lines of a frame */
		struct import_item *items;
		size_t		 size, n, pos;	/* pos: the next to enter */
		uint32_t	 line, bad, over; /* over: had expired */
	} import;

	/* bulk sync */
	struct {
		uint8_t		 seed[16];
		int64_t		 asof;
		uint32_t	 unsaid;
		uint8_t		*states;	/* encoded, of one frame */
		size_t		 len, pos;
		uint32_t	 refused;
		char		 why[128];
		uint64_t	 all, all_refused;	/* of this client */
	} sync;
};

/* ctl.c: answers.  All of them only queue; a failure sets broken. */
void	 ctl_end(struct ctl *, uint64_t id, uint8_t status, uint32_t count,
	    const char *text);
void	 ctl_fact(struct ctl *, uint64_t id, const char *name,
	    const char *value);
void	 ctl_text(struct ctl *, uint64_t id, uint8_t kind, const char *);
void	 ctl_fact_number(struct ctl *, const char *name, int64_t);
/* Why a change failed with DB_DOWN, in words. */
const char *ctl_db_why(const struct ctl *);
/* Ends a request by a result of the database, in words. */
void	 ctl_end_db(struct ctl *, uint64_t id, enum db_result);
void	 ctl_note(struct ctl *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* Sends an entry to the client; for db_walk, arg is the struct ctl. */
int	 ctl_entry(const struct entry *, void *);

/* Starts a job; its answer has this id. */
void	 ctl_job_start(struct ctl *, enum ctl_job, uint64_t id);

/*
 * The handlers of ctl_types.  Each reads its frame to the end, and returns -1
 * when that is malformed; otherwise it has answered or started a job.
 */
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
void	 ctl_sync_indexed(struct ctl *);	/* all items are sent */
void	 ctl_sync_slice(struct ctl *);
void	 ctl_sync_note(struct ctl *);	/* logs what was merged in all */

#endif
