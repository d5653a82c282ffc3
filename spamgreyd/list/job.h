/*
 * The room list: `spamgreyd -x list', the process that reads address lists
 * for the parent.  It runs as an unprivileged user, in an empty root directory
 * and a sandbox, for one job, and then it ends: what it reads may be hostile.
 * What it sends back is checked again by the receiver (addrset_map, and the
 * parent).  The messages are in lib/proto/list.h.  It uses lib (ipc, proto,
 * list, addrset), process/ and os/.
 *
 * Read in this order: job.c (the job), job_setup.c (what spamd-setup sends).
 */
#ifndef LIST_JOB_H
#define LIST_JOB_H

int	 list_job_main(void);	/* exits, never returns */

#endif
