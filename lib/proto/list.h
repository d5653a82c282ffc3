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
	LJ_RAW,			/* with a descriptor: what came */
	LJ_KEPT,		/* the same: what it last was */
	LJ_OUT,			/* the same: where to keep this one */
	LJ_SETUP,		/* the same: what spamd-setup brought */
	LJ_SETUP_OUT,		/* the same: to write it */
	LJ_NAME,		/* str: a name that spamd-setup cannot have */
	LJ_IMAGE,		/* with a descriptor: compile */
	LJ_CONN,		/* with a descriptor, limits: now i64 */
	/* from it */
	LJ_SAY,			/* str: what is wrong, and goes on */
	LJ_DONE,		/* enum list_state u8, loaded i64, count u64,
				   why str */
	LJ_SETUP_LIST,		/* name str, message str, loaded i64, count u64 */
	LJ_TAKEN,		/* lists u32 */
	LJ_END			/* good u8, why str */
};

enum list_state {
	LIST_NOTHING,		/* nothing came, nothing was kept */
	LIST_KEPT,		/* as it was */
	LIST_LOADED,		/* what came; it is in OUT, on disk */
	LIST_FAILED,		/* what came is not to be used; as it was */
	LIST_LOST		/* the same, and there is none that was */
};

#endif
