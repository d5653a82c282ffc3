/*
 * The DNS for walk.c: one question after the other, through c-ares.  Waiting
 * blocks the program, which has nothing else to do.
 */
#include <sys/types.h>
#include <sys/select.h>

#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "lib/dns/msg.h"
#include "spamgreydb/spamgreydb.h"
#include "spamgreydb/spf/spf.h"

#define TRY_MS		2000	/* ms for one server, then the next is asked */
#define TRIES		2	/* the second one waits twice as long */

/* The answer to a question, once it is done. */
struct reply {
	int		 done;
	int		 status;		/* of c-ares */
	unsigned char	*msg;			/* allocated; NULL: no answer */
	int		 len;			/* bytes of msg */
};

/* Called by c-ares.  The message belongs to c-ares, so it is copied. */
static void
on_dns_answer(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct reply	*r = arg;

	(void)timeouts;
	r->done = 1;
	r->status = status;
	if (msg != NULL && len > 0 && (r->msg = malloc((size_t)len)) != NULL) {
		memcpy(r->msg, msg, (size_t)len);
		r->len = len;
	}
}

/*
 * Asks one question and waits; fn gets each record that answers it.  The answer
 * is read by lib/dns, which follows aliases within it.  A name that cannot
 * stand in a question has no answer.
 */
static enum spf_found
ask_dns(ares_channel channel, const char *name, enum dns_type type,
    dns_rr_fn fn, void *arg)
{
	struct dns_result	 result;
	struct dns_name		 check;
	struct reply		 r;
	struct timeval		 tv, *wait;
	fd_set			 in, out;
	int			 n;

	if (dns_name_from(&check, name) == -1)
		return (SPF_VOID);
	memset(&r, 0, sizeof(r));
	ares_query(channel, name, DNS_CLASS_IN, (int)type, on_dns_answer, &r);
	while (!r.done) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		n = ares_fds(channel, &in, &out);
		wait = ares_timeout(channel, NULL, &tv);
		if (select(n, &in, &out, NULL, wait) == -1) {
			FD_ZERO(&in);
			FD_ZERO(&out);
		}
		ares_process(channel, &in, &out);
	}
	if (r.msg == NULL)
		return (SPF_NOBODY);
	result = dns_walk(r.msg, (size_t)r.len, name, type, fn, arg);
	free(r.msg);
	return (result.status == DNS_FOUND ? SPF_FOUND :
	    result.status == DNS_NOTHING ? SPF_VOID : SPF_NOBODY);
}

/* Where take_txt puts what it finds. */
struct txt {
	char	*record;
	size_t	 size;
	size_t	*n;
	char	*text;			/* room for size */
};

/*
 * A TXT record may have several strings, which are one text (RFC 7208 3.3).
 * The first SPF record is kept, all of them are counted.  A record that is too
 * long is not kept and not counted.
 */
static int
take_txt(const struct dns_rr *rr, void *arg)
{
	struct txt	*t = arg;
	size_t		 len;

	if (dns_rr_txt(rr, t->text, t->size, &len) == -1)
		return (0);
	if (len < t->size && spf_is_record(t->text) && (*t->n)++ == 0)
		memcpy(t->record, t->text, len + 1);
	return (1);
}

/* The functions of struct spf_dns begin here; arg is the channel. */
static enum spf_found
dns_txt(void *arg, const char *name, char *record, size_t size, size_t *n)
{
	struct txt	t = { record, size, n, malloc(size) };
	enum spf_found	rc;

	*n = 0;
	if (t.text == NULL)
		return (SPF_NOBODY);
	rc = ask_dns(arg, name, DNS_TXT, take_txt, &t);
	free(t.text);
	return (rc);
}

/* Where take_dns_addr puts what it finds. */
struct addrs {
	enum dns_type	 type;
	struct addr	*a;
	size_t		 max, *n;
};

/* Counts all addresses, but keeps no more than there is room for. */
static int
take_dns_addr(const struct dns_rr *rr, void *arg)
{
	const struct addrs	*t = arg;
	struct addr		 a;

	if (dns_rr_addr(rr, t->type, &a) == -1)
		return (0);
	if (*t->n < t->max)
		t->a[*t->n] = a;
	(*t->n)++;
	return (1);
}

/* v4: asks for A, otherwise for AAAA. */
static enum spf_found
dns_addrs(void *arg, const char *name, int v4, struct addr *a, size_t max,
    size_t *n)
{
	struct addrs	t = { v4 ? DNS_A : DNS_AAAA, a, max, n };

	*n = 0;
	return (ask_dns(arg, name, t.type, take_dns_addr, &t));
}

/* Where take_mx puts what it finds. */
struct mxs {
	struct spf_name	*names;
	size_t		 max, *n;
};

/*
 * An MX of "." says that the domain gets no mail (RFC 7505), so it is not
 * counted.
 */
static int
take_mx(const struct dns_rr *rr, void *arg)
{
	const struct mxs	*t = arg;
	struct dns_name		 name;

	if (dns_rr_mx(rr, &name) == -1)
		return (0);
	if (name.wire[0] == 0)
		return (1);
	if (*t->n < t->max)
		dns_name_text(&name, t->names[*t->n].name,
		    sizeof(t->names[*t->n].name));
	(*t->n)++;
	return (1);
}

/* Only such an MX is the same as none. */
static enum spf_found
dns_mx(void *arg, const char *name, struct spf_name *names, size_t max,
    size_t *n)
{
	struct mxs	t = { names, max, n };
	enum spf_found	rc;

	*n = 0;
	rc = ask_dns(arg, name, DNS_MX, take_mx, &t);
	return (rc == SPF_FOUND && *n == 0 ? SPF_VOID : rc);
}

/*
 * Opens c-ares for the given server, or for those of the system.  NULL:
 * reported.
 */
static ares_channel
channel_new(const char *server)
{
	struct ares_options	 o;
	ares_channel		 channel;
	int			 rc;

	if ((rc = ares_library_init(ARES_LIB_INIT_ALL)) != ARES_SUCCESS) {
		out_error("spf: %s", ares_strerror(rc));
		return (NULL);
	}
	memset(&o, 0, sizeof(o));
	o.timeout = TRY_MS;
	o.tries = TRIES;
	o.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
	rc = ares_init_options(&channel, &o, ARES_OPT_TIMEOUTMS |
	    ARES_OPT_TRIES | ARES_OPT_FLAGS);
	if (rc == ARES_SUCCESS) {
		if (server == NULL || (rc = ares_set_servers_ports_csv(channel,
		    server)) == ARES_SUCCESS)
			return (channel);
		ares_destroy(channel);
	}
	out_error("spf: %s%s%s%s", server != NULL ? server : "",
	    server != NULL ? ": " : "", ares_strerror(rc),
	    rc == ARES_EBADSTR ? " (a server must be an address, for example "
				 "192.0.2.53 or [2001:db8::1]:53)" :
				 "");
	ares_library_cleanup();
	return (NULL);
}

/* The search list of the system is not used, since the names are complete. */
struct spf_dns *
spf_dns_new(const char *server)
{
	struct spf_dns	*dns;

	if ((dns = calloc(1, sizeof(*dns))) == NULL) {
		out_error("spf: out of memory");
		return (NULL);
	}
	if ((dns->arg = channel_new(server)) == NULL) {
		free(dns);
		return (NULL);
	}
	dns->txt = dns_txt;
	dns->addrs = dns_addrs;
	dns->mx = dns_mx;
	return (dns);
}

/* NULL is fine. */
void
spf_dns_free(struct spf_dns *dns)
{
	if (dns == NULL)
		return;
	ares_destroy(dns->arg);
	ares_library_cleanup();
	free(dns);
}
