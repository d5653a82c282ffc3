/*
 * nftables by netlink, reading only.  The answers come from the local kernel
 * while the request is made, so waiting for them is no waiting for anybody.
 */
#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/in.h>

#include <linux/netlink.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fw_nft.h"

#define EVENTS_RCVBUF	(8 * 1024 * 1024)
#define ANSWER_S	2	/* never, from a kernel that lives */
#define NAME_ATTR	1	/* NFTA_TABLE_NAME, _SET_TABLE, _CHAIN_TABLE …:
				   the table's name is 1 in every message */

static int	ask_fd = -1, events_fd = -1;
static uint32_t	seq;
static uint32_t	own_pid;	/* as the kernel calls us, see learn_pid */
static int	touched;	/* the transaction being told is about us */
static union {
	struct nlmsghdr	h;	/* for its alignment */
	uint8_t		b[65536];
} in;

struct request {
	struct nlmsghdr	 h;
	struct nfgenmsg	 g;
	uint8_t		 attr[1024];
};

static void	learn_pid(void);

int
nft_link_open(void)
{
	struct sockaddr_nl	sa = { .nl_family = AF_NETLINK };
	struct timeval		tv = { .tv_sec = ANSWER_S };
	int			size = EVENTS_RCVBUF, group = NFNLGRP_NFTABLES;

	ask_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	events_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);
	if (ask_fd == -1 || events_fd == -1 ||
	    bind(ask_fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    bind(events_fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    setsockopt(ask_fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)) == -1 ||
	    setsockopt(events_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
	    sizeof(group)) == -1)
		return (-1);
	/* Filling a table is told to us too; ENOBUFS only costs a comparison. */
	(void)setsockopt(events_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size));
	learn_pid();
	return (0);
}

void
nft_link_close(void)
{
	if (ask_fd != -1)
		close(ask_fd);
	if (events_fd != -1)
		close(events_fd);
	ask_fd = events_fd = -1;
	touched = 0;
}

int
nft_link_events(void)
{
	return (events_fd);
}

static void
put_str(struct request *r, uint16_t type, const char *s)
{
	struct nlattr	a;
	size_t		len = strlen(s) + 1;
	uint8_t		*p = (uint8_t *)r + NLMSG_ALIGN(r->h.nlmsg_len);

	if (NLMSG_ALIGN(r->h.nlmsg_len) + NLA_HDRLEN + len > sizeof(*r))
		return;		/* names are checked to be short */
	a.nla_len = (uint16_t)(NLA_HDRLEN + len);
	a.nla_type = type;
	memcpy(p, &a, sizeof(a));
	memcpy(p + NLA_HDRLEN, s, len);
	r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) +
	    NLA_ALIGN(NLA_HDRLEN + len));
}

static void
begin(struct request *r, uint8_t family, uint16_t type, uint16_t flags)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_len = NLMSG_LENGTH(sizeof(r->g));
	r->h.nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	r->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	r->h.nlmsg_seq = ++seq;
	r->g.nfgen_family = family;
	r->g.version = NFNETLINK_V0;
}

/* table and name are attributes 1 and 2 of sets and of their elements. */
static int
ask(const struct nft_id *id, const char *set, uint16_t type, uint16_t flags)
{
	struct request	r;

	begin(&r, id->family, type, flags);
	put_str(&r, NFTA_SET_TABLE, id->table);
	put_str(&r, NFTA_SET_NAME, set);
	return (send(ask_fd, &r, r.h.nlmsg_len, 0) == -1 ? errno : 0);
}

/* The attributes in a stretch of bytes, one by one; NULL at the end. */
struct attrs {
	const uint8_t	*p;
	size_t		 left;
};

static const uint8_t *
next_attr(struct attrs *as, uint16_t *type, size_t *len)
{
	struct nlattr	 a;
	const uint8_t	*p = as->p;
	size_t		 whole;

	if (as->left < sizeof(a))
		return (NULL);
	memcpy(&a, p, sizeof(a));
	if (a.nla_len < NLA_HDRLEN || a.nla_len > as->left)
		return (NULL);
	whole = NLA_ALIGN((size_t)a.nla_len);
	if (whole > as->left)
		whole = as->left;
	as->p += whole;
	as->left -= whole;
	*type = a.nla_type & NLA_TYPE_MASK;
	*len = a.nla_len - (size_t)NLA_HDRLEN;
	return (p + NLA_HDRLEN);
}

static struct attrs
attrs_of(const struct nlmsghdr *h)
{
	struct attrs	as = { NULL, 0 };

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg))) {
		as.p = (const uint8_t *)h + NLMSG_LENGTH(sizeof(struct nfgenmsg));
		as.left = h->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg));
	}
	return (as);
}

static uint32_t
be32(const uint8_t *p, size_t len)
{
	uint32_t	v = 0;

	if (len >= sizeof(v))
		memcpy(&v, p, sizeof(v));
	return (ntohl(v));
}

/*
 * Reads the answers to the last request and gives each to fn, until the end:
 * 0 or errno.
 */
static int
answers(void (*fn)(const struct nlmsghdr *, void *), void *arg, int dump)
{
	const struct nlmsghdr	*h;
	struct nlmsgerr		 e;
	ssize_t			 n;
	size_t			 left;

	for (;;) {
		if ((n = recv(ask_fd, &in, sizeof(in), 0)) == -1) {
			if (errno == EINTR)
				continue;
			return (errno);
		}
		left = (size_t)n;
		for (h = &in.h; left >= sizeof(*h) &&
		    h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= left;
		    left -= NLMSG_ALIGN(h->nlmsg_len) < left ?
		    NLMSG_ALIGN(h->nlmsg_len) : left,
		    h = (const void *)((const uint8_t *)h +
		    NLMSG_ALIGN(h->nlmsg_len))) {
			if (h->nlmsg_seq != seq)
				continue;	/* of one that was given up */
			if (h->nlmsg_type == NLMSG_DONE)
				return (0);
			if (h->nlmsg_type == NLMSG_ERROR) {
				if (h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
					return (EPROTO);
				memcpy(&e, (const uint8_t *)h + NLMSG_HDRLEN,
				    sizeof(e));
				return (-e.error);
			}
			fn(h, arg);
			if (!dump)
				return (0);
		}
	}
}

static void
read_gen(const struct nlmsghdr *h, void *arg)
{
	struct attrs	 as = attrs_of(h);
	const uint8_t	*p;
	uint16_t	 type;
	size_t		 len;

	while ((p = next_attr(&as, &type, &len)) != NULL)
		if (type == NFTA_GEN_PROC_PID)
			*(uint32_t *)arg = be32(p, len);
}

/*
 * Events name processes as the first pid namespace numbers them, which in a
 * container is not what getpid(2) says: a generation that we ask for names us.
 */
static void
learn_pid(void)
{
	struct request	r;

	own_pid = (uint32_t)getpid();
	begin(&r, AF_UNSPEC, NFT_MSG_GETGEN, 0);
	if (send(ask_fd, &r, r.h.nlmsg_len, 0) != -1)
		(void)answers(read_gen, &own_pid, 0);
}

struct set_facts {
	uint32_t	flags, keylen;
};

static void
read_set(const struct nlmsghdr *h, void *arg)
{
	struct set_facts	*f = arg;
	struct attrs		 as = attrs_of(h);
	const uint8_t		*p;
	uint16_t		 type;
	size_t			 len;

	while ((p = next_attr(&as, &type, &len)) != NULL)
		if (type == NFTA_SET_FLAGS)
			f->flags = be32(p, len);
		else if (type == NFTA_SET_KEY_LEN)
			f->keylen = be32(p, len);
}

int
nft_link_set(const struct nft_id *id, const char *set, uint32_t *flags,
    uint32_t *keylen)
{
	struct set_facts	f = { 0, 0 };
	int			error;

	if ((error = ask(id, set, NFT_MSG_GETSET, 0)) != 0 ||
	    (error = answers(read_set, &f, 0)) != 0)
		return (error);
	*flags = f.flags;
	*keylen = f.keylen;
	return (0);
}

struct dump {
	nft_elem	 fn;
	void		*arg;
};

static void
read_elem(struct attrs as, const struct dump *d)
{
	const uint8_t	*p, *key = NULL;
	struct attrs	 inner;
	uint16_t	 type;
	size_t		 len, keylen = 0;
	uint64_t	 ms;
	int64_t		 left = -1;
	int		 end = 0;

	while ((p = next_attr(&as, &type, &len)) != NULL)
		switch (type) {
		case NFTA_SET_ELEM_KEY:
			inner.p = p;
			inner.left = len;
			while ((p = next_attr(&inner, &type, &len)) != NULL)
				if (type == NFTA_DATA_VALUE) {
					key = p;
					keylen = len;
				}
			break;
		case NFTA_SET_ELEM_FLAGS:
			end = (be32(p, len) & NFT_SET_ELEM_INTERVAL_END) != 0;
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			if (len < sizeof(ms))
				break;
			memcpy(&ms, p, sizeof(ms));
			left = (int64_t)be64toh(ms);
			break;
		}
	if (key != NULL)
		d->fn(key, keylen, end, left, d->arg);
}

static void
read_elems(const struct nlmsghdr *h, void *arg)
{
	struct attrs	 as = attrs_of(h), list, elem;
	uint16_t	 type;
	size_t		 len;

	while ((list.p = next_attr(&as, &type, &list.left)) != NULL) {
		if (type != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		while ((elem.p = next_attr(&list, &type, &len)) != NULL) {
			elem.left = len;
			read_elem(elem, arg);
		}
	}
}

int
nft_link_dump(const struct nft_id *id, const char *set, nft_elem fn,
    void *arg)
{
	struct dump	d = { fn, arg };
	int		error;

	if ((error = ask(id, set, NFT_MSG_GETSETELEM, NLM_F_DUMP)) != 0)
		return (error);
	return (answers(read_elems, &d, 1));
}

/*
 * Each transaction is told as its changes and then the new generation, with
 * the process that made it: ours need no second look.
 */
static int
event(const struct nlmsghdr *h, const struct nft_id *id)
{
	struct nfgenmsg		 g;
	struct attrs		 as = attrs_of(h);
	const uint8_t		*p;
	uint16_t		 type;
	size_t			 len;
	uint32_t		 pid = 0;
	int			 ours;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || as.p == NULL)
		return (0);
	memcpy(&g, (const uint8_t *)h + NLMSG_HDRLEN, sizeof(g));
	if ((h->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		while ((p = next_attr(&as, &type, &len)) != NULL)
			if (type == NFTA_GEN_PROC_PID)
				pid = be32(p, len);
		ours = pid == own_pid;
		if (!touched || ours) {
			touched = 0;
			return (0);
		}
		touched = 0;
		return (1);
	}
	if (g.nfgen_family == id->family)
		while (!touched && (p = next_attr(&as, &type, &len)) != NULL)
			if (type == NAME_ATTR && len == strlen(id->table) + 1 &&
			    memcmp(p, id->table, len) == 0)
				touched = 1;
	return (0);
}

int
nft_link_changed(const struct nft_id *id)
{
	const struct nlmsghdr	*h;
	ssize_t			 n;
	size_t			 left, step;
	int			 changed = 0;

	for (;;) {
		if ((n = recv(events_fd, &in, sizeof(in), 0)) == -1) {
			if (errno == ENOBUFS) {	/* some were lost */
				changed = 1;
				continue;
			}
			if (errno == EINTR)
				continue;
			return (changed);
		}
		for (h = &in.h, left = (size_t)n; left >= sizeof(*h) &&
		    h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= left;
		    h = (const void *)((const uint8_t *)h + step)) {
			changed |= event(h, id);
			step = NLMSG_ALIGN((size_t)h->nlmsg_len);
			left -= step < left ? step : left;
		}
	}
}
