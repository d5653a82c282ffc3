/*
 * The PF driver: a table by ioctl on /dev/pf, which the parent opened.  Used
 * by the role fw only; it runs no program and reads no rule.  What is in the
 * table already is left alone, since PF counts an address' age from when it
 * was added.  So the role adds and deletes differences and never sets the
 * whole.
 *
 * OpenBSD and FreeBSD differ in the size of an address.  The kernel answers a
 * wrong size with ENODEV before it looks at anything else, and that is how
 * open() finds out which of the two it speaks to.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/fw/fw.h"
#include "spamgreyd/fw/pf/pf_int.h"

#define PF_SLICE	4096	/* FreeBSD takes 65,535 a call by default, and PF
				   is locked for as long as a call takes */
#define PF_REFUSED_SAY	10	/* lines in the log for a call */

static struct {
	int		 fd;
	const struct fw_pf_layout *layout;
	char		 table[PF_ABI_NAME_MAX];
	long		 expect;	/* addresses that we left there; -1
					   until the first dump */
	uint8_t		*buf;		/* PF_SLICE elements */
	uint8_t		*stats;		/* room for nstats tables */
	size_t		 nstats;
	unsigned int	 said;		/* refusals logged in this call */
} pf = { .fd = -1 };

/* Reads the statistics of all tables, those of anchors too, into pf.stats.
 * *n: how many tables.  0; -1 with errno. */
static int
read_stats(size_t *n)
{
	struct pf_abi_ioc	io;
	uint8_t			*bigger;
	int			rc;

	for (;;) {
		memset(&io, 0, sizeof(io));
		io.buffer = pf.stats;
		io.esize = (int32_t)pf.layout->tstats;
		io.size = (int32_t)pf.nstats;
		io.flags = PF_ABI_ALLRSETS;
		do
			rc = ioctl(pf.fd, PF_ABI_GETTSTATS, &io);
		while (rc == -1 && errno == EINTR);
		if (rc == -1)
			return (-1);
		*n = (size_t)io.size;
		if (*n <= pf.nstats)
			return (0);
		bigger = reallocarray(pf.stats, *n + 16, pf.layout->tstats);
		if (bigger == NULL)
			return (-1);
		pf.stats = bigger;
		pf.nstats = *n + 16;
	}
}

/* PF has one limit for the addresses of all tables together. */
enum fw_result
fw_pf_room(struct fw_room *room)
{
	struct pf_abi_limit	l = { .index = pf.layout->limit };
	int32_t			cnt;
	size_t			i, n;
	int			rc;

	do
		rc = ioctl(pf.fd, PF_ABI_GETLIMIT, &l);
	while (rc == -1 && errno == EINTR);
	if (rc == -1 || read_stats(&n) == -1) {
		log_warn("pf: cannot read the limit of table entries");
		return (FW_FAILED);
	}
	room->limit = l.limit;
	room->used = 0;
	for (i = 0; i < n; i++) {
		memcpy(&cnt, pf.stats + i * pf.layout->tstats +
		    pf.layout->cnt, sizeof(cnt));
		if (cnt > 0)
			room->used += (size_t)cnt;
	}
	return (FW_OK);
}

/* A call that a signal interrupts is repeated. */
int
fw_pf_request(const char *table, unsigned long req, void *buf, size_t n,
    struct pf_abi_ioc *io)
{
	int	rc;

	memset(io, 0, sizeof(*io));
	/* The rest of the name stays zero. */
	if (strlen(table) >= sizeof(io->table.name))
		return (ENAMETOOLONG);
	memcpy(io->table.name, table, strlen(table));
	io->buffer = buf;
	io->esize = pf.layout->esize;
	io->size = (int32_t)n;
	do
		rc = ioctl(pf.fd, req, io);
	while (rc == -1 && errno == EINTR);
	return (rc == -1 ? errno : 0);
}

/* The same on the hosts' table.  0 or errno. */
static int
request(unsigned long req, void *buf, size_t n, struct pf_abi_ioc *io)
{
	return (fw_pf_request(pf.table, req, buf, n, io));
}

size_t
fw_pf_esize(void)
{
	return ((size_t)pf.layout->esize);
}

void
fw_pf_put(uint8_t *dst, const struct addr *a, uint8_t plen)
{
	pf.layout->put(dst, a, plen, 0);
}

int
fw_pf_get(const uint8_t *src, struct addr *a, uint8_t *plen, int *not)
{
	return (pf.layout->get(src, a, plen, not));
}

/* What an errno means for the role.  ESRCH: the table does not exist. */
static enum fw_result
failed(const char *what, int error)
{
	if (error == ESRCH)
		return (FW_GONE);
	errno = error;
	if (error == EPERM)
		log_warn("pf: cannot %s table <%s>: remove `const' from its "
		    "line in pf.conf, and check that the securelevel allows "
		    "it", what, pf.table);
	else
		log_warn("pf: cannot %s table <%s>", what, pf.table);
	return (FW_FAILED);
}

/*
 * With no element the kernel still checks sizes, permission and table, in that
 * order: the layout is known even of a table that is gone.
 */
static int
probe(void)
{
	struct pf_abi_ioc	io;
	size_t			i;
	int			error = ENODEV;

	for (i = 0; i < FW_PF_LAYOUTS &&
	    error == ENODEV; i++) {
		pf.layout = &fw_pf_layouts[i];
		error = request(PF_ABI_GETADDRS, NULL, 0, &io);
	}
	if (error == 0)
		error = request(PF_ABI_ADDADDRS, NULL, 0, &io);
	return (error);
}

/* The parent opened /dev/pf; a driver that fails leaves it open for the
 * caller. */
static enum fw_result
pf_open(const struct config *conf, int fd)
{
	int	error;

	if (fd == -1)
		return (fw_set_why("firewall pf: /dev/pf is not open: start "
		    "as root on a system with PF, or write `firewall none'"));
	if (strlcpy(pf.table, conf->fw_table, sizeof(pf.table)) >=
	    sizeof(pf.table))
		return (fw_set_why("firewall pf: table \"%s\": a name has at "
		    "most %d bytes", conf->fw_table, PF_ABI_NAME_MAX - 1));
	/* The rest of the name is zero: strlcpy does not promise it. */
	memset(pf.table + strlen(pf.table), 0,
	    sizeof(pf.table) - strlen(pf.table));
	pf.fd = fd;
	pf.expect = -1;
	if (pf.buf == NULL &&
	    (pf.buf = calloc(PF_SLICE, (size_t)fw_pf_layouts[0].esize)) == NULL)
		return (fw_set_why("firewall pf: no memory"));
	switch (error = probe()) {
	case 0:
		break;
	case ESRCH:
		fw_set_why("firewall pf: there is no table <%s>: add "
		    "the line `table <%s> persist' to pf.conf and load it "
		    "with `pfctl -f /etc/pf.conf'", pf.table, pf.table);
		return (FW_GONE);
	case EPERM:
		return (fw_set_why("firewall pf: table <%s> cannot be "
		    "changed: remove `const' from its line in pf.conf",
		    pf.table));
	case EACCES:
	case EBADF:
		return (fw_set_why("firewall pf: /dev/pf is not open for "
		    "writing: start as root"));
	default:
		return (fw_set_why("firewall pf: /dev/pf is neither "
		    "OpenBSD's nor FreeBSD's PF (%s)", strerror(error)));
	}
	log_debug("pf: table <%s>, %s's layout", pf.table, pf.layout->name);
	return (FW_OK);
}

/* One call that returns no element; -1 also when the table is gone. */
static long
pf_count(void)
{
	struct pf_abi_ioc	io;

	/* No room for any: the kernel only says how many there are. */
	if (request(PF_ABI_GETADDRS, NULL, 0, &io) != 0)
		return (-1);
	return (io.size);
}

/* The count is cheap to ask.  Addresses that others exchanged one for one
 * are found by the next full comparison. */
static int
pf_intact(void)
{
	long	n;

	if ((n = pf_count()) == -1)
		return (-1);
	return (n == pf.expect);
}

/* One element that the kernel refuses; the log gets the first
 * PF_REFUSED_SAY of a call. */
static void
say_refused(struct fw_host *h, int error)
{
	char	buf[ADDR_STRLEN];

	h->refused = FW_REFUSED;
	if (pf.said++ < PF_REFUSED_SAY)
		log_warnx("pf: table <%s> refuses %s/%d: %s; it is left out",
		    pf.table, addr_str(&h->addr, buf), h->plen >= 96 &&
		    addr_is4(&h->addr) ? h->plen - 96 : h->plen,
		    strerror(error));
}

/*
 * The kernel takes all of a call or nothing.  What it refuses is cut in half
 * until the bad element stands alone.  ENOMEM is FreeBSD's, when others took
 * what was free a moment ago.
 */
static enum fw_result
change(unsigned long req, const char *what, struct fw_host *h, size_t n)
{
	struct pf_abi_ioc	io;
	enum fw_result		r;
	size_t			i;
	int			error;

	for (i = 0; i < n; i++)
		pf.layout->put(pf.buf + i * (size_t)pf.layout->esize,
		    &h[i].addr, h[i].plen, 0);
	error = request(req, pf.buf, n, &io);
	if (error == 0) {
		if (pf.expect != -1)
			pf.expect += io.nadd - io.ndel;
		return (FW_OK);
	}
	if (error != EINVAL && error != ENOMEM)
		return (failed(what, error));
	if (n > 1) {
		if ((r = change(req, what, h, n / 2)) != FW_OK)
			return (r);
		return (change(req, what, h + n / 2, n - n / 2));
	}
	if (error == ENOMEM && req == PF_ABI_ADDADDRS)
		h->refused = FW_NO_ROOM;
	else
		say_refused(h, error);
	return (FW_OK);
}

/*
 * OpenBSD's kernel does not refuse what is past the limit: it sleeps for good,
 * with PF locked, and it takes an entry for each element of a call before it
 * looks whether the table has it.  So no more is asked for than is free; what
 * is in the table already is left out then, and the rest is told FW_NO_ROOM.
 */
static enum fw_result
choose(struct fw_host *h, size_t n)
{
	struct fw_room	room;
	enum fw_result	r;
	size_t		i, left;

	if ((r = fw_pf_room(&room)) != FW_OK)
		return (r);
	if ((left = fw_room_free(&room)) >= n)
		return (FW_OK);
	for (i = 0; i < n; i++) {
		if (!h[i].in && left > 0)
			left--;
		else if (!h[i].in)
			h[i].refused = FW_NO_ROOM;
	}
	return (FW_FULL);
}

/*
 * Carries out a call in slices.  If there is no room for all (full), the runs
 * between elements that were left out are added, since they are asked for in
 * one request.
 */
static enum fw_result
change_all(unsigned long req, const char *what, struct fw_host *h, size_t n)
{
	enum fw_result	r = FW_OK;
	size_t		i, m;
	int		full = 0;

	pf.said = 0;
	if (req == PF_ABI_ADDADDRS) {
		if ((r = choose(h, n)) == FW_FULL)
			full = 1;
		else if (r != FW_OK)
			return (r);
		r = FW_OK;
	}
	for (i = 0; i < n && r == FW_OK; i += m) {
		for (m = 0; i + m < n && m < PF_SLICE && !(full &&
		    (h[i + m].in || h[i + m].refused)); m++)
			continue;
		if (m == 0)
			m = 1;		/* left out */
		else
			r = change(req, what, h + i, m);
	}
	if (pf.said > PF_REFUSED_SAY)
		log_warnx("pf: table <%s> refuses %u more addresses", pf.table,
		    pf.said - PF_REFUSED_SAY);
	return (r);
}

static enum fw_result
pf_add(struct fw_host *h, size_t n, int64_t now, int fresh)
{
	(void)now;	/* a table has no timeouts: store takes hosts back */
	(void)fresh;	/* adding a host twice is no error */
	return (change_all(PF_ABI_ADDADDRS, "add to", h, n));
}

static enum fw_result
pf_del(struct fw_host *h, size_t n)
{
	return (change_all(PF_ABI_DELADDRS, "delete from", h, n));
}

/* Somebody's "!address" would turn away what a network lets in. */
static void
drop_exception(const struct addr *a, uint8_t plen)
{
	struct pf_abi_ioc	io;

	pf.layout->put(pf.buf, a, plen, 1);
	if (request(PF_ABI_DELADDRS, pf.buf, 1, &io) == 0)
		pf.expect -= io.ndel;
}

/*
 * The table's size is asked first, then its elements, and again while it has
 * grown in between.  FreeBSD refuses more than net.pf.request_maxcount
 * elements with EINVAL: such a table cannot be read.
 */
static enum fw_result
pf_dump(fw_seen fn, void *arg)
{
	struct pf_abi_ioc	io;
	struct addr		a;
	uint8_t			plen, *all = NULL, *bigger;
	size_t			i, n, esize = (size_t)pf.layout->esize;
	int			error, not;

	if ((error = request(PF_ABI_GETADDRS, NULL, 0, &io)) != 0)
		return (failed("read", error));
	/* A sixteenth more: it may grow between the two calls. */
	do {
		n = (size_t)io.size + (size_t)io.size / 16 + 64;
		if ((bigger = reallocarray(all, n, esize)) == NULL) {
			free(all);
			return (failed("read", ENOMEM));
		}
		all = bigger;
		error = request(PF_ABI_GETADDRS, all, n, &io);
	} while (error == 0 && (size_t)io.size > n);
	if (error != 0) {
		free(all);
		if (error != EINVAL)
			return (failed("read", error));
		pf.expect = pf_count();
		log_debug("pf: table <%s> is too big to be read in one call",
		    pf.table);
		return (FW_BLIND);
	}
	pf.expect = io.size;
	for (i = 0; i < (size_t)io.size; i++) {
		if (pf.layout->get(all + i * esize, &a, &plen, &not) == -1)
			continue;
		if (not)
			drop_exception(&a, plen);
		else
			fn(&a, plen, -1, arg);
	}
	free(all);
	return (FW_OK);
}

struct find {
	const struct addr	*addr;
	int			 there;
};

static void
find_seen(const struct addr *a, uint8_t plen, int64_t left, void *arg)
{
	struct find	*f = arg;

	(void)left;
	f->there |= fw_covers(a, plen, f->addr);
}

/* Reads all of the table. */
static enum fw_result
pf_find(const struct addr *addr, int *there)
{
	struct find	f = { addr, 0 };
	enum fw_result	r = pf_dump(find_seen, &f);

	*there = f.there;
	return (r);
}

/*
 * After `pfctl -F all' the rules that name the table are loaded still, or
 * come back, and use one that is made here, with no reload.
 */
int
fw_pf_make(const char *table)
{
	struct pf_abi_table	t;
	struct pf_abi_ioc	io;
	int			rc;

	memset(&t, 0, sizeof(t));
	if (strlen(table) >= sizeof(t.name))
		return (ENAMETOOLONG);
	memcpy(t.name, table, strlen(table));
	t.flags = PF_ABI_PERSIST;
	memset(&io, 0, sizeof(io));
	io.buffer = &t;
	io.esize = (int32_t)sizeof(t);
	io.size = 1;
	do
		rc = ioctl(pf.fd, PF_ABI_ADDTABLES, &io);
	while (rc == -1 && errno == EINTR);
	return (rc == -1 ? errno : 0);
}

static enum fw_result
pf_revive(void)
{
	int	error;

	if ((error = fw_pf_make(pf.table)) != 0)
		return (failed("create", error));
	pf.expect = pf_count();
	log_warnx("pf: table <%s> was gone; created again", pf.table);
	return (FW_OK);
}

/* Exceptions ("!address") go too. */
static enum fw_result
pf_clear(void)
{
	struct pf_abi_ioc	io;
	int			error;

	if ((error = request(PF_ABI_CLRADDRS, NULL, 0, &io)) != 0)
		return (failed("clear", error));
	pf.expect = 0;
	return (FW_OK);
}

/* The descriptor is the caller's. */
static void
pf_close(void)
{
	free(pf.buf);
	pf.buf = NULL;
	free(pf.stats);
	pf.stats = NULL;
	pf.nstats = 0;
	pf.fd = -1;
}

const struct fw_driver fw_pf = {
	.name = "pf",
	.slice = PF_SLICE,
	.open = pf_open,
	.intact = pf_intact,
	.add = pf_add,
	.del = pf_del,
	.dump = pf_dump,
	.revive = pf_revive,
	.clear = pf_clear,
	.count = pf_count,
	.find = pf_find,
	.room = fw_pf_room,
	.tables = &fw_pf_tables,
	.close = pf_close
};
