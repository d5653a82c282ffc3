/*
 * What each system does in its own way: of each group of files below the one
 * that lib/build/OS.mk names.  Several headers: os.h for the calls, and
 * pf_abi.h, which only fw/pf and regress/fw include, for PF's structures.  Every process may call it; it uses
 * lib alone and knows neither the other rooms nor what a role does, except for
 * what a role may do to the system (the sandbox).
 *
 *	linux.c freebsd.c openbsd.c	titles, privilege drop, sockets
 *	sandbox_*.c			seccomp, pledge, capsicum, or none
 *	origdst_*.c			the address that a client called
 *	syslog_*.c			a line to syslogd that never blocks
 *	addrs.c				the machine's own addresses
 *	pf_abi.h			PF's ioctls as the kernels have them
 */
#ifndef OS_H
#define OS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/conf/config.h"

/*
 * The processes.  They are named here because a sandbox is a list of what each
 * of them needs; what a role does is a row of roles[] (process.h).
 */
enum role {
	ROLE_PARENT,
	ROLE_FRONT,
	ROLE_STORE,
	ROLE_FW,
	ROLE_PASS,		/* only when the configuration has a pass block */
	ROLE_TRACK,		/* only when it has a track statement */
	ROLE_MAX,
	ROLE_LIST		/* has no row: lives for one job (list/job.h) */
};

/* -- linux.c, freebsd.c, openbsd.c -- */

/* The first call in main(): moves argv away where os_title() needs its
 * place. */
void	 os_init(int argc, char **argv, char **envp);
/* Sets what ps(1) shows after "spamgreyd: ". */
void	 os_title(const char *text);
/*
 * Before and after the change of user.  name is for the log.  net_admin: the
 * process keeps CAP_NET_ADMIN (Linux; elsewhere ignored).  After os_drop_end()
 * the process cannot be dumped or traced, where the system has that.  0, or -1
 * and the reason is logged.
 */
int	 os_drop_begin(const char *name, int net_admin);
int	 os_drop_end(const char *name, int net_admin);
/* Has the kernel kill this process when its parent dies, where it can. */
void	 os_follow_parent(void);
/* From now on memory that is freed stays with the process, where malloc would
 * return it to the kernel soon and get it again page by page. */
void	 os_keep_memory(void);
/* 1: the process waits for a disk, or this system does not tell; 0: it does
 * not. */
int	 os_waits_for_disk(pid_t);
/*
 * A TCP socket of that family that may bind to a foreign address:
 * IP_TRANSPARENT, SO_BINDANY or IP_BINDANY.  For the parent, which is root.
 * The caller closes it.  -1 with errno.
 */
int	 os_socket_transparent(int family);
/* Locks a capture handle: filter and interface cannot be changed any more,
 * where the system can do that.  0; -1 with errno. */
int	 os_capture_lock(int fd);
/*
 * The words of the n-th program of this system that prints what a URL has; the
 * URL is the argument after them.  Static memory.  NULL: there is no n-th.
 */
const char *const *os_fetch(unsigned int n);

/* -- sandbox_*.c -- */

/*
 * Enters the sandbox of that role, after the privilege drop and before READY;
 * there is no way back.  conf may be NULL for ROLE_LIST.  0; -1 with errno.
 */
int	 sandbox_enter(enum role, const struct config *conf);
/* "seccomp", "pledge" …, for the log. */
const char *sandbox_name(void);

/* -- origdst_*.c -- */

/* 1: origdst() needs a descriptor of /dev/pf, read-only. */
extern const int	origdst_pf;
/*
 * The address and port that a redirected client called.  fd: its socket; pf:
 * /dev/pf, or -1 where origdst_pf is 0; client and local: the socket's own two
 * ends.  0, or -1: unknown, and *dst and *port are untouched.
 */
int	 origdst(int fd, int pf, const struct addr *client, uint16_t cport,
	    const struct addr *local, uint16_t lport, struct addr *dst,
	    uint16_t *port);

/* -- syslog_*.c -- */

/* Sends a line to syslogd under that program name (a constant).  Never blocks.
 * 0, or -1: the line was not taken. */
int	 syslog_line(const char *ident, int priority, const char *line);

/* -- addrs.c -- */

#define OS_ADDRS_MAX	512		/* of a machine; more are ignored */

/* The machine's addresses, sorted, without loopback: how many, at most max.
 * -1 with errno. */
int	 os_addrs(struct addr *, size_t max);
/* The number of an interface; 0: it does not exist, or name is NULL. */
uint32_t os_ifindex(const char *name);

#endif
