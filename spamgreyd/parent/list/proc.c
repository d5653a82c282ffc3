/*
 * What every use of `spamgreyd -x list' needs: the process, descriptors to give
 * it, and the files in STATE/lists that it writes.  A list is written to
 * "NAME~" and renamed by the parent when it is complete, so that a crash leaves
 * the old one.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "lib/proto/list.h"
#include "spamgreyd/parent/list/lists.h"

/* The directory must be safe: the parent may be root and opens files in it. */
int
lists_dir_make(const struct parent *p)
{
	int	fd;

	if ((fd = statedir_sub_make(p->conf->statedir, LIST_DIR)) == -1)
		log_warn("%s/%s: must be a directory that belongs to the "
		    "daemon's user and that nobody else can write to; remove "
		    "what is there",
		    p->conf->statedir, LIST_DIR);
	return (fd);
}

/* The name of a list while it is being written.  No list can end in ~. */
static void
out_name(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "%.128s~", name);
}

/* A file that a crash has left is removed first. */
int
lists_out_open(int dir, const char *name)
{
	char	tmp[140];

	out_name(tmp, sizeof(tmp), name);
	(void)unlinkat(dir, tmp, 0);
	return (openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600));
}

void
lists_keep(int dir, const char *name, int good)
{
	char	tmp[140];

	out_name(tmp, sizeof(tmp), name);
	if (!good)
		(void)unlinkat(dir, tmp, 0);
	else if (renameat(dir, tmp, dir, name) == -1)
		log_warn("%s/%s: cannot keep the list", LIST_DIR, name);
}

/* The process is told nothing yet; its end calls ended(). */
struct chan *
lists_process(const struct parent *p, struct event_base *base, pid_t *pid,
    const struct chan_rule *rules, void *arg,
    void (*ended)(struct chan *, enum chan_end, void *))
{
	struct chan	*ch;
	int		 fd;

	if ((*pid = parent_spawn(p, "list", &fd)) == -1)
		return (NULL);
	if ((ch = chan_new(base, fd, "list", rules, arg, ended)) == NULL) {
		log_warn("lists: cannot talk to the process");
		kill(*pid, SIGKILL);
	}
	return (ch);
}

/* The caller keeps fd; the channel closes the copy. */
int
lists_send_fd(struct chan *ch, uint16_t type, uint64_t id, int fd)
{
	int	copy;

	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return (-1);
	ipc_begin(chan_ipc(ch), type, id);
	return (chan_send(ch, copy));
}

/*
 * A process that may have been taken over wrote this text, so that it is
 * checked here again.
 */
const char *
lists_printable(char *dst, size_t size, const char *src)
{
	char	*p;

	strlcpy(dst, src, size);
	for (p = dst; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return (dst);
}
