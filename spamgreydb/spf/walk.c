/*
 * Follows a domain's SPF record, its includes and redirects, to the networks
 * that it allows.  SPF decides by the first term that matches an address, so
 * what an earlier term refused is not allowed by a later one.
 *
 * Functions return 0, or -1 after walk_fail: then the whole result cannot be
 * used.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/addrset/addrset.h"
#include "spamgreydb/spf/spf.h"

/* A growing array; its size is the next power of two.  Freed by its owner. */
struct nets {
	struct prefix	*v;
	size_t		 n;
};

/* The whole walk; the counts are those of RFC 7208 4.6.4. */
struct walk {
	const struct spf_dns	*dns;
	struct spf_result	*result;
	unsigned int		 lookups;
	unsigned int		 voids;
};

/* One record while its terms are followed. */
struct spf_record {
	struct walk		*walk;
	const char		*domain;
	struct addrset_build	*seen;		/* addresses of earlier terms */
	struct nets		 allowed;	/* those that are allowed */
	int			 all;		/* it ends in `all' */
	int			 all_pass;	/* as +all: every address */
};

static int follow_record(struct walk *, const char *, struct nets *, int *);

static int	 walk_fail(struct walk *, const char *, const char *, ...)
		    __attribute__((__format__(printf, 3, 4)));

/* Sets the error, which begins with the domain.  Returns -1 for its caller. */
static int
walk_fail(struct walk *w, const char *domain, const char *fmt, ...)
{
	va_list	ap;
	char	text[320];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(w->result->error, sizeof(w->result->error), "%s: %s", domain,
	    text);
	return (-1);
}

static int
no_memory(struct walk *w)
{
	return (walk_fail(w, "spf", "out of memory"));
}

/*
 * Notes a term that depends on the client or the message, so that it has no
 * networks.
 */
static int
add_note(struct spf_record *r, const char *what, const char *value)
{
	struct spf_result	*result = r->walk->result;
	char			**p;

	if ((p = reallocarray(result->notes, result->nnotes + 1,
	    sizeof(*p))) == NULL)
		return (no_memory(r->walk));
	result->notes = p;
	if (asprintf(&p[result->nnotes], "%s: %s%s%s needs a client or a "
	    "message to be expanded; left out", r->domain, what,
	    *value != '\0' ? ":" : "", value) == -1)
		return (no_memory(r->walk));
	result->nnotes++;
	return (0);
}

/*
 * Appends a network.  It is also the callback of addrset_each.  -1: no memory.
 */
static int
spf_nets_add(const struct prefix *p, void *arg)
{
	struct nets	*to = arg;
	struct prefix	*v;

	if ((to->n & (to->n - 1)) == 0) {
		if ((v = reallocarray(to->v, to->n == 0 ? 1 : to->n * 2,
		    sizeof(*v))) == NULL)
			return (-1);
		to->v = v;
	}
	to->v[to->n++] = *p;
	return (0);
}

/*
 * Appends each network of a set that is being made, sorted and merged.  A set
 * can be read only after it was written, so that a temporary file is used.
 */
static int
build_each(struct addrset_build *b, struct nets *to)
{
	struct addrset	*set = NULL;
	FILE		*fp;
	int		 rc = -1;

	if ((fp = tmpfile()) == NULL)
		return (-1);
	if (addrset_write(fileno(fp), &b, 1) == 0 &&
	    (set = addrset_map(fileno(fp))) != NULL)
		rc = addrset_each(set, 0, spf_nets_add, to);
	addrset_unmap(set);
	fclose(fp);
	return (rc);
}

/*
 * These networks match a term.  It decides about those addresses that no
 * earlier term has matched; pass: it allows them.
 */
static int
decide(struct spf_record *r, const struct nets *nets, int pass)
{
	struct addrset_build	*b = NULL;
	size_t			 i;
	int			 rc = -1;

	if (pass) {
		if ((b = addrset_build_new()) == NULL)
			return (no_memory(r->walk));
		for (i = 0; i < nets->n; i++)
			if (addrset_build_add(b, &nets->v[i]) == -1)
				goto end;
		if (addrset_build_subtract(b, r->seen) == -1 ||
		    build_each(b, &r->allowed) == -1)
			goto end;
	}
	for (i = 0; i < nets->n; i++)
		if (addrset_build_add(r->seen, &nets->v[i]) == -1)
			goto end;
	rc = 0;
end:
	addrset_build_free(b);
	return (rc == 0 ? 0 : no_memory(r->walk));
}

/* Checks what became of a question, and counts one without an answer. */
static int
count_void(struct spf_record *r, const char *name, enum spf_found found)
{
	if (found == SPF_NOBODY)
		return (walk_fail(r->walk, r->domain,
		    "%s: no name server answers; try again later", name));
	if (found == SPF_VOID && ++r->walk->voids > SPF_VOID_MAX)
		return (walk_fail(r->walk, r->domain,
		    "%s: the third name without an answer (RFC 7208 4.6.4)",
		    name));
	return (0);
}

/* Counts a term that asks the DNS. */
static int
may_ask(struct spf_record *r)
{
	if (++r->walk->lookups > SPF_LOOKUPS_MAX)
		return (walk_fail(r->walk, r->domain,
		    "more than %d terms that ask the DNS (RFC 7208 4.6.4)",
		    SPF_LOOKUPS_MAX));
	return (0);
}

/*
 * Adds the addresses of a name, IPv4 and IPv6, each cut to the length that the
 * term gives.  *best: SPF_NOBODY if one of the two questions got no answer from
 * any server, else whether there are addresses.
 */
static int
name_nets(struct spf_record *r, const char *name, const struct addr_cut *cut,
    struct nets *to, enum spf_found *best)
{
	const struct spf_dns	*dns = r->walk->dns;
	struct addr		 a[SPF_ADDRS_MAX];
	struct prefix		 p;
	enum spf_found		 found;
	size_t			 i, n;
	int			 v4;

	*best = SPF_VOID;
	for (v4 = 1; v4 >= 0; v4--) {
		n = 0;
		found = dns->addrs(dns->arg, name, v4, a, SPF_ADDRS_MAX, &n);
		if (found == SPF_NOBODY)
			*best = SPF_NOBODY;
		if (found != SPF_FOUND)
			continue;
		if (*best == SPF_VOID)
			*best = SPF_FOUND;
		if (n > SPF_ADDRS_MAX)
			return (walk_fail(r->walk, r->domain,
			    "%s: more than %d addresses", name, SPF_ADDRS_MAX));
		for (i = 0; i < n; i++) {
			p.addr = a[i];
			p.len = (uint8_t)addr_cut_len(&a[i], cut);
			addr_mask(&p.addr, p.len);
			if (spf_nets_add(&p, to) == -1)
				return (no_memory(r->walk));
		}
	}
	return (0);
}

/* The term a: the addresses of a name. */
static int
term_a(struct spf_record *r, const char *name, const struct spf_term *t,
    struct nets *to)
{
	enum spf_found	found;

	if (name_nets(r, name, &t->cut, to, &found) == -1)
		return (-1);
	return (count_void(r, name, found));
}

/*
 * The term mx: the addresses of the mail exchangers of a name.  An exchanger
 * without an address is left out.
 */
static int
term_mx(struct spf_record *r, const char *name, const struct spf_term *t,
    struct nets *to)
{
	const struct spf_dns	*dns = r->walk->dns;
	struct spf_name		*names;
	enum spf_found		 found;
	size_t			 i, n = 0;
	int			 rc = -1;

	if ((names = calloc(SPF_NAMES_MAX, sizeof(*names))) == NULL)
		return (no_memory(r->walk));
	found = dns->mx(dns->arg, name, names, SPF_NAMES_MAX, &n);
	if (count_void(r, name, found) == -1)
		goto end;
	if (found == SPF_FOUND && n > SPF_NAMES_MAX) {
		(void)walk_fail(r->walk, r->domain, "%s: more than %d mail "
		    "exchangers (RFC 7208 4.6.4)", name, SPF_NAMES_MAX);
		goto end;
	}
	for (i = 0; found == SPF_FOUND && i < n; i++) {
		enum spf_found	one;

		if (name_nets(r, names[i].name, &t->cut, to, &one) == -1)
			goto end;
		if (one == SPF_NOBODY &&
		    count_void(r, names[i].name, one) == -1)
			goto end;
	}
	rc = 0;
end:
	free(names);
	return (rc);
}

/*
 * Adds the networks of a term; for an include those of the domain that it
 * names.
 */
static int
term_nets(struct spf_record *r, const struct spf_term *t, struct nets *to)
{
	const char	*name = t->domain[0] != '\0' ? t->domain : r->domain;
	int		 all = 0;

	switch (t->mechanism) {
	case SPF_IP:
		return (
		    spf_nets_add(&t->net, to) == -1 ? no_memory(r->walk) : 0);
	case SPF_A:
		return (may_ask(r) == -1 ? -1 : term_a(r, name, t, to));
	case SPF_MX:
		return (may_ask(r) == -1 ? -1 : term_mx(r, name, t, to));
	default:	/* include */
		if (may_ask(r) == -1 ||
		    follow_record(r->walk, name, to, &all) == -1)
			return (-1);
		if (all && t->pass)
			return (walk_fail(r->walk, r->domain,
			    "include:%s allows every address there is", name));
		return (0);
	}
}

/*
 * Follows one term.  Returns 1 when the record ends here, 0, or -1.  A redirect
 * is only kept, for record_walk.
 */
static int
term(struct spf_record *r, const struct spf_term *t, char *redirect)
{
	struct nets	nets = { NULL, 0 };
	int		rc;

	if (t->mechanism == SPF_ALL) {
		r->all = 1;
		r->all_pass = t->pass;
		return (1);
	}
	if (t->mechanism == SPF_EXISTS || t->mechanism == SPF_PTR ||
	    t->macro) {
		if (t->mechanism != SPF_REDIRECT && may_ask(r) == -1)
			return (-1);
		return (
		    add_note(r, spf_mechanism_str(t->mechanism), t->domain));
	}
	if (t->mechanism == SPF_REDIRECT) {
		memcpy(redirect, t->domain, sizeof(t->domain));
		return (0);
	}
	if ((rc = term_nets(r, t, &nets)) == 0)
		rc = decide(r, &nets, t->pass);
	free(nets.v);
	return (rc);
}

/* Follows the terms in order, then the redirect. */
static int
record_walk(struct spf_record *r, const char *text)
{
	struct spf_reader	 reader;
	struct spf_term	 t;
	struct nets	 nets = { NULL, 0 };
	const char	*why = "";
	char		 redirect[SPF_DOMAIN_MAX + 1] = "";
	int		 rc, end = 0;

	/* A record with an error is not followed at all (RFC 7208 4.6). */
	if (spf_check(text, &why) == -1)
		return (walk_fail(r->walk, r->domain, "its SPF record has %s",
		    why));
	/* A redirect counts wherever it stands, but only without an `all'. */
	spf_start(&reader, text);
	while ((rc = spf_next(&reader, &t, &why)) == 1)
		if (!end && (end = term(r, &t, redirect)) == -1)
			return (-1);
	if (rc == -1)
		return (walk_fail(r->walk, r->domain, "its SPF record has %s",
		    why));
	if (r->all || redirect[0] == '\0')
		return (0);
	rc = may_ask(r);
	if (rc == 0)
		rc = follow_record(r->walk, redirect, &nets, &r->all_pass);
	if (rc == 0)
		rc = decide(r, &nets, 1);
	free(nets.v);
	return (rc);
}

/*
 * Adds to *to the networks that a domain allows; *all: it allows every address.
 * It calls itself for includes and redirects, whose number may_ask limits.
 */
static int
follow_record(struct walk *w, const char *domain, struct nets *to, int *all)
{
	struct spf_record	r;
	char		*text;
	enum spf_found	 found;
	size_t		 n = 0, i;
	int		 rc = -1;

	memset(&r, 0, sizeof(r));
	r.walk = w;
	r.domain = domain;
	if ((text = malloc(SPF_RECORD_MAX + 1)) == NULL ||
	    (r.seen = addrset_build_new()) == NULL) {
		free(text);
		return (no_memory(w));
	}
	found = w->dns->txt(w->dns->arg, domain, text, SPF_RECORD_MAX + 1, &n);
	if (found == SPF_NOBODY)
		(void)walk_fail(w, domain, "no name server answers; try again "
		    "later");
	else if (found == SPF_VOID || n == 0)
		(void)walk_fail(w, domain, "has no SPF record");
	else if (n > 1)
		(void)walk_fail(w, domain, "has %zu SPF records; one is "
		    "allowed", n);
	else
		rc = record_walk(&r, text);
	for (i = 0; rc == 0 && i < r.allowed.n; i++)
		if (spf_nets_add(&r.allowed.v[i], to) == -1)
			rc = no_memory(w);
	*all = r.all_pass;
	free(r.allowed.v);
	free(text);
	addrset_build_free(r.seen);
	return (rc);
}

/*
 * Says whether it is more than a list of hosts to pass can mean.  IPv4 is
 * counted in addresses, IPv6 in /64s.
 */
static int
too_wide(const struct nets *nets)
{
	uint64_t	ip4 = 0, ip6 = 0;
	size_t		i;

	for (i = 0; i < nets->n; i++) {
		const struct prefix	*p = &nets->v[i];

		if (p->len >= 96 && addr_is4(&p->addr))
			ip4 += UINT64_C(1) << (128 - p->len);
		else if (p->len < SPF_WIDTH_IP6)
			return (1);
		else
			ip6 += p->len >= 64 ? 1 : UINT64_C(1) << (64 - p->len);
	}
	return (ip4 > UINT64_C(1) << (32 - SPF_WIDTH_IP4) ||
	    ip6 > UINT64_C(1) << (64 - SPF_WIDTH_IP6));
}

/*
 * The networks of all records together are sorted and merged at the end, so
 * that a network that two includes allow is printed once.
 */
int
spf_walk(const struct spf_dns *dns, const char *domain,
    struct spf_result *result)
{
	struct walk		 w = { dns, result, 0, 0 };
	struct nets		 nets = { NULL, 0 }, folded = { NULL, 0 };
	struct addrset_build	*b = NULL;
	size_t			 i;
	int			 rc, all = 0;

	memset(result, 0, sizeof(*result));
	rc = follow_record(&w, domain, &nets, &all);
	if (rc == 0 && all)
		rc = walk_fail(&w, domain, "allows every address there is "
		    "(+all)");
	if (rc == 0 && (b = addrset_build_new()) == NULL)
		rc = no_memory(&w);
	for (i = 0; rc == 0 && i < nets.n; i++)
		if (addrset_build_add(b, &nets.v[i]) == -1)
			rc = no_memory(&w);
	if (rc == 0 && build_each(b, &folded) == -1)
		rc = no_memory(&w);
	if (rc == 0 && too_wide(&folded))
		rc = walk_fail(&w, domain,
		    "allows more than a /%d of IPv4 or a /%d of IPv6 in all",
		    SPF_WIDTH_IP4, SPF_WIDTH_IP6);
	result->nets = folded.v;
	result->nnets = folded.n;
	free(nets.v);
	addrset_build_free(b);
	return (rc);
}

/* The result can be used again afterwards. */
void
spf_result_free(struct spf_result *r)
{
	size_t	i;

	for (i = 0; i < r->nnotes; i++)
		free(r->notes[i]);
	free(r->notes);
	free(r->nets);
	memset(r, 0, sizeof(*r));
}
