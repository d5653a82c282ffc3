/*
 * What the parent does for sync: it reads the key file, opens the sockets,
 * and keeps them over a reload.  Only store gets them, and of the key only
 * what was derived from it.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/parent/parent.h"

#define SYNC_RCVBUF	(1024 * 1024)	/* for a burst of a busy peer */

/* The content of a key file, which may be binary.  The caller frees it.
 * NULL: *why says why. */
static uint8_t *
key_read(const char *file, size_t *len, const char **why)
{
	struct stat	 st;
	uint8_t		*data = NULL;
	ssize_t		 n = -1;
	int		 fd;

	*why = NULL;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1)
		*why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*why = "not a regular file";
	else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		*why = "everybody may read or write this key; chmod o= it";
	else if (st.st_size == 0)
		*why = "empty; create a key with `openssl rand -hex 32'";
	else if (st.st_size > SYNCKEY_FILE_MAX)
		*why = "too large for a key";
	else if ((data = calloc(1, (size_t)st.st_size)) == NULL ||
	    (n = read(fd, data, (size_t)st.st_size)) <= 0)
		*why = n == 0 ? "empty" : strerror(errno);
	if (fd != -1)
		close(fd);
	if (*why == NULL) {
		*len = (size_t)n;
		return (data);
	}
	free(data);
	return (NULL);
}

/* Reads the key file and keeps only what sync needs of it.  0, or -1:
 * reported. */
int
sync_key_load(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	struct conf_sync	*s = conf->sync;
	const char		*why = NULL;
	uint8_t			*data;
	char			 line[1024];
	size_t			 len = 0;

	if (s == NULL || s->key_file == NULL)
		return (0);
	if ((data = key_read(s->key_file, &len, &why)) != NULL) {
		if (synckey_make(data, len, &s->key) == -1)
			why = "libcrypto cannot make a key from it";
		explicit_bzero(data, len);
		free(data);
	}
	if (why == NULL)
		return (0);
	snprintf(line, sizeof(line), "%s: %s: %s", s->where != NULL ?
	    s->where : conf->file, s->key_file, why);
	report(line, arg);
	return (-1);
}

/* The interface's IPv4 address, which is the way to name an interface for
 * multicast that works on all systems.  0; -1 with errno. */
static int
if_addr4(const char *name, struct in_addr *in)
{
	struct ifaddrs		*all, *a;
	struct sockaddr_in	 sin;
	int			 found = 0;

	if (getifaddrs(&all) == -1)
		return (-1);
	for (a = all; a != NULL && !found; a = a->ifa_next) {
		if (a->ifa_addr == NULL ||
		    a->ifa_addr->sa_family != AF_INET ||
		    strcmp(a->ifa_name, name) != 0)
			continue;
		memcpy(&sin, a->ifa_addr, sizeof(sin));
		*in = sin.sin_addr;
		found = 1;
	}
	freeifaddrs(all);
	if (!found)
		errno = EADDRNOTAVAIL;
	return (found ? 0 : -1);
}

/* Joins the group on its interface.  Our own datagrams do not come back.
 * 0; -1 with errno. */
static int
join4(int fd, const struct conf_sync_sock *k)
{
	struct ip_mreq	mr;
	uint8_t		ttl = (uint8_t)k->ttl, no = 0;

	memset(&mr, 0, sizeof(mr));
	memcpy(&mr.imr_multiaddr, k->addr.b + 12, 4);
	if (if_addr4(k->ifname, &mr.imr_interface) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr)) ==
	    -1 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF,
	    &mr.imr_interface, sizeof(mr.imr_interface)) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) ==
	    -1 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &no,
	    sizeof(no)) == -1)
		return (-1);
	return (0);
}

/* The same for IPv6. */
static int
join6(int fd, const struct conf_sync_sock *k)
{
	struct ipv6_mreq	mr;
	int			hops = (int)k->ttl;
	unsigned int		no = 0, ifindex;

	memset(&mr, 0, sizeof(mr));
	memcpy(&mr.ipv6mr_multiaddr, k->addr.b, 16);
	if ((ifindex = if_nametoindex(k->ifname)) == 0)
		return (-1);
	mr.ipv6mr_interface = ifindex;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mr, sizeof(mr)) ==
	    -1 || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex,
	    sizeof(ifindex)) == -1 || setsockopt(fd, IPPROTO_IPV6,
	    IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) == -1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &no,
	    sizeof(no)) == -1)
		return (-1);
	return (0);
}

/*
 * A group's socket is bound to its port on any address, beside a listener
 * that is bound to one address.  Only then may the port be shared: otherwise
 * no other program may take it.
 */
static int
shares(const struct conf_sync *s, const struct conf_sync_sock *k)
{
	const struct conf_sync_sock	*o;

	TAILQ_FOREACH(o, &s->socks, entry)
		if (o->kind == SYNC_GROUP && o->port == k->port &&
		    addr_is4(&o->addr) == addr_is4(&k->addr))
			return (1);
	return (0);
}

/* One socket.  Datagrams leave by a group's socket as well.  -1 with errno. */
static int
open_sock(const struct conf_sync *s, const struct conf_sync_sock *k)
{
	struct sockaddr_storage	ss;
	struct addr		any;
	socklen_t		len;
	int			fd, on = 1, buf = SYNC_RCVBUF, saved;

	(void)addr_parse(addr_is4(&k->addr) ? "0.0.0.0" : "::", &any);
	len = addr_to_sa(k->kind == SYNC_LISTEN ? &k->addr : &any,
	    k->kind == SYNC_SEND ? 0 : k->port, &ss);
	if ((fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0)) == -1)
		return (-1);
	/* A smaller buffer is no reason to fail. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buf, sizeof(buf));
	if ((shares(s, k) && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
	    &on, sizeof(on)) == -1) ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (k->kind == SYNC_GROUP && (addr_is4(&k->addr) ? join4(fd, k) :
	    join6(fd, k)) == -1)) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* Reports why, from errno. */
static void
open_failed(const struct conf_sync_sock *k,
    void (*report)(const char *, void *), void *arg)
{
	char	line[256], ip[ADDR_STRLEN];

	if (k->kind == SYNC_GROUP)
		snprintf(line, sizeof(line), "sync: multicast \"%s\" port %u%s: "
		    "%s%s", k->ifname, k->port, k->v2 ? " spamd" : "",
		    strerror(errno), errno == EADDRNOTAVAIL || errno == ENODEV ?
		    "; the interface needs an address of that family" : "");
	else
		snprintf(line, sizeof(line), "sync: listen on %s port %u: %s%s",
		    addr_str(&k->addr, ip), k->port, strerror(errno),
		    errno == EADDRINUSE ? "; is spamd running with -y?" : "");
	report(line, arg);
}

/* Adds a socket to send from, for each family that has a peer and no
 * listener.  0, or -1: no memory. */
static int
add_senders(struct conf_sync *s)
{
	const struct conf_sync_peer	*p;
	struct conf_sync_sock		*k;

	TAILQ_FOREACH(p, &s->peers, entry) {
		TAILQ_FOREACH(k, &s->socks, entry)
			if (k->kind != SYNC_GROUP &&
			    addr_is4(&k->addr) == addr_is4(&p->addr))
				break;
		if (k != NULL)
			continue;
		if ((k = conf_sync_sock_add(s, SYNC_SEND)) == NULL)
			return (-1);
		(void)addr_parse(addr_is4(&p->addr) ? "0.0.0.0" : "::",
		    &k->addr);
	}
	return (0);
}

/* Can the socket of the old configuration be kept? */
static int
same_sock(const struct conf_sync_sock *a, const struct conf_sync_sock *b)
{
	return (a->kind == b->kind && addr_cmp(&a->addr, &b->addr) == 0 &&
	    a->port == b->port && a->ttl == b->ttl &&
	    (a->ifname == NULL) == (b->ifname == NULL) &&
	    (a->ifname == NULL || strcmp(a->ifname, b->ifname) == 0));
}

int
open_sync(struct config *conf, const struct config *old,
    void (*report)(const char *, void *), void *arg)
{
	struct conf_sync_sock	*k, *o;
	int			 rc = 0;

	if (conf->sync == NULL)
		return (0);
	if (add_senders(conf->sync) == -1) {
		report("sync: no memory", arg);
		return (-1);
	}
	TAILQ_FOREACH(k, &conf->sync->socks, entry) {
		o = NULL;
		if (old != NULL && old->sync != NULL)
			TAILQ_FOREACH(o, &old->sync->socks, entry)
				if (same_sock(k, o) && o->fd != -1)
					break;
		k->fd = o != NULL ? fcntl(o->fd, F_DUPFD_CLOEXEC, 0) :
		    open_sock(conf->sync, k);
		if (k->fd == -1) {
			open_failed(k, report, arg);
			rc = -1;
		}
	}
	return (rc);
}
