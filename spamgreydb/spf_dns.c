/*
 * The DNS for spf_walk.c: one question after the other, through c-ares.  This
 * is the command's, which has nothing else to do meanwhile.
 */
#include <sys/types.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <netdb.h>

#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "spamgreydb.h"
#include "spf.h"

#define TRY_MS		2000	/* for one server, before the next is asked */
#define TRIES		2	/* (the second waits twice as long) */

#define CLASS_IN	1	/* RFC 1035 3.2.4, 3.2.2 */
#define TYPE_A		1
#define TYPE_MX		15
#define TYPE_TXT	16
#define TYPE_AAAA	28

struct reply {
	int		 done;
	int		 status;
	unsigned char	*msg;
	int		 len;
};

static void
answered(void *arg, int status, int timeouts, unsigned char *msg, int len)
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

static enum spf_found
found(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return (SPF_FOUND);
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return (SPF_VOID);
	default:
		return (SPF_NOBODY);
	}
}

static enum spf_found
ask(ares_channel channel, const char *name, int type, struct reply *r)
{
	struct timeval	 tv, *wait;
	fd_set		 in, out;
	int		 n;

	memset(r, 0, sizeof(*r));
	ares_query(channel, name, CLASS_IN, type, answered, r);
	while (!r->done) {
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
	if (r->status == ARES_SUCCESS && r->msg == NULL)
		return (SPF_NOBODY);
	return (found(r->status));
}

/* A TXT may come in several strings, which are one text (RFC 7208 3.3). */
static enum spf_found
dns_txt(void *arg, const char *name, char *record, size_t size, size_t *n)
{
	struct ares_txt_ext	*all = NULL, *t;
	struct reply		 r;
	enum spf_found		 rc;
	char			*text;
	size_t			 used = 0;

	*n = 0;
	rc = ask(arg, name, TYPE_TXT, &r);
	if (rc == SPF_FOUND)
		rc = found(ares_parse_txt_reply_ext(r.msg, r.len, &all));
	free(r.msg);
	if (rc != SPF_FOUND)
		return (rc);
	if ((text = malloc(size)) == NULL) {
		ares_free_data(all);
		return (SPF_NOBODY);
	}
	for (t = all; t != NULL; t = t->next) {
		if (t->record_start)
			used = 0;
		if (used < size && t->length < size - used &&
		    memchr(t->txt, '\0', t->length) == NULL) {
			memcpy(text + used, t->txt, t->length);
			used += t->length;
			text[used] = '\0';
		} else
			used = size;	/* it is none of ours */
		if ((t->next != NULL && !t->next->record_start) ||
		    used >= size || !spf_is_record(text))
			continue;
		if ((*n)++ == 0)
			memcpy(record, text, used + 1);
	}
	free(text);
	ares_free_data(all);
	return (SPF_FOUND);
}

static enum spf_found
dns_addrs(void *arg, const char *name, int v4, struct addr *a, size_t max,
    size_t *n)
{
	struct reply	 r;
	struct hostent	*h = NULL;
	char		**p;
	enum spf_found	 rc;
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	struct sockaddr_in6	sin6 = { .sin6_family = AF_INET6 };

	*n = 0;
	rc = ask(arg, name, v4 ? TYPE_A : TYPE_AAAA, &r);
	if (rc == SPF_FOUND)
		rc = found(v4 ?
		    ares_parse_a_reply(r.msg, r.len, &h, NULL, NULL) :
		    ares_parse_aaaa_reply(r.msg, r.len, &h, NULL, NULL));
	free(r.msg);
	if (rc != SPF_FOUND)
		return (rc);
	for (p = h->h_addr_list; *p != NULL; p++, (*n)++) {
		if (*n >= max)
			continue;
		if (v4) {
			memcpy(&sin.sin_addr, *p, sizeof(sin.sin_addr));
			(void)addr_from_sa((struct sockaddr *)&sin, &a[*n],
			    NULL);
		} else {
			memcpy(&sin6.sin6_addr, *p, sizeof(sin6.sin6_addr));
			(void)addr_from_sa((struct sockaddr *)&sin6, &a[*n],
			    NULL);
		}
	}
	ares_free_hostent(h);
	return (*n > 0 ? SPF_FOUND : SPF_VOID);
}

static enum spf_found
dns_mx(void *arg, const char *name, struct spf_name *names, size_t max,
    size_t *n)
{
	struct ares_mx_reply	*all = NULL, *m;
	struct reply		 r;
	enum spf_found		 rc;

	*n = 0;
	rc = ask(arg, name, TYPE_MX, &r);
	if (rc == SPF_FOUND)
		rc = found(ares_parse_mx_reply(r.msg, r.len, &all));
	free(r.msg);
	if (rc != SPF_FOUND)
		return (rc);
	for (m = all; m != NULL; m = m->next) {
		/* "." says that there is none (RFC 7505) */
		if (m->host[0] == '\0' || strlen(m->host) > SPF_DOMAIN_MAX)
			continue;
		if (*n < max)
			strlcpy(names[*n].name, m->host,
			    sizeof(names[*n].name));
		(*n)++;
	}
	ares_free_data(all);
	return (*n > 0 ? SPF_FOUND : SPF_VOID);
}

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
	    server != NULL ? ": " : "", ares_strerror(rc), rc == ARES_EBADSTR ?
	    " (a server is an address, as 192.0.2.53 or [2001:db8::1]:53)" : "");
	ares_library_cleanup();
	return (NULL);
}

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

void
spf_dns_free(struct spf_dns *dns)
{
	if (dns == NULL)
		return;
	ares_destroy(dns->arg);
	ares_library_cleanup();
	free(dns);
}
