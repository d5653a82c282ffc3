/*
 * Between the parent and `spamgreyd -x list', the process that reads address
 * lists for it.
 *
 *	to compile:	LIST RAW? KEPT? OUT? ...  SETUP? NAME ... IMAGE
 *	answered by	SAY...  DONE (each list) SETUP_LIST... END
 *	to take lists of spamd-setup:	NAME... SETUP? SETUP_OUT CONN
 *	answered by	SAY...  TAKEN END
 *
 * The id of a message is the place of its list in the configuration.  The parent
 * checks the answers again (addrset_map, parent/list): the process reads text
 * that anybody may have written.
 */
#ifndef PROTO_LIST_H
#define PROTO_LIST_H

#define LIST_JOB_FD	3	/* the descriptor of its socket to the parent */

enum list_job_msg {
	/* to the process */
	LJ_LIST = 600,		/* kind u8, source u8, name str, its text str,
				   except u64, now i64 */
	LJ_RAW,			/* with a descriptor: the new list */
	LJ_KEPT,		/* with a descriptor: the list as it was */
	LJ_OUT,			/* with a descriptor: where to keep it */
	LJ_SETUP,		/* with a descriptor: lists of spamd-setup */
	LJ_SETUP_OUT,		/* with a descriptor: to write them */
	LJ_NAME,		/* str: a name that is taken */
	LJ_IMAGE,		/* with a descriptor: compile */
	LJ_CONN,		/* with spamd-setup's connection; now i64 */
	/* from it */
	LJ_SAY,			/* str: a warning for the log */
	LJ_DONE,		/* enum list_state u8, loaded i64, count u64,
				   why str */
	LJ_SETUP_LIST,		/* name str, message str, loaded i64, count u64 */
	LJ_TAKEN,		/* lists u32 */
	LJ_END			/* good u8, why str */
};

enum list_state {
	LIST_NOTHING,		/* there is no new list and no old one */
	LIST_KEPT,		/* no new list: the old one stays */
	LIST_LOADED,		/* the new list; it is in OUT, on disk */
	LIST_FAILED,		/* unusable: the old list stays */
	LIST_LOST		/* unusable, and there is no old list */
};

#endif
