/*
 * The parent: it is root and reads no network.  It opens what needs
 * privilege, starts and watches the other processes, and writes the log.
 * This file has its main function, its log, and its way into the background.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/list/lists.h"

static unsigned long	syslog_lost;	/* lines since the last one taken */

/* Keeps the last warning: if a new configuration does not come up, it is
 * the reason that the command is told. */
static void
remember(struct parent *p, int priority, const char *line)
{
	if ((priority & LOG_PRIMASK) <= LOG_WARNING &&
	    !(priority & LOG_AS_SPAMD))
		strlcpy(p->last_warning, line, sizeof(p->last_warning));
}

/* Writes the lines that were held. */
static void
held_write(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	ssize_t		 n;

	(void)fd;
	(void)what;
	if (buf_len(&p->held) == 0)
		return;
	n = write(STDERR_FILENO, buf_ptr(&p->held), buf_len(&p->held));
	(void)n;		/* there is nowhere left to say that it failed */
	buf_drain_keep(&p->held, buf_len(&p->held));
}

/*
 * Standard error.  The lines that children sent in one turn of the loop leave in
 * writes that a pipe takes whole; a line of the parent's own takes along what
 * came before it.
 */
static void
parent_stderr(struct parent *p, const char *program, const char *line)
{
	char	text[LOG_LINE_MAX + 80];
	size_t	n = log_stamped(text, sizeof(text), program, p->pid, line);

	if (buf_len(&p->held) + n > PIPE_BUF)
		held_write(-1, 0, p);
	if (buf_add(&p->held, text, n) == -1)
		log_stderr(program, line);
	if (p->hold)
		event_active(p->ev_log, EV_WRITE, 0);
	else
		held_write(-1, 0, p);
}

/*
 * The parent's log sink: standard error with -d, otherwise syslog.  A line
 * that syslogd does not accept is counted and reported later, since the
 * parent must not wait for it.
 */
static void
parent_sink(int priority, const char *line, void *arg)
{
	static const char	 own[] = "spamgreyd", spamd[] = "spamd";
	struct parent		*p = arg;
	int			 as_spamd = (priority & LOG_AS_SPAMD) != 0;
	char			 note[96];

	remember(p, priority, line);
	if (p->foreground) {
		parent_stderr(p, as_spamd ? spamd : own, line);
		return;
	}
	if (syslog_line(as_spamd ? spamd : own, priority & LOG_PRIMASK,
	    line) == -1) {
		syslog_lost++;
		return;
	}
	if (syslog_lost > 0) {
		snprintf(note, sizeof(note), "%lu lines were lost because "
		    "syslogd did not accept them", syslog_lost);
		syslog_lost = 0;
		(void)syslog_line(own, LOG_WARNING, note);
	}
}

/* The sink until the daemon is ready: errors go to the terminal as well, so
 * that whoever starts the daemon sees them. */
static void
early_sink(int priority, const char *line, void *arg)
{
	struct parent	*p = arg;

	remember(p, priority, line);
	if (p->foreground)
		log_stderr("spamgreyd", line);
	else if (p->detach == -1 || (priority & LOG_PRIMASK) <= LOG_WARNING)
		dprintf(p->terminal, "spamgreyd: %s\n", line);
	if (!p->foreground)
		(void)syslog_line("spamgreyd", priority & LOG_PRIMASK, line);
}

/* The process that was started does not return before the daemon is ready:
 * its exit status is that of the start. */
static void __attribute__((__noreturn__))
await_start(pid_t pid, int fd)
{
	char	ready;
	ssize_t	n;
	int	status;

	while ((n = read(fd, &ready, 1)) == -1 && errno == EINTR)
		continue;
	if (n == 1)
		_exit(0);
	/* The daemon has printed the reason. */
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	_exit(1);
}

/*
 * Continues in a child of its own, which is the daemon; the process that was
 * started waits for a byte from it.  Further processes inherit nothing of the
 * terminal, and the daemon keeps only a descriptor to report errors on.
 */
static void
background(struct parent *p)
{
	int	fd[2], null, i;
	pid_t	pid;

	if (pipe2(fd, O_CLOEXEC) == -1 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    (p->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    (pid = fork()) == -1)
		fatal("cannot go into the background");
	if (pid > 0) {
		close(fd[1]);
		await_start(pid, fd[0]);
	}
	close(fd[0]);
	p->detach = fd[1];
	if (setsid() == -1 || chdir("/") == -1)
		fatal("cannot go into the background");
	for (i = 0; i < 3; i++)
		if (dup2(null, i) == -1)
			fatal("cannot go into the background");
	if (null > 2)
		close(null);
}

/* The daemon is ready: the process that waits in await_start() may end. */
void
parent_started(struct parent *p)
{
	if (p->detach == -1)
		return;
	log_set_sink(parent_sink, p);
	if (write(p->detach, "", 1) != 1)
		log_debug("the program that started the daemon did not wait "
		    "for it");
	close(p->detach);
	close(p->terminal);
	p->detach = p->terminal = -1;
}

/* The first call decides the exit status. */
void
parent_end(struct parent *p, int status)
{
	if (!p->ending)
		p->status = status;
	p->ending = 1;
	if (p->state == SET_NONE) {
		event_del(p->ev_set);
		event_base_loopbreak(p->base);
	} else
		set_end(p);
}

/* The report callback before there is a command to tell. */
static void
report_log(const char *line, void *arg)
{
	(void)arg;
	log_warnx("%s", line);
}

/*
 * Parses and checks the file, and reads what only root can read: keys,
 * certificates, resolv.conf.  Lists and listeners come later.  NULL:
 * reported.
 */
struct config *
parent_conf_read(struct parent *p, void (*report)(const char *, void *),
    void *arg)
{
	struct config	*conf;
	struct rlimit	 rl;

	if ((conf = config_parse(p->file, p->defines, p->ndefines, report,
	    arg)) == NULL)
		return (NULL);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		config_check_descriptors(conf, rl.rlim_cur, report, arg);
	if (config_load_keys(conf, report, arg) == -1 ||
	    tls_check(conf, report, arg) == -1 ||
	    sync_key_load(conf, report, arg) == -1) {
		config_free(conf);
		return (NULL);
	}
	if (conf_resolvers_system(conf, "/etc/resolv.conf") == -1)
		fatal("no memory for the name servers");
	return (conf);
}

/* A signal to the daemon, delivered by libevent in the loop. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct parent	*p = arg;

	(void)what;
	switch (sig) {
	case SIGCHLD:
		set_reaped(p);
		break;
	case SIGHUP:
		parent_reload(p, 0, 0, "");
		break;
	default:
		log_info("ending: received signal %d", (int)sig);
		parent_end(p, 0);
		break;
	}
}

/* ev_set: it is time to start the next set, or the last one is slow to end
 * and is killed. */
static void
on_set(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	unsigned int	 i;

	(void)fd;
	(void)what;
	if (p->state == SET_NONE) {
		set_start(p);
		return;
	}
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].pid > 0)
			kill(p->procs[i].pid, SIGKILL);
	set_reaped(p);
}

/* ev_start: front does not wait longer for the firewall's table.  Hosts
 * that are not in it yet are greylisted as usual. */
static void
on_start(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;

	(void)fd;
	(void)what;
	if (!p->started && !p->filled)
		log_warnx("the firewall's table is not filled after 10 s; "
		    "accepting connections anyway");
	set_front_start(p);
}

/* Looks up the users that children run as.  Without root there is only our
 * own.  0, or -1: logged. */
static int
users(struct parent *p)
{
	const struct passwd	*pw;
	const char		*name = CONF_USER;

	p->uid = p->db_uid = geteuid();
	p->gid = p->db_gid = getegid();
	if (!(p->privileged = geteuid() == 0)) {
		log_info("not started as root: the processes run as this user, "
		    "without chroot");
		return (0);
	}
	if ((pw = getpwnam(CONF_USER)) != NULL) {
		p->uid = pw->pw_uid;
		p->gid = pw->pw_gid;
		name = CONF_DBUSER;
		if ((pw = getpwnam(CONF_DBUSER)) != NULL) {
			p->db_uid = pw->pw_uid;
			p->db_gid = pw->pw_gid;
			return (0);
		}
	}
	log_warnx("user %s is missing; `make install' creates it (a user and a "
	    "group of that name, home /var/empty, shell nologin)", name);
	return (-1);
}

/* Each connection takes a descriptor: the soft limit is raised to the hard
 * one, which children inherit. */
static void
descriptors(void)
{
	struct rlimit	rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur == rl.rlim_max)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("cannot raise the descriptor limit to %llu",
		    (unsigned long long)rl.rlim_max);
}

/* Starts the set and runs until parent_end(). Returns the exit status. */
static int
parent_loop(struct parent *p)
{
	static const int	sigs[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };
	static const struct timeval	tick = { BEAT_EVERY, 0 };
	size_t			i;

	if ((p->base = event_base_new()) == NULL ||
	    (p->ev_log = event_new(p->base, -1, 0, held_write, p)) == NULL ||
	    (p->ev_set = evtimer_new(p->base, on_set, p)) == NULL ||
	    (p->ev_start = evtimer_new(p->base, on_start, p)) == NULL ||
	    (p->ev_reload = evtimer_new(p->base, parent_reload_late, p)) ==
	    NULL)
		fatalx("cannot create the event loop");
	if ((p->ev_beat = event_new(p->base, -1, EV_PERSIST, parent_beat,
	    p)) == NULL || event_add(p->ev_beat, &tick) == -1)
		fatalx("cannot create the event loop");
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		if ((p->ev_sig[i] = evsignal_new(p->base, sigs[i], on_signal,
		    p)) == NULL || event_add(p->ev_sig[i], NULL) == -1)
			fatalx("cannot watch for signals");
	setup_configure(p);
	set_start(p);
	event_base_dispatch(p->base);
	fetch_end_all();
	setup_end();
	close_control(p);
	log_info("ended");
	return (p->status);
}

/* Compiles the lists before anything else starts, so that no client is
 * served without them. */
static int
open_lists(struct parent *p)
{
	if (TAILQ_EMPTY(&p->conf->lists) && TAILQ_EMPTY(&p->conf->setups))
		return (0);
	return (lists_compile_now(p, p->conf, report_log, NULL));
}

/* Everything that can fail for a reason that an administrator has to mend
 * happens before background(), so that the start fails visibly. */
int
parent_main(char *program, const char *file,
    const struct conf_define *defines, size_t ndefines, int foreground,
    int verbose)
{
	static struct parent	par;
	struct parent		*p = &par;

	p->program = program;
	p->file = file;
	p->defines = defines;
	p->ndefines = ndefines;
	p->foreground = foreground;
	p->verbose = verbose;
	p->lock = p->control = p->detach = -1;
	p->terminal = STDERR_FILENO;
	signal(SIGPIPE, SIG_IGN);	/* write(2) returns EPIPE instead */
	log_init("parent");
	log_set_verbose(verbose);
	log_set_sink(early_sink, p);
	descriptors();
	if ((p->conf = parent_conf_read(p, report_log, NULL)) == NULL ||
	    users(p) == -1 || open_state(p) == -1 || open_lists(p) == -1 ||
	    open_listeners(p, p->conf, NULL, report_log, NULL) == -1 ||
	    open_sync(p->conf, NULL, report_log, NULL) == -1 ||
	    open_control(p) == -1)
		return (1);
	if (foreground)
		log_set_sink(parent_sink, p);
	else
		background(p);
	p->pid = (long)getpid();
	statedir_owner(p->lock);
	return (parent_loop(p));
}
