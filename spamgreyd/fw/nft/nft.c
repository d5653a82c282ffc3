/*
 * The nftables driver: four sets of one table.  Hosts go, each with the time
 * it has left, into two plain sets (IPv6 hosts as the masked address that the
 * rule compares). Networks of whitelists go into two interval sets.  Used by
 * the role fw only.
 *
 * It makes no table and no rule: a set without its rules would let nobody
 * through.
 *
 * A batch is one transaction, and one refused element loses all of it.  So a
 * refused batch is cut in half until that element stands alone.
 */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw.h"
#include "spamgreyd/fw/nft/nft.h"

#define NFT_SLICE	4096	/* elements in a transaction */
#define NFT_NAME_LEN	128	/* the kernel's limit is 255 */
#define NFT_REFUSED_MAX	10	/* single elements a call; then something else
				   is wrong */
#define NFT_FULL_SAY_MS	(10 * 60 * 1000)	/* between two lines */

/* Where `make install' puts it; named in messages. */
static const char	sample[] =
    "/usr/local/share/examples/spamgreyd/nftables.conf.sample";

enum { HOST4, HOST6, NET4, NET6, NSETS };

static struct {
	struct nft_ctx	*ctx;
	struct nft_id	 id;
	const char	*family;
	char		 table[NFT_NAME_LEN];
	char		 set[NSETS][NFT_NAME_LEN];
	struct buf	 text;
	int		 full[NSETS];		/* no room, seen in this call */
	unsigned int	 refused;		/* in this call */
	int		 gone_logged, full_logged;
	int64_t		 full_at;
	void		(*changed)(void *);
	void		*changed_arg;
	struct event	*ev;
} nft;

/* What is to be done with a batch; each is one transaction. */
enum job {
	ADD,			/* hosts that are not in the set */
	RENEW,			/* hosts that may be: with a new timeout */
	DELETE,			/* hosts that may be in the set */
	DELETE_PRESENT,		/* a host; an error if it is not there */
	ADD_NET
};

static int
is4(const struct fw_host *h)
{
	return (h->plen >= 96 && addr_is4(&h->addr));
}

/* Which of the four sets an element belongs in for that job. */
static int
set_of(const struct fw_host *h, enum job job)
{
	if (job == ADD_NET)
		return (is4(h) ? NET4 : NET6);
	return (is4(h) ? HOST4 : HOST6);
}

/*
 * Names become part of commands, so that only those are accepted that need no
 * quoting: letters, digits, `_', `-' and `.', a letter first.  0, or -1: not
 * such a name.
 */
static int
copy_name(char dst[NFT_NAME_LEN], const char *src)
{
	const char	*p;

	if (!isalpha((unsigned char)src[0]) || strlen(src) >= NFT_NAME_LEN)
		return (-1);
	for (p = src; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("_-.", *p) == NULL)
			return (-1);
	memcpy(dst, src, strlen(src) + 1);
	return (0);
}

/* Does set i exist with the type and the flags that it needs?  Otherwise
 * fw_why() says what to do. */
static enum fw_result
check_set(int i)
{
	uint32_t	flags, keylen, want;
	int		error;

	error = nft_link_set(&nft.id, nft.set[i], &flags, &keylen);
	if (error == EPERM)
		return (fw_set_why("firewall nftables: not permitted: start as "
		    "root"));
	if (error == ENOENT) {
		fw_set_why("firewall nftables: there is no set `%s %s "
		    "%s': load the sets and rules of %s with `nft -f', or name "
		    "your own table in `firewall nftables'", nft.family,
		    nft.table, nft.set[i], sample);
		return (FW_GONE);
	}
	if (error != 0)
		return (fw_set_why("firewall nftables: set `%s %s %s': %s",
		    nft.family, nft.table, nft.set[i], strerror(error)));
	want = i >= NET4 ? NFT_SET_INTERVAL : NFT_SET_TIMEOUT;
	if (keylen != (i == HOST4 || i == NET4 ? 4 : 16) ||
	    (flags & (NFT_SET_INTERVAL | want)) != want)
		return (fw_set_why("firewall nftables: set `%s %s %s' must be "
		    "`type %s; flags %s;'", nft.family, nft.table, nft.set[i],
		    i == HOST4 || i == NET4 ? "ipv4_addr" : "ipv6_addr",
		    i >= NET4 ? "interval" : "timeout"));
	return (FW_OK);
}

/* The names of the configuration; the two sets of networks have fixed
 * names. */
static enum fw_result
take_names(const struct config *conf)
{
	static const struct {
		const char	*name;
		uint8_t		 number;
	} families[] = {
		{ "inet", NFPROTO_INET }, { "ip", NFPROTO_IPV4 },
		{ "ip6", NFPROTO_IPV6 }
	};
	size_t	i;

	nft.family = NULL;
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(conf->nft_family, families[i].name) == 0) {
			nft.family = families[i].name;
			nft.id.family = families[i].number;
		}
	if (nft.family == NULL)
		return (fw_set_why("firewall nftables: family `%s' is not "
		    "inet, ip or ip6", conf->nft_family));
	if (copy_name(nft.table, conf->nft_table) == -1 ||
	    copy_name(nft.set[HOST4], conf->nft_set4) == -1 ||
	    copy_name(nft.set[HOST6], conf->nft_set6) == -1)
		return (fw_set_why("firewall nftables: names of the table "
		    "and its sets begin with a letter and have only letters, "
		    "digits, `_', `-' and `.'"));
	memcpy(nft.set[NET4], NFT_NET4, sizeof(NFT_NET4));
	memcpy(nft.set[NET6], NFT_NET6, sizeof(NFT_NET6));
	nft.id.table = nft.table;
	return (FW_OK);
}

static void
nft_close(void)
{
	if (nft.ev != NULL)
		event_free(nft.ev);
	if (nft.ctx != NULL)
		nft_ctx_free(nft.ctx);
	buf_free(&nft.text);
	nft_link_close();
	memset(&nft, 0, sizeof(nft));
}

/* libnftables opens its socket and reads its own files here, before the
 * chroot.  The sockets are the ones that work later. */
static enum fw_result
nft_open(const struct config *conf, int fd)
{
	enum fw_result	rc;
	int		i;

	(void)fd;
	if ((rc = take_names(conf)) != FW_OK)
		return (rc);
	if ((nft.ctx = nft_ctx_new(NFT_CTX_DEFAULT)) == NULL ||
	    nft_ctx_buffer_error(nft.ctx) != 0 ||
	    nft_ctx_buffer_output(nft.ctx) != 0 || nft_link_open() == -1)
		rc = fw_set_why("firewall nftables: netlink: %s",
		    strerror(errno));
	for (i = 0; i < NSETS && rc == FW_OK; i++)
		rc = check_set(i);
	if (rc == FW_FAILED)
		nft_close();
	return (rc);
}

/* An event of the kernel: what we changed ourselves is not told. */
static void
readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (nft_link_changed(&nft.id))
		nft.changed(nft.changed_arg);
}

static int
nft_watch(struct event_base *base, void (*changed)(void *), void *arg)
{
	nft.changed = changed;
	nft.changed_arg = arg;
	nft.ev = event_new(base, nft_link_events(), EV_READ | EV_PERSIST,
	    readable, NULL);
	if (nft.ev == NULL || event_add(nft.ev, NULL) == -1)
		return (-1);
	return (0);
}

/* 1: at least one of the four sets does not exist; 0: all do. */
static int
missing(void)
{
	uint32_t	flags, keylen;
	int		i;

	for (i = 0; i < NSETS; i++)
		if (nft_link_set(&nft.id, nft.set[i], &flags, &keylen) ==
		    ENOENT)
			return (1);
	return (0);
}

/* nft takes no number of more than eight digits, so that days are written
 * apart. */
static void
time_print(int64_t s)
{
	buf_printf(&nft.text, " timeout %lldd%llds", (long long)(s / 86400),
	    (long long)(s % 86400));
}

/*
 * Appends one command for those of the n elements that belong in that set and
 * are not refused; nothing if there are none.  times: each with its timeout.
 */
static void
command(const char *verb, int set, enum job job, const struct fw_host *h,
    size_t n, int64_t now, int times)
{
	char		a[ADDR_STRLEN];
	const char	*sep = "";
	size_t		i;

	for (i = 0; i < n; i++) {
		if (h[i].refused || set_of(&h[i], job) != set)
			continue;
		if (*sep == '\0')
			buf_printf(&nft.text, "%s element %s %s %s { ", verb,
			    nft.family, nft.table, nft.set[set]);
		buf_printf(&nft.text, "%s%s", sep, addr_str(&h[i].addr, a));
		if (job == ADD_NET)
			buf_printf(&nft.text, "/%d", is4(&h[i]) ?
			    h[i].plen - 96 : h[i].plen);
		/* now 0: the clock is not credible.  Without a timeout the
		 * host stays until store takes it back. */
		if (times && now != 0 && h[i].until != HOST_FOREVER)
			time_print(fw_time_left(h[i].until, now));
		sep = ", ";
	}
	if (*sep != '\0')
		buf_addstr(&nft.text, " }\n");
}

/* Appends the commands of a job for both families. */
static void
batch(enum job job, const struct fw_host *h, size_t n, int64_t now)
{
	int	set, first = job == ADD_NET ? NET4 : HOST4;

	for (set = first; set < first + 2; set++) {
		/* An element to be deleted must exist, and an old timeout ends
		 * only with its element: so add first, whatever is there. */
		if (job == RENEW || job == DELETE)
			command("add", set, job, h, n, now, 0);
		if (job == RENEW || job == DELETE || job == DELETE_PRESENT)
			command("delete", set, job, h, n, now, 0);
		if (job == ADD || job == RENEW || job == ADD_NET)
			command("add", set, job, h, n, now, 1);
	}
}

/* Carries out nft.text as one transaction and empties it.  0, or -1 and
 * *why in the kernel's words, which are valid until the next call. */
static int
run(const char **why)
{
	static char	line[256];
	int		rc = 0;

	*why = "no memory";
	if (buf_len(&nft.text) == 0)
		return (0);
	if (buf_add(&nft.text, "", 1) == -1) {
		buf_drain(&nft.text, buf_len(&nft.text));
		return (-1);
	}
	rc = nft_run_cmd_from_buffer(nft.ctx, (const char *)buf_ptr(&nft.text));
	buf_drain_keep(&nft.text, buf_len(&nft.text));
	if (rc != 0) {
		strlcpy(line, nft_ctx_get_error_buffer(nft.ctx), sizeof(line));
		line[strcspn(line, "\n")] = '\0';
		*why = line;
	}
	(void)nft_ctx_get_output_buffer(nft.ctx);	/* empties it */
	return (rc == 0 ? 0 : -1);
}

const struct nft_id *
fw_nft_id(void)
{
	return (&nft.id);
}

const char *
fw_nft_family(void)
{
	return (nft.family);
}

const char *
fw_nft_hosts_set(int four)
{
	return (nft.set[four ? HOST4 : HOST6]);
}

int
fw_nft_run(struct buf *b, const char **why)
{
	int	r;

	*why = "no memory";
	if (buf_len(b) == 0)
		return (0);
	r = buf_add(&nft.text, buf_ptr(b), buf_len(b)) == -1 ? -1 : run(why);
	buf_free(b);
	return (r);
}

/* The set is full: noted for the rest of this call, and logged now and
 * then. */
static void
say_full(int set)
{
	int64_t	now = clock_mono();

	nft.full[set] = 1;
	if (nft.full_logged && now - nft.full_at < NFT_FULL_SAY_MS)
		return;
	nft.full_logged = 1;
	nft.full_at = now;
	log_warnx("nftables: set %s %s %s is full: raise or remove its "
	    "`size'; hosts that do not fit stay greylisted",
	    nft.family, nft.table, nft.set[set]);
}

/* The one element that the kernel refuses.  Too many of them in a call mean
 * that something else is wrong, for example a set of another type. */
static enum fw_result
refused(enum job job, struct fw_host *h, const char *why)
{
	char	a[ADDR_STRLEN], text[512];

	if (job == DELETE_PRESENT)
		return (FW_OK);		/* it was not there */
	h->refused = FW_REFUSED;
	if ((job == ADD || job == RENEW) &&
	    strstr(why, strerror(ENFILE)) != NULL) {
		h->refused = FW_NO_ROOM;
		say_full(set_of(h, job));
		return (FW_OK);
	}
	log_warnx("nftables: set %s %s %s refuses %s/%d: %s; it is left out",
	    nft.family, nft.table, nft.set[set_of(h, job)],
	    addr_str(&h->addr, a), is4(h) ? h->plen - 96 : h->plen,
	    log_encode_str(text, sizeof(text), why));
	if (++nft.refused < NFT_REFUSED_MAX)
		return (FW_OK);
	log_warnx("nftables: too many addresses are refused; trying again "
	    "later");
	return (FW_FAILED);
}

/*
 * Carries out a job for a slice.  A batch is one transaction: if one element
 * is refused nothing of it is done, so that a refused batch is cut in half
 * until that element stands alone.  The recursion is as deep as the logarithm
 * of the slice.
 */
static enum fw_result
change(enum job job, struct fw_host *h, size_t n, int64_t now)
{
	const char	*why;
	enum fw_result	 r;
	size_t		 i;

	if (n == 0)
		return (FW_OK);
	if (job == ADD || job == RENEW)
		for (i = 0; i < n; i++)
			if (nft.full[set_of(&h[i], job)])
				h[i].refused = FW_NO_ROOM;
	batch(job, h, n, now);
	if (run(&why) == 0)
		return (FW_OK);
	if (missing())
		return (FW_GONE);
	/* DELETE adds first, which a full set refuses. */
	if (n == 1 && job == DELETE)
		return (change(DELETE_PRESENT, h, n, now));
	if (n == 1)
		return (refused(job, h, why));
	if ((r = change(job, h, n / 2, now)) != FW_OK)
		return (r);
	return (change(job, h + n / 2, n - n / 2, now));
}

/* The same in slices, until one fails. */
static enum fw_result
change_all(enum job job, struct fw_host *h, size_t n, int64_t now)
{
	enum fw_result	r = FW_OK;
	size_t		i, m;

	memset(nft.full, 0, sizeof(nft.full));
	nft.refused = 0;
	for (i = 0; i < n && r == FW_OK; i += m) {
		m = n - i < NFT_SLICE ? n - i : NFT_SLICE;
		r = change(job, h + i, m, now);
	}
	return (r);
}

static enum fw_result
nft_add(struct fw_host *h, size_t n, int64_t now, int fresh)
{
	return (change_all(fresh ? ADD : RENEW, h, n, now));
}

static enum fw_result
nft_del(struct fw_host *h, size_t n)
{
	return (change_all(DELETE, h, n, 0));
}

/* A command about whole sets failed: the sets are gone, or the kernel's
 * words go to the log. */
static enum fw_result
said(const char *what, const char *why)
{
	char	text[512];

	if (missing())
		return (FW_GONE);
	log_warnx("nftables: %s of table %s %s: %s", what, nft.family,
	    nft.table, log_encode_str(text, sizeof(text), why));
	return (FW_FAILED);
}

/*
 * Replaces both interval sets as a whole, in one transaction if no network is
 * refused.  Otherwise they are emptied, and filled in slices without the
 * refused ones.
 */
static enum fw_result
nft_nets(const struct prefix *p, size_t n)
{
	struct fw_host	*h;
	enum fw_result	 r = FW_OK;
	const char	*why;
	size_t		 i;
	int		 same4, same6;

	same4 = nft_nets_same(&nft.id, nft.set[NET4], 4, p, n);
	same6 = nft_nets_same(&nft.id, nft.set[NET6], 16, p, n);
	if (same4 == -1 || same6 == -1)
		return (FW_GONE);
	if (same4 && same6)
		return (FW_OK);
	if ((h = calloc(n + 1, sizeof(*h))) == NULL) {
		log_warn("nftables: no memory for the networks");
		return (FW_FAILED);
	}
	for (i = 0; i < n; i++) {
		h[i].addr = p[i].addr;
		h[i].plen = p[i].len;
		h[i].until = HOST_FOREVER;
	}
	buf_printf(&nft.text, "flush set %s %s %s\nflush set %s %s %s\n",
	    nft.family, nft.table, nft.set[NET4],
	    nft.family, nft.table, nft.set[NET6]);
	batch(ADD_NET, h, n, 0);
	if (run(&why) == -1) {
		buf_printf(&nft.text, "flush set %s %s %s\n"
		    "flush set %s %s %s\n", nft.family, nft.table,
		    nft.set[NET4], nft.family, nft.table, nft.set[NET6]);
		if (run(&why) == -1)
			r = said("networks", why);
		else
			r = change_all(ADD_NET, h, n, 0);
	}
	free(h);
	return (r);
}

/*
 * Sets without rules would let nobody through, so none is made here: the
 * administrator loads the file with both.  The log says so once, and again
 * after they came back.
 */
static enum fw_result
nft_revive(void)
{
	if (!missing()) {
		if (nft.gone_logged)
			log_info("nftables: table %s %s is back", nft.family,
			    nft.table);
		nft.gone_logged = 0;
		return (FW_OK);
	}
	if (!nft.gone_logged)
		log_warnx("nftables: the sets of table %s %s are gone, and its "
		    "rules with them: load their file again with `nft -f'; "
		    "spamgreyd fills the sets at once", nft.family,
		    nft.table);
	nft.gone_logged = 1;
	return (FW_GONE);
}

/* Empties all four. */
static enum fw_result
nft_clear(void)
{
	const char	*why;
	int		 i;

	for (i = 0; i < NSETS; i++)
		buf_printf(&nft.text, "flush set %s %s %s\n", nft.family,
		    nft.table, nft.set[i]);
	return (run(&why) == 0 ? FW_OK : said("sets", why));
}

const struct fw_driver fw_nft = {
	.name = "nftables",
	.slice = NFT_SLICE,
	.timeouts = 1,
	.open = nft_open,
	.watch = nft_watch,
	.add = nft_add,
	.del = nft_del,
	.nets = nft_nets,
	.dump = fw_nft_dump,
	.revive = nft_revive,
	.clear = nft_clear,
	.count = fw_nft_count,
	.find = fw_nft_find,
	.tables = &fw_nft_tables,
	.close = nft_close
};
