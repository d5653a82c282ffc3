/*
 * list --pools: senders whose mail keeps coming from new networks, each of
 * which has to wait again.  Their domains are candidates for `spf' and a
 * whitelist.
 *
 * A mail stands for a pair of sender and recipient.  A mail that was tried from
 * NETWORKS_LEAST networks or more counts, and a domain with such mails is a
 * pool.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/domain.h"
#include "lib/smtp/mailaddr.h"
#include "lib/base/siphash.h"
#include "spamgreydb/spamgreydb.h"

#define NETWORKS_LEAST	3	/* networks of a mail, unless --networks says
				   another number */

/* A tuple: one attempt to deliver one mail from one network. */
struct try {
	char		*domain;	/* of the sender; allocated */
	uint64_t	 mail;		/* sender and recipient, normalised */
	struct addr	 net;
	int64_t		 first, last;	/* seconds since 1970 */
};

/* All tuples, in a growing array. */
struct pools {
	struct try	*v;
	size_t		 n, size;
};

/* A domain whose mails came from many networks. */
struct pool {
	const char	*domain;
	size_t		 networks;	/* of those mails, each once */
	size_t		 mails;		/* that came from many */
	int64_t		 first, last;
};

/*
 * Returns a hash of sender and recipient, which stands for the mail.  The key
 * is constant: the hash is compared only within this run.
 */
static uint64_t
mail_of(const struct entry *e)
{
	static const uint8_t	key[16];
	char			buf[2 * MAILADDR_MAX];
	size_t			n;

	if (mailaddr_normalise_sender(e->from, buf, MAILADDR_MAX) == -1)
		buf[0] = '\0';
	n = strlen(buf) + 1;
	if (mailaddr_rcpt(e->to, buf + n, MAILADDR_MAX) == -1)
		buf[n] = '\0';
	return (siphash24(key, buf, n + strlen(buf + n)));
}

/* Keeps one tuple of the answer.  0, or -1: no memory, reported. */
static int
collect_try(const struct entry *e, void *arg)
{
	struct pools	*p = arg;
	struct try	*t;
	const char	*domain;
	char		*copy, folded[MAILADDR_MAX];
	size_t		 len, size;

	if (e->type != ENTRY_GREY ||
	    (domain = mailaddr_domain(e->from, &len)) == NULL || len == 0)
		return (0);		/* a bounce has no domain */
	if (p->n == p->size) {
		size = p->size == 0 ? 1024 : p->size * 2;
		if ((t = reallocarray(p->v, size, sizeof(*t))) == NULL)
			goto fail;
		p->v = t;
		p->size = size;
	}
	if (domain_fold(domain, len, folded, sizeof(folded)) == -1)
		return (0);
	if ((copy = strdup(folded)) == NULL)
		goto fail;
	t = &p->v[p->n++];
	t->domain = copy;
	t->mail = mail_of(e);
	t->net = e->net;
	t->first = e->first;
	/* `pass' is the expiry while no retry has passed. */
	t->last = e->pass < e->expire ? e->pass : e->first;
	return (0);
fail:
	out_error("no memory");
	return (-1);
}

/*
 * The order for qsort(3): by domain, then mail, then network, so that the tries
 * of a domain and of a mail are neighbours.
 */
static int
by_mail(const void *pa, const void *pb)
{
	const struct try	*a = pa, *b = pb;
	int			 r;

	if ((r = strcmp(a->domain, b->domain)) != 0)
		return (r);
	if (a->mail != b->mail)
		return (a->mail < b->mail ? -1 : 1);
	return (addr_cmp(&a->net, &b->net));
}

/* Both are struct addr. */
static int
by_net(const void *a, const void *b)
{
	return (addr_cmp(a, b));
}

/*
 * Sums up the tries of one domain, v[0] to v[n - 1].  Only mails that came from
 * at least `least' networks count; a network of several mails counts once.  0,
 * or -1: no memory, reported.
 */
static int
pool_of(const struct try *v, size_t n, size_t least, struct pool *pool)
{
	struct addr	*nets;
	size_t		 i, j, k, found, all = 0;

	memset(pool, 0, sizeof(*pool));
	pool->domain = v[0].domain;
	if ((nets = calloc(n, sizeof(*nets))) == NULL) {
		out_error("no memory");
		return (-1);
	}
	for (i = 0; i < n; i = j) {
		found = 0;
		for (j = i; j < n && v[j].mail == v[i].mail; j++)
			if (j == i || addr_cmp(&v[j].net, &v[j - 1].net) != 0)
				nets[all + found++] = v[j].net;
		if (found < least)
			continue;
		all += found;
		pool->mails++;
		for (k = i; k < j; k++) {
			if (pool->first == 0 || v[k].first < pool->first)
				pool->first = v[k].first;
			if (v[k].last > pool->last)
				pool->last = v[k].last;
		}
	}
	qsort(nets, all, sizeof(*nets), by_net);
	for (i = 0; i < all; i++)
		if (i == 0 || addr_cmp(&nets[i], &nets[i - 1]) != 0)
			pool->networks++;
	free(nets);
	return (0);
}

/* The order for qsort(3): the most networks first, then by name. */
static int
by_size(const void *pa, const void *pb)
{
	const struct pool	*a = pa, *b = pb;

	if (a->networks != b->networks)
		return (a->networks > b->networks ? -1 : 1);
	return (strcmp(a->domain, b->domain));
}

/* Finds the pools and prints them, the largest first.  0, or -1: reported. */
static int
print_pools(struct pools *p, const struct args *args)
{
	struct pool	*pools;
	size_t		 i, j, n = 0;
	size_t		 least = args->networks != 0 ? args->networks :
			    NETWORKS_LEAST;
	int		 r = 0;

	if (p->n > 0)
		qsort(p->v, p->n, sizeof(*p->v), by_mail);
	if ((pools = calloc(p->n + 1, sizeof(*pools))) == NULL) {
		out_error("no memory");
		return (-1);
	}
	for (i = 0; i < p->n && r == 0; i = j) {
		for (j = i; j < p->n && strcmp(p->v[j].domain,
		    p->v[i].domain) == 0; j++)
			;
		r = pool_of(p->v + i, j - i, least, &pools[n]);
		if (pools[n].mails > 0)
			n++;
	}
	if (r == 0) {
		qsort(pools, n, sizeof(*pools), by_size);
		for (i = 0; i < n && r == 0; i++)
			r = out_pool(pools[i].domain, pools[i].networks,
			    pools[i].mails, pools[i].first, pools[i].last,
			    args->json);
	}
	free(pools);
	return (r);
}

/*
 * All GREY entries are read and kept, since a domain is known as a pool only
 * when all of its tuples are known.
 */
int
cmd_pools(struct conn *c, const struct args *args)
{
	struct pools	 p = { NULL, 0, 0 };
	struct answer	 a;
	struct ctl_list	 req;
	size_t		 i;
	int		 status = 1;

	memset(&a, 0, sizeof(a));
	memset(&req, 0, sizeof(req));
	req.types = CTL_T_GREY;
	req.within = args->within;
	a.entry = collect_try;
	a.arg = &p;
	if (proto_put_list(conn_ipc(c), 1, &req) == -1 ||
	    conn_send(c) == -1 || request_wait(c, &a) == -1)
		goto end;
	if (a.status != CTL_OK)
		out_error("%s", a.text);
	else if (print_pools(&p, args) == 0)
		status = 0;
end:
	for (i = 0; i < p.n; i++)
		free(p.v[i].domain);
	free(p.v);
	return (status);
}
