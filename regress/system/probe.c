/*
 * The daemon with one object replaced: where a role enters its sandbox, copies
 * of it enter the real one first, and each copy makes one attempt.  A copy has
 * the role's user, root directory, capabilities and descriptors.  The role then
 * goes on as usual.
 *	PROBE_OUT	a line is added to this file for each role and attempt:
 *			role|attempt|right|what happened
 * right is a word of the table of processes in spamgreyd(8), or "-" for what no
 * process may do.
 */
/* LINK: spamgreyd spamgreyd/process spamgreyd/os spamgreyd/parent spamgreyd/parent/conf spamgreyd/parent/list spamgreyd/list spamgreyd/smtpd spamgreyd/front spamgreyd/store spamgreyd/fw spamgreyd/fw/pf spamgreyd/fw/nft spamgreyd/track spamgreyd/pass spamgreyd/pass/mta spamgreyd/pass/message spamgreyd/pass/scan spamgreyd/runner spamgreyd/modules spamgreyd/modules/clamav spamgreyd/modules/milter spamgreyd/modules/rspamd spamgreyd/modules/spamassassin modules_tab.c buildid.c */
/* LIBS: -ldb -ltls -lcrypto -lcares -lpcap -lnftables -lmnl -ljansson -lseccomp -lz */
#include "spamgreyd/os/os.h"

static int	real_sandbox(enum role, const struct config *);

#define sandbox_enter	real_sandbox
#include "spamgreyd/os/sandbox_seccomp.c"
#undef sandbox_enter

#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/system/probe_list.h"
#include "spamgreyd/process/process.h"

static int	probe_out = -1;

/* Before any root directory is changed. */
__attribute__((__constructor__)) static void
probe_begin(void)
{
	const char	*path = getenv("PROBE_OUT");

	if (path != NULL)
		probe_out = open(path, O_WRONLY | O_APPEND | O_CREAT |
		    O_CLOEXEC, 0600);
	daemon_pid = getppid();
}

static void
say(const char *role, const struct attempt *a, const char *what)
{
	char	line[256];
	int	len;

	len = snprintf(line, sizeof(line), "%s|%s|%s|%s\n", role, a->name,
	    a->right, what);
	if (write(probe_out, line, (size_t)len) != len)
		abort();
}

/*
 * In the copy.  An attempt with a function is the only one of its copy; the
 * others cannot hurt the next one, and follow each other.  *at is the one that
 * is made.
 */
static void __attribute__((__noreturn__))
attempt_from(size_t i, volatile size_t *at, const char *name, enum role role,
    const struct config *conf)
{
	const struct attempt	*a = &attempts[i];
	int			 r;

	*at = i;
	alarm(60);
	role_pid = getppid();
	if (real_sandbox(role, conf) == -1)
		abort();
	errno = 0;
	if (a->fn != NULL) {
		r = a->fn();
		say(name, a, r >= 0 ? "granted" : errno == 0 ? "nothing" :
		    strerrorname_np(errno));
		_exit(0);
	}
	for (; a->name != NULL && a->fn == NULL; a++, *at += 1)
		say(name, a, probe_call(a) == -1 ? "ENOSYS" : "granted");
	*at -= 1;
	_exit(0);
}

int	sandbox_enter(enum role, const struct config *);

int
sandbox_enter(enum role role, const struct config *conf)
{
	static const char	*const names[] = {
		[ROLE_FRONT] = "front", [ROLE_STORE] = "store",
		[ROLE_FW] = "fw", [ROLE_PASS] = "pass",
		[ROLE_TRACK] = "track", [ROLE_LIST] = "list"
	};
	volatile size_t		*at;
	size_t			 i;
	pid_t			 pid;
	int			 status;

	at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		abort();
	for (i = 0; probe_out != -1 && attempts[i].name != NULL; i = *at + 1) {
		if ((pid = fork()) == 0)
			attempt_from(i, at, names[role], role, conf);
		if (pid == -1 || waitpid(pid, &status, 0) != pid)
			abort();
		if (WIFSIGNALED(status))
			say(names[role], &attempts[*at],
			    WTERMSIG(status) == SIGSYS ? "killed" : "crashed");
	}
	close(probe_out);
	return (real_sandbox(role, conf));
}
