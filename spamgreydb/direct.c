/*
 * The database without a daemon: the lock of the state directory, dropping
 * root's rights, and the command engine that the store role runs too
 * (lib/control), its frames handed over in memory.  Being killed does no
 * harm: each change is a transaction, and the next open recovers.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/statedir.h"
#include "lib/control/ctl.h"
#include "lib/list/lists.h"
#include "spamgreydb/spamgreydb.h"

/* The server's side of a connection in this process. */
struct direct {
	struct ipc	 ipc;		/* the server's end */
	struct ctl	*ctl;
	struct db	*db;
	struct policy	*policy;
	int		 lock;
};

static int	none;			/* direct_open found no database */

/* The user of the database; NULL: reported. */
static struct passwd *
db_user(void)
{
	struct passwd	*pw;

	if ((pw = getpwnam(CONF_DBUSER)) == NULL)
		out_error("user %s is missing; `make install' creates it",
		    CONF_DBUSER);
	return (pw);
}

/* All three user and group ids, in the order that cannot be undone. */
static int
drop_root(struct passwd *pw)
{
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		out_error("cannot become %s: %s", CONF_DBUSER,
		    strerror(errno));
		return (-1);
	}
	return (0);
}

/* Nobody keeps a copy of host states here. */
static void
no_sink(const struct host *h, int64_t in_table, void *arg)
{
	(void)h;
	(void)in_table;
	(void)arg;
}

/* Opens everything; the lock is held. */
static int
open_database(struct direct *d, struct config *conf)
{
	static const struct policy_sink	 sink = { .host = no_sink };
	struct db_opts			 opts;
	struct ctl_env			 env;

	memset(&opts, 0, sizeof(opts));
	opts.cache = conf->cache;
	opts.strict = conf->strict;
	if (db_open(&d->db, conf->statedir, &opts) == -1)
		return (-1);
	if ((d->policy = policy_new(d->db, &sink, NULL)) == NULL) {
		out_error("no memory");
		return (-1);
	}
	if (policy_configure(d->policy, conf) == -1) {
		out_error("%s: the database cannot be read", conf->statedir);
		return (-1);
	}
	memset(&env, 0, sizeof(env));
	env.policy = d->policy;
	env.db = d->db;
	ipc_init(&d->ipc, -1);
	if ((d->ctl = ctl_new(&env, &d->ipc)) == NULL) {
		out_error("no memory");
		return (-1);
	}
	return (0);
}

static void
print_report(const char *line, void *arg)
{
	(void)arg;
	out_error("%s", line);
}

/*
 * Says whether there is a database to read.  When it cannot be seen, opening
 * it will tell why.
 */
static int
database_exists(const char *dir, int quiet)
{
	struct stat	st;
	char		path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/db", dir);
	if (lstat(path, &st) == 0 || errno != ENOENT)
		return (1);
	none = 1;
	if (!quiet)
		out_error("no daemon is running, and there is no database in "
		    "%s", dir);
	return (0);
}

/* Tells "there is no database" from other failures of direct_open. */
int
direct_none(void)
{
	return (none);
}

/*
 * Takes the lock before anything is opened: a daemon that starts now must
 * wait for us, or we for it.
 */
enum direct_result
direct_open(struct config *conf, int how, struct direct **dp, pid_t *pid)
{
	struct list_files	*files = NULL;
	struct passwd		*pw = NULL;
	struct direct		*d;
	int			 lock;

	if (geteuid() == 0 && (pw = db_user()) == NULL)
		return (DIRECT_FAILED);
	if (!(how & CONN_MAKE) &&
	    !database_exists(conf->statedir, how & CONN_EMPTY))
		return (DIRECT_FAILED);
	if (statedir_make(conf->statedir, pw != NULL ? pw->pw_uid : geteuid(),
	    pw != NULL ? pw->pw_gid : getegid()) == -1)
		return (DIRECT_FAILED);
	if ((lock = statedir_lock(conf->statedir, pid)) == -1)
		return (errno == EWOULDBLOCK ? DIRECT_LOCKED : DIRECT_FAILED);
	/* root may open the files, but they are read without its rights.  A
	 * list that is missing is reported, and the others still count. */
	if (how & CONN_LISTS)
		files = config_open_lists(conf, 0, print_report, NULL);
	if (pw != NULL && drop_root(pw) == -1)
		return (DIRECT_FAILED);
	if (files != NULL)
		(void)config_load_lists(conf, files, print_report, NULL);
	if ((d = calloc(1, sizeof(*d))) == NULL) {
		out_error("no memory");
		return (DIRECT_FAILED);
	}
	d->lock = lock;
	if (open_database(d, conf) == -1) {
		direct_close(d);
		return (DIRECT_FAILED);
	}
	*dp = d;
	return (DIRECT_OK);
}

/* The lock goes last. */
void
direct_close(struct direct *d)
{
	if (d == NULL)
		return;
	ctl_free(d->ctl);
	policy_free(d->policy);
	db_close(d->db);
	if (d->ctl != NULL)
		ipc_clear(&d->ipc);
	close(d->lock);
	free(d);
}

/* Moves frames between the two ends; runs the engine while it is busy. */
int
direct_run(struct direct *d, struct ipc *client)
{
	struct msg	m;
	int		r = 0;

	if (ipc_move(client, &d->ipc) == -1) {
		out_error("no memory");
		return (-1);
	}
	do {
		if (ctl_busy(d->ctl))
			r = ctl_work(d->ctl);
		else if (ipc_next(&d->ipc, &m) == 1)
			r = ctl_request(d->ctl, &m);
		else
			break;
	} while (r != -1 && ipc_queued(&d->ipc) == 0);
	if (r == -1 || ipc_move(&d->ipc, client) == -1) {
		out_error("the request cannot be carried out");
		return (-1);
	}
	return (0);
}
