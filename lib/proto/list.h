/*
 * Between the parent and `spamgreyd -x list', the process that reads address
 * lists for it.
 *
 *	to compile:	LIST RAW? KEPT? OUT? ...  SETUP? NAME ... IMAGE
 *	answered by	SAY...  DONE (each list) SETUP_LIST... END
 *	to take lists of spamd-setup:	NAME... SETUP? SETUP_OUT CONN
 *	answered by	SAY...  TAKEN END
 *
 * RAW, KEPT and OUT belong to the LIST before them.  The id of a message is the
 * place of its list in the configuration.  The parent checks the answers again
 * (addrset_map, parent/list): the process reads text that anybody may have
 * written.  There is no put and get here; spamgreyd/list/job.c is one end, and
 * parent/list the other.
 */
#ifndef PROTO_LIST_H
#define PROTO_LIST_H

#define LIST_JOB_FD	3	/* the descriptor of its socket to the parent */

enum list_job_msg {
	/* to the process */
	LJ_LIST = 600,		/* kind u8, source u8, name str, file str (path,
				   URL or command), except u64 (bits of the
				   lists that are taken out of it), now i64
				   (seconds since 1970) */
	LJ_RAW,			/* with a descriptor to read: the new list */
	LJ_KEPT,		/* with a descriptor to read: the list that was
				   kept the last time */
	LJ_OUT,			/* with a descriptor to write: the new list, to
				   be kept */
	LJ_SETUP,		/* with a descriptor to read: the lists that
				   spamd-setup brought earlier */
	LJ_SETUP_OUT,		/* with a descriptor to write these lists */
	LJ_NAME,		/* str: a name that lists of spamd-setup cannot
				   have */
	LJ_IMAGE,		/* with a descriptor to write the compiled
				   lists; this begins the work */
	LJ_CONN,		/* with spamd-setup's connection; now i64 */
	/* from it */
	LJ_SAY,			/* str: a warning for the log */
	LJ_DONE,		/* enum list_state u8, loaded i64 (seconds since
				   1970), count u64 (ranges), why str */
	LJ_SETUP_LIST,		/* name str, message str, loaded i64, count u64;
				   in the order of the image */
	LJ_TAKEN,		/* u32: lists that the connection changed */
	LJ_END			/* good u8, why str; the process exits */
};

/* What became of a list. */
enum list_state {
	LIST_NOTHING,		/* there is no new list and no old one */
	LIST_KEPT,		/* no new list: the old one stays */
	LIST_LOADED,		/* the new list; it is in OUT, on disk */
	LIST_FAILED,		/* unusable: the old list stays */
	LIST_LOST		/* unusable, and there is no old list */
};

#endif
