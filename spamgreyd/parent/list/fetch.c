/*
 * Commands of lists, and the system's program for URLs.  They run as nobody, in
 * a session of their own, with nothing but two unlinked files to print to,
 * whose size the kernel limits.  When one has ended, or its time is over,
 * everything that it left running is killed.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/list/lists.h"

#define FETCH_USER	"nobody"
#define WORDS_MAX	32	/* of a command */
#define FETCH_NOT_SET_UP 126	/* exit status: nothing was executed */
/* The directories of the systems and of packages; the parent's own PATH does
 * not count. */
#define FETCH_PATH	"/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin"

/* A running program.  It is freed after done() was called. */
struct fetch {
	TAILQ_ENTRY(fetch)	 entry;
	pid_t			 pid;		/* also of its session */
	int			 out, err;	/* files with what it printed */
	int			 is_late;	/* it was killed for its time */
	struct event		*late;
	int64_t			 timeout;	/* seconds */
	void			(*done)(struct fetch *, int, const char *,
				    void *);
	void			*arg;
};

/* All that run now. */
static TAILQ_HEAD(, fetch) fetches = TAILQ_HEAD_INITIALIZER(fetches);

/*
 * Opens a file without a name, which the program writes and the parent reads.
 * -1 with errno.
 */
static int
scratch_file(const char *statedir)
{
	int	fd, rw;

	if ((fd = lists_image_open(statedir, &rw)) == -1)
		return (-1);
	close(fd);
	return (rw);
}

/* Closes the files with its output, unless done() has taken one. */
static void
fetch_free(struct fetch *f)
{
	TAILQ_REMOVE(&fetches, f, entry);
	if (f->late != NULL)
		event_free(f->late);
	if (f->out != -1)
		close(f->out);
	if (f->err != -1)
		close(f->err);
	free(f);
}

/* -- in the child -- */

/* In the child: sets a limit that it cannot raise again. */
static void
set_limit(int what, rlim_t n)
{
	const struct rlimit	rl = { n, n };

	if (setrlimit(what, &rl) == -1)
		_exit(FETCH_NOT_SET_UP);
}

/*
 * In the child: a list is never fetched with the privileges of root.  A daemon
 * that was not started as root keeps its user.
 */
static void
become_nobody(void)
{
	const struct passwd	*pw;

	if (geteuid() != 0)
		return;
	if ((pw = getpwnam(FETCH_USER)) == NULL || pw->pw_uid == 0 ||
	    setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		dprintf(STDERR_FILENO, "cannot become user %s\n", FETCH_USER);
		_exit(FETCH_NOT_SET_UP);
	}
}

/*
 * In the child: executes a program with an environment of its own, to which
 * only the proxies of the parent's are added.  Returns if the program cannot be
 * executed, with errno.
 */
static void
exec_program(char *const argv[])
{
	static char	 path[] = "PATH=" FETCH_PATH, home[] = "HOME=/var/empty";
	static char	 lang[] = "LC_ALL=C";
	static const char *const proxies[] = { "http_proxy", "https_proxy",
			    "ftp_proxy", "no_proxy" };
	static char	 proxy[4][512];
	char		*env[8] = { path, home, lang };
	const char	*value;
	size_t		 i, n = 3;

	for (i = 0; i < 4; i++)
		if ((value = getenv(proxies[i])) != NULL &&
		    snprintf(proxy[i], sizeof(proxy[i]), "%s=%s", proxies[i],
		    value) < (int)sizeof(proxy[i]))
			env[n++] = proxy[i];
	execve(argv[0], argv, env);
}

/*
 * In the child: tries the programs of the system in turn, until one is
 * installed.
 */
static void __attribute__((__noreturn__))
exec_url(char *url)
{
	const char *const	*words;
	union {				/* execve(2) wants char * */
		const char	*from;
		char		*to;
	} word;
	char			*argv[WORDS_MAX];
	unsigned int		 i, n;

	for (i = 0; (words = os_fetch(i)) != NULL; i++) {
		for (n = 0; words[n] != NULL; n++) {
			word.from = words[n];
			argv[n] = word.to;
		}
		argv[n++] = url;
		argv[n] = NULL;
		exec_program(argv);
	}
	dprintf(STDERR_FILENO, "no program that fetches URLs is installed; "
	    "install curl\n");
	_exit(127);
}

/*
 * In the child: words are separated by blanks.  There is no shell, so that
 * nothing in a command has another meaning.
 */
static void __attribute__((__noreturn__))
exec_command(char *text)
{
	char		*argv[WORDS_MAX + 1];
	unsigned int	 n = 0;
	char		*s;

	for (s = strtok(text, " \t"); s != NULL && n < WORDS_MAX;
	    s = strtok(NULL, " \t"))
		argv[n++] = s;
	argv[n] = NULL;
	if (n > 0)
		exec_program(argv);
	dprintf(STDERR_FILENO, "%s: %s\n", n > 0 ? argv[0] : "no command",
	    strerror(errno));
	_exit(127);
}

/*
 * In the child: it becomes the leader of a session, so that all processes that
 * it starts can be killed with it.  Standard output and error are the two
 * files; input is /dev/null, and nothing else is open.
 */
static void __attribute__((__noreturn__))
fetch_child(const struct fetch *f, const struct conf_list *l)
{
	static const int	usual[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM,
				    SIGCHLD };
	sigset_t		none;
	size_t			i;
	char			*text = strdup(l->file);
	int			null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		signal(usual[i], SIG_DFL);
	if (text == NULL || setsid() == -1 || chdir("/") == -1 ||
	    (null = open("/dev/null", O_RDONLY)) == -1 ||
	    dup2(f->err, STDERR_FILENO) == -1 ||
	    dup2(f->out, STDOUT_FILENO) == -1 ||
	    dup2(null, STDIN_FILENO) == -1)
		_exit(FETCH_NOT_SET_UP);
	closefrom(STDERR_FILENO + 1);		/* the daemon's sockets */
	umask(022);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_FSIZE, LIST_RAW_MAX);
	set_limit(RLIMIT_CPU, (rlim_t)l->timeout + 1);
	become_nobody();
	os_follow_parent();
	if (l->source == SRC_URL)
		exec_url(text);
	exec_command(text);
}

/* -- in the parent -- */

/*
 * The timeout of the list is over.  fetch_reaped() follows when the program has
 * ended.
 */
static void
fetch_late(evutil_socket_t fd, short what, void *arg)
{
	struct fetch	*f = arg;

	(void)fd;
	(void)what;
	f->is_late = 1;
	kill(-f->pid, SIGKILL);
	kill(f->pid, SIGKILL);		/* it may not have its session yet */
}

/*
 * done is called once, from the loop, and never before this returns.  NULL:
 * *why says why.
 */
struct fetch *
fetch_start(struct parent *p, const struct conf_list *l,
    void (*done)(struct fetch *, int, const char *, void *), void *arg,
    const char **why)
{
	struct timeval	 tv = { (time_t)l->timeout, 0 };
	struct fetch	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL) {
		*why = strerror(errno);
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&fetches, f, entry);
	f->done = done;
	f->arg = arg;
	f->timeout = l->timeout;
	f->err = -1;
	if ((f->out = scratch_file(p->conf->statedir)) == -1 ||
	    (f->err = scratch_file(p->conf->statedir)) == -1 ||
	    (f->late = evtimer_new(p->base, fetch_late, f)) == NULL ||
	    event_add(f->late, &tv) == -1 || (f->pid = fork()) == -1) {
		*why = strerror(errno);
		fetch_free(f);
		return (NULL);
	}
	if (f->pid == 0)
		fetch_child(f, l);
	return (f);
}

/*
 * Copies the first line that the program printed on standard error, for the
 * log; "": it printed none.
 */
static void
first_line(int fd, char *line, size_t size)
{
	char	raw[160];
	ssize_t	n;

	n = pread(fd, raw, sizeof(raw) - 1, 0);
	raw[n > 0 ? n : 0] = '\0';
	raw[strcspn(raw, "\r\n")] = '\0';
	lists_printable(line, size, raw);
}

/*
 * Says why the output cannot be used; why is "": it can.  Output of
 * LIST_RAW_MAX bytes has reached the kernel's limit.
 */
static void
fetch_verdict(const struct fetch *f, int status, char *why, size_t size)
{
	char	line[160];
	off_t	len = lseek(f->out, 0, SEEK_END);

	why[0] = '\0';
	first_line(f->err, line, sizeof(line));
	if (f->is_late)
		snprintf(why, size, "not finished after %lld s",
		    (long long)f->timeout);
	else if (len >= (off_t)LIST_RAW_MAX)
		snprintf(why, size, "larger than %d MB",
		    LIST_RAW_MAX / (1024 * 1024));
	else if (WIFSIGNALED(status))
		snprintf(why, size, "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(why, size, "exit status %d%s%s", WEXITSTATUS(status),
		    line[0] == '\0' ? "" : ": ", line);
}

/*
 * A child of the parent has ended; it need not be one of these.  The output
 * goes to done(), which closes it.
 */
void
fetch_reaped(pid_t pid, int status)
{
	struct fetch	*f;
	char		 why[256];
	int		 out = -1;

	TAILQ_FOREACH(f, &fetches, entry)
		if (f->pid == pid)
			break;
	if (f == NULL)
		return;
	kill(-pid, SIGKILL);		/* processes that it left behind */
	fetch_verdict(f, status, why, sizeof(why));
	if (why[0] == '\0') {
		out = f->out;
		f->out = -1;
	}
	f->done(f, out, why, f->arg);
	fetch_free(f);
}

/* The daemon ends; done() is not called any more. */
void
fetch_end_all(void)
{
	struct fetch	*f;

	TAILQ_FOREACH(f, &fetches, entry) {
		kill(-f->pid, SIGKILL);
		kill(f->pid, SIGKILL);
	}
}
