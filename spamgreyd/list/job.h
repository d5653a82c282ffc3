/*
 * The role list: `spamgreyd -x list' reads address lists for the parent.  It
 * runs as an unprivileged user, in an empty root directory and a sandbox, for
 * one job, and then it ends.  Its messages are in lib/proto/list.h.
 */
#ifndef LIST_JOB_H
#define LIST_JOB_H

int	 list_job_main(void);	/* never returns but by exit */

#endif
