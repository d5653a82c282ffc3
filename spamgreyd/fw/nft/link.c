/*
 * nftables by netlink, reading only: libmnl walks messages and attributes.
 * The kernel answers while the request is made, so waiting for an answer does
 * not block the loop.
 *
 * An attribute that is shorter than its type counts as absent.  What is behind
 * a malformed attribute is not read.
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
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "spamgreyd/fw/nft/nft.h"

#define EVENTS_RCVBUF	(8 * 1024 * 1024)	/* for the events of a big transaction */
#define ANSWER_S	2	/* a kernel that lives answers at once */
#define REQUEST_MAX	1024	/* two names of at most 255 bytes, and headers */
#define NAME_ATTR	1	/* NFTA_TABLE_NAME, _SET_TABLE, _CHAIN_TABLE …:
				   the table's name is 1 in every message */

static struct mnl_socket	*ask_nl, *events_nl;
static uint32_t	seq;		/* of the last request */
static uint32_t	own_pid;	/* as the kernel calls us, see learn_pid */
static int	touched;	/* the transaction being told is about us */
static union {
	struct nlmsghdr	h;	/* for its alignment */
	uint8_t		b[65536];	/* more than the kernel sends at once */
} in;

struct request {
	union {
		struct nlmsghdr	h;	/* for its alignment */
		uint8_t		b[REQUEST_MAX];
	} u;
};

/* The attributes of one message or nest by type; NULL: absent. */
struct attrs {
	const struct nlattr	*at[NFTA_SET_MAX + 1];
	uint16_t		 max;	/* highest type that is kept */
};

_Static_assert(NFTA_SET_ELEM_MAX <= NFTA_SET_MAX &&
    NFTA_SET_ELEM_LIST_MAX <= NFTA_SET_MAX && NFTA_GEN_MAX <= NFTA_SET_MAX &&
    NFTA_DATA_MAX <= NFTA_SET_MAX, "struct attrs has room for each");

static void	learn_pid(void);

/* A socket of netfilter's netlink; flags: SOCK_NONBLOCK or 0. The caller
 * closes it.  NULL with errno. */
static struct mnl_socket *
open_socket(int flags)
{
	struct mnl_socket	*nl;
	int			 saved;

	if ((nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC |
	    flags)) == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != -1)
		return (nl);
	saved = errno;
	(void)mnl_socket_close(nl);
	errno = saved;
	return (NULL);
}

int
nft_link_open(void)
{
	struct timeval	tv = { .tv_sec = ANSWER_S };
	int		size = EVENTS_RCVBUF, group = NFNLGRP_NFTABLES;

	ask_nl = open_socket(0);
	events_nl = open_socket(SOCK_NONBLOCK);
	if (ask_nl == NULL || events_nl == NULL ||
	    setsockopt(mnl_socket_get_fd(ask_nl), SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)) == -1 ||
	    mnl_socket_setsockopt(events_nl, NETLINK_ADD_MEMBERSHIP, &group,
	    sizeof(group)) == -1)
		return (-1);
	/* Events come for our own changes too.  If the buffer is too small
	 * ENOBUFS causes a comparison, so that this may fail. */
	(void)setsockopt(mnl_socket_get_fd(events_nl), SOL_SOCKET,
	    SO_RCVBUFFORCE, &size, sizeof(size));
	learn_pid();
	return (0);
}

void
nft_link_close(void)
{
	if (ask_nl != NULL)
		(void)mnl_socket_close(ask_nl);
	if (events_nl != NULL)
		(void)mnl_socket_close(events_nl);
	ask_nl = events_nl = NULL;
	touched = 0;
}

int
nft_link_events(void)
{
	return (mnl_socket_get_fd(events_nl));
}

/* Begins a request in r and returns its header, which is in r. */
static struct nlmsghdr *
begin(struct request *r, uint8_t family, uint16_t type, uint16_t flags)
{
	struct nlmsghdr	*h = mnl_nlmsg_put_header(r->u.b);
	struct nfgenmsg	*g;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	return (h);
}

/* Table and name are attributes 1 and 2 of sets and of their elements.  0 or
 * errno. */
static int
ask(const struct nft_id *id, const char *set, uint16_t type, uint16_t flags)
{
	struct request	 r;
	struct nlmsghdr	*h = begin(&r, id->family, type, flags);

	if (!mnl_attr_put_strz_check(h, sizeof(r), NFTA_SET_TABLE,
	    id->table) ||
	    !mnl_attr_put_strz_check(h, sizeof(r), NFTA_SET_NAME, set))
		return (ENAMETOOLONG);
	return (mnl_socket_sendto(ask_nl, h, h->nlmsg_len) == -1 ? errno : 0);
}

/* A callback of mnl_attr_parse(): of two attributes of one type the last
 * counts. */
static int
keep_attr(const struct nlattr *a, void *arg)
{
	struct attrs	*as = arg;

	/* A newer kernel may send attributes that we do not know. */
	if (mnl_attr_get_type(a) <= as->max)
		as->at[mnl_attr_get_type(a)] = a;
	return (MNL_CB_OK);
}

/* The attributes of a message of nftables; none if it is too short for any. */
static struct attrs
attrs_of(const struct nlmsghdr *h, uint16_t max)
{
	struct attrs	as = { .max = max };

	(void)mnl_attr_parse(h, sizeof(struct nfgenmsg), keep_attr, &as);
	return (as);
}

/* Those inside an attribute; none if a is NULL or not a nest. */
static struct attrs
attrs_in(const struct nlattr *a, uint16_t max)
{
	struct attrs	as = { .max = max };

	if (a != NULL && mnl_attr_validate(a, MNL_TYPE_NESTED) == 0)
		(void)mnl_attr_parse_nested(a, keep_attr, &as);
	return (as);
}

/* A number in network byte order; 0 when it is absent or too short. */
static uint32_t
number(const struct nlattr *a)
{
	if (a == NULL || mnl_attr_validate(a, MNL_TYPE_U32) == -1)
		return (0);
	return (ntohl(mnl_attr_get_u32(a)));
}

/* What a message other than an answer says: 0 or errno, or -1: an answer. */
static int
verdict(const struct nlmsghdr *h)
{
	const struct nlmsgerr	*e = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == NLMSG_DONE)
		return (0);
	if (h->nlmsg_type != NLMSG_ERROR)
		return (-1);
	return (mnl_nlmsg_get_payload_len(h) < sizeof(*e) ? EPROTO :
	    -e->error);
}

/*
 * Reads the answers to the last request and gives each to fn, until the end.
 * dump: there are several, and NLMSG_DONE ends them.  0 or errno.
 */
static int
answers(void (*fn)(const struct nlmsghdr *, void *), void *arg, int dump)
{
	const struct nlmsghdr	*h;
	ssize_t			 n;
	int			 left, error;

	for (;;) {
		if ((n = mnl_socket_recvfrom(ask_nl, in.b,
		    sizeof(in.b))) == -1) {
			if (errno == EINTR)
				continue;
			return (errno);
		}
		left = (int)n;
		for (h = &in.h; mnl_nlmsg_ok(h, left);
		    h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != seq)
				continue;	/* to one that was given up */
			if ((error = verdict(h)) != -1)
				return (error);
			fn(h, arg);
			if (!dump)
				return (0);
		}
	}
}

/* A callback of answers(): the process that made the last generation, which
 * for our own request is this one. */
static void
read_gen(const struct nlmsghdr *h, void *arg)
{
	struct attrs	as = attrs_of(h, NFTA_GEN_MAX);

	if (as.at[NFTA_GEN_PROC_PID] != NULL)
		*(uint32_t *)arg = number(as.at[NFTA_GEN_PROC_PID]);
}

/*
 * Events name processes as the first pid namespace numbers them, which in a
 * container is not what getpid(2) says: a generation that we ask for names us.
 */
static void
learn_pid(void)
{
	struct request	 r;
	struct nlmsghdr	*h = begin(&r, AF_UNSPEC, NFT_MSG_GETGEN, 0);

	own_pid = (uint32_t)getpid();
	if (mnl_socket_sendto(ask_nl, h, h->nlmsg_len) != -1)
		(void)answers(read_gen, &own_pid, 0);
}

struct set_facts {
	uint32_t	flags, keylen;
};

/* A callback of answers(). */
static void
read_set(const struct nlmsghdr *h, void *arg)
{
	struct set_facts	*f = arg;
	struct attrs		 as = attrs_of(h, NFTA_SET_MAX);

	f->flags = number(as.at[NFTA_SET_FLAGS]);
	f->keylen = number(as.at[NFTA_SET_KEY_LEN]);
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

struct link_dump {
	nft_elem	 fn;
	void		*arg;
};

/* A callback of libmnl: one element of a set.  Without a key it is ignored. */
static int
read_elem(const struct nlattr *elem, void *arg)
{
	const struct link_dump	*d = arg;
	struct attrs		 as = attrs_in(elem, NFTA_SET_ELEM_MAX);
	struct attrs		 data = attrs_in(as.at[NFTA_SET_ELEM_KEY],
				    NFTA_DATA_MAX);
	const struct nlattr	*key = data.at[NFTA_DATA_VALUE];
	const struct nlattr	*expires = as.at[NFTA_SET_ELEM_EXPIRATION];
	uint32_t		 flags = number(as.at[NFTA_SET_ELEM_FLAGS]);
	int64_t			 left = -1;

	if (key == NULL)
		return (MNL_CB_OK);
	if (expires != NULL && mnl_attr_validate(expires, MNL_TYPE_U64) == 0)
		left = (int64_t)be64toh(mnl_attr_get_u64(expires));
	d->fn(mnl_attr_get_payload(key), mnl_attr_get_payload_len(key),
	    (flags & NFT_SET_ELEM_INTERVAL_END) != 0, left, d->arg);
	return (MNL_CB_OK);
}

/* A callback of answers(): a message holds as many elements as fit. */
static void
read_elems(const struct nlmsghdr *h, void *arg)
{
	struct attrs		 as = attrs_of(h, NFTA_SET_ELEM_LIST_MAX);
	const struct nlattr	*list = as.at[NFTA_SET_ELEM_LIST_ELEMENTS];

	if (list != NULL && mnl_attr_validate(list, MNL_TYPE_NESTED) == 0)
		(void)mnl_attr_parse_nested(list, read_elem, arg);
}

int
nft_link_dump(const struct nft_id *id, const char *set, nft_elem fn,
    void *arg)
{
	struct link_dump	d = { fn, arg };
	int			error;

	if ((error = ask(id, set, NFT_MSG_GETSETELEM, NLM_F_DUMP)) != 0)
		return (error);
	return (answers(read_elems, &d, 1));
}

/* Is the attribute exactly this name, with its NUL? */
static int
names_table(const struct nlattr *a, const char *table)
{
	size_t	len = strlen(table) + 1;

	return (a != NULL && mnl_attr_get_payload_len(a) == len &&
	    memcmp(mnl_attr_get_payload(a), table, len) == 0);
}

/*
 * The kernel tells a transaction as its changes and then the new generation,
 * with the process that made it.  1: another process changed our table.
 */
static int
event(const struct nlmsghdr *h, const struct nft_id *id)
{
	const struct nfgenmsg	*g = mnl_nlmsg_get_payload(h);
	struct attrs		 as = attrs_of(h, NFTA_SET_MAX);
	int			 theirs;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(*g))
		return (0);
	if ((h->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		theirs = touched &&
		    number(as.at[NFTA_GEN_PROC_PID]) != own_pid;
		touched = 0;
		return (theirs);
	}
	if (g->nfgen_family == id->family &&
	    names_table(as.at[NAME_ATTR], id->table))
		touched = 1;
	return (0);
}

int
nft_link_changed(const struct nft_id *id)
{
	const struct nlmsghdr	*h;
	ssize_t			 n;
	int			 left, changed = 0;

	for (;;) {
		if ((n = mnl_socket_recvfrom(events_nl, in.b,
		    sizeof(in.b))) == -1) {
			/* Some were lost, or one did not fit. */
			if (errno == ENOBUFS || errno == ENOSPC) {
				changed = 1;
				continue;
			}
			if (errno == EINTR)
				continue;
			return (changed);
		}
		left = (int)n;
		for (h = &in.h; mnl_nlmsg_ok(h, left);
		    h = mnl_nlmsg_next(h, &left))
			changed |= event(h, id);
	}
}
