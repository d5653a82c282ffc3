/* For job.c and job_setup.c only. */
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
	char			*name, *text;
	uint64_t		 source;
	int			 raw, kept, out;
	int			 finished;
	enum list_state		 state;
	int64_t			 loaded;
	struct addrset_build	*set;
	char			 why[LIST_WHY_MAX];
};

/* The job; there is one in the process, and it is never freed. */
struct job {
	struct ipc		 ipc;
	struct job_list		 lists[ADDRSET_LISTS_MAX];
	uint64_t		 except[ADDRSET_LISTS_MAX];
	size_t			 n;
	char			*names[ADDRSET_LISTS_MAX];
	size_t			 nnames;
	int			 setup, setup_out;
	int64_t			 now;
};

int	 list_job_run(int fd);		/* exits, never returns */
void	 job_flush(void);
void	 job_say(const char *line, void *);
/* Reports the end of the job and exits.  NULL: success; else why it failed. */
void	 job_end(const char *fmt, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));
/* Says whether the configuration has a list of this name. */
int	 job_name_taken(const char *);
void	 job_taken(unsigned int lists);

/* job_setup.c */
void	 job_take_setup(int conn, int64_t now, int before, int out)
	    __attribute__((__noreturn__));

#endif
