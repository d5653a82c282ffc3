/*
 * For job.c and job_setup.c only: the job as the parent's messages describe it.
 */
#ifndef LIST_JOB_INT_H
#define LIST_JOB_INT_H

#include "lib/ipc/ipc.h"
#include "lib/list/read.h"
#include "lib/proto/list.h"
#include "spamgreyd/list/job.h"
#include "spamgreyd/process/process.h"

/* One list of the job.  Descriptors are -1 when the parent did not send one. */
struct job_list {
	enum conf_source	 kind_of;
	char			*name, *text;	/* text: path, command or URL */
	uint64_t		 source;	/* list_source_id() of it */
	int			 raw, kept, out;	/* see LJ_RAW ... */
	int			 finished;	/* it has been read */
	enum list_state		 state;		/* once finished */
	int64_t			 loaded;	/* s since 1970; 0: never */
	struct addrset_build	*set;
	char			 why[LIST_WHY_MAX];	/* "": no failure */
};

/* The job; there is one in the process, and it is never freed. */
struct job {
	struct ipc		 ipc;
	struct job_list		 lists[ADDRSET_LISTS_MAX];
	uint64_t		 except[ADDRSET_LISTS_MAX];	/* bits of the
							   lists to subtract */
	size_t			 n;		/* of lists and of except */
	char			*names[ADDRSET_LISTS_MAX];	/* LJ_NAME */
	size_t			 nnames;
	int			 setup, setup_out;	/* or -1 */
	int64_t			 now;		/* seconds since 1970 */
};

int	 list_job_run(int fd);		/* exits, never returns */
void	 job_flush(void);		/* exits when the parent is gone */
/* Sends a warning for the log; the second argument is not used. */
void	 job_say(const char *line, void *);
/* Reports the end of the job and exits.  NULL: success; else why it failed. */
void	 job_end(const char *fmt, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));
/* Says whether the configuration has a list of this name. */
int	 job_name_taken(const char *);
/* Reports how many lists of spamd-setup were changed. */
void	 job_taken(unsigned int lists);

/* job_setup.c: reads spamd-setup's connection to its end, merges it into the
 * lists of `before' (-1: none), and writes all of them to `out'. */
void	 job_take_setup(int conn, int64_t now, int before, int out)
	    __attribute__((__noreturn__));

#endif
