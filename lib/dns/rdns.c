/*
 * The name of a host: its PTR, and then forward again.  The owner of an
 * address can write any name into the reverse zone, so only a valid hostname
 * gets out of here, and one that does not lead back to the address is reported
 * as forged.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/clock.h"
#include "lib/dns/rdns.h"

#define HOSTNAME_MAX	253
#define LABEL_MAX	63

struct rdns_query {
	struct dns_query	*dns;
	struct addr		 addr;
	int64_t			 until;		/* clock_mono */
	rdns_cb			 cb;
	void			*arg;
	char			 name[DNS_NAME_MAX + 1];
};

/* The words of ${client_resolve} in sendmail. */
const char *
rdns_status_str(enum rdns_status status)
{
	static const char *const names[] = { "OK", "FAIL", "FORGED", "TEMP" };

	return (status <= RDNS_TEMP ? names[status] : "TEMP");
}

/* One label of len octets: letters, digits, and "-" and "_" inside. */
static int
label_ok(const char *s, size_t len)
{
	size_t	i;

	if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
		return (0);
	for (i = 0; i < len; i++)
		if (!ascii_is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
			return (0);
	return (1);
}

/*
 * The last label must not be a number, or an address in dots would be a name.
 */
int
rdns_hostname(const char *text, char *dst)
{
	size_t		 len = strlen(text), n;
	const char	*label, *last = text;

	dst[0] = '\0';
	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > HOSTNAME_MAX)
		return (-1);
	for (label = text; label <= text + len; label += n + 1) {
		for (n = 0; label + n < text + len && label[n] != '.'; n++)
			;
		if (!label_ok(label, n))
			return (-1);
		last = label;
	}
	if (strspn(last, "0123456789") >= (size_t)(text + len - last))
		return (-1);
	memcpy(dst, text, len);
	dst[len] = '\0';
	return (0);
}

/* The callback may ask again, so the query is freed before it. */
static void
rdns_finish(struct rdns_query *q, enum rdns_status status)
{
	rdns_cb	 cb = q->cb;
	void	*arg = q->arg;
	char	 name[DNS_NAME_MAX + 1];

	memcpy(name, q->name, sizeof(name));
	free(q);
	cb(status, name, arg);
}

/* Is the address among those of the name? */
static void
rdns_forward(const struct dns_answer *a, void *arg)
{
	struct rdns_query	*q = arg;
	unsigned int		 i;

	q->dns = NULL;
	for (i = 0; i < a->naddrs; i++)
		if (addr_cmp(&a->addrs[i], &q->addr) == 0)
			break;
	rdns_finish(q, i < a->naddrs ? RDNS_OK : a->status == DNS_FAILED ?
	    RDNS_TEMP : RDNS_FORGED);
}

/* The PTR has come; what is left of the time is for the way forward. */
static void
rdns_reverse(const struct dns_answer *a, void *arg)
{
	struct rdns_query	*q = arg;
	int64_t			 left = q->until - clock_mono();

	q->dns = NULL;
	if (a->status == DNS_FAILED)
		rdns_finish(q, RDNS_TEMP);
	else if (a->status != DNS_FOUND ||
	    rdns_hostname(a->text, q->name) == -1)
		rdns_finish(q, RDNS_FAIL);
	else if ((q->dns = dns_ask(q->name, addr_is4(&q->addr) ? DNS_A :
	    DNS_AAAA, left > 0 ? left : 0, rdns_forward, q)) == NULL)
		rdns_finish(q, RDNS_TEMP);
}

/* The way back may use up the time; the way forward then fails at once. */
struct rdns_query *
rdns_ask(const struct addr *a, int64_t ms, rdns_cb cb, void *arg)
{
	struct rdns_query	*q;
	char			 name[DNS_NAME_MAX + 1];

	if (dns_reverse(a, addr_is4(a) ? "in-addr.arpa" : "ip6.arpa", name,
	    sizeof(name)) == -1 || (q = calloc(1, sizeof(*q))) == NULL)
		return (NULL);
	q->addr = *a;
	q->until = clock_mono() + ms;
	q->cb = cb;
	q->arg = arg;
	if ((q->dns = dns_ask(name, DNS_PTR, ms, rdns_reverse, q)) == NULL) {
		free(q);
		return (NULL);
	}
	return (q);
}

/* The question to the DNS is cancelled too. */
void
rdns_cancel(struct rdns_query *q)
{
	if (q == NULL)
		return;
	dns_cancel(q->dns);
	free(q);
}
