/*
 * lib/dns with a server in the same event loop, which answers by the name.
 */
/* LIBS: -levent_core -lcares */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/clock.h"
#include "regress/lib/tap.h"

/* It asks for memory with malloc for what it keeps only. */
static size_t	kept;
#define malloc(n)	(kept += (n), malloc(n))
#include "lib/dns/dns.c"
#undef malloc

static struct event_base	*base;
static int			 sock;
static unsigned int		 served;
static in_port_t		 port_of[16];	/* by the name's first letter */

static const uint8_t soa[] = {	/* . SOA, TTL 300, minimum 20 */
	0, 0, 6, 0, 1, 0, 0, 1, 44, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
	0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20
};
static const uint8_t a_record[] = {
	0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 100, 0, 4, 127, 0, 0, 2
};
static const uint8_t a_other[] = {
	0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 4
};
static const uint8_t txt_record[] = {
	0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 100, 0, 7, 3, 'l', 'i', 's', 2, 't', 's'
};

/* The question is "KIND.test"; the answer is what KIND says. */
static void
serve(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in	 from;
	socklen_t		 len = sizeof(from);
	uint8_t			 m[600];
	ssize_t			 n;
	size_t			 end;
	char			 kind[64];

	(void)what;
	(void)arg;
	n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &len);
	if (n < 17)
		return;
	snprintf(kind, sizeof(kind), "%.*s", m[12], m + 13);
	served++;
	if (strncmp(kind, "port", 4) == 0)
		port_of[(kind[4] - 'a') & 15] = from.sin_port;
	end = (size_t)n;
	m[2] |= 0x80;
	m[3] = 0;
	m[10] = m[11] = 0;
	/* an EDNS record of the question is not sent back */
	for (end = 12; m[end] != 0; end += 1 + m[end])
		;
	end += 5;
#define ADD(x) (memcpy(m + end, x, sizeof(x)), end += sizeof(x))
	if (strcmp(kind, "found") == 0) {
		m[7] = 2;
		ADD(a_record);
		ADD(a_other);
	} else if (strcmp(kind, "text") == 0) {
		m[7] = 1;
		ADD(txt_record);
	} else if (strncmp(kind, "port", 4) == 0) {
		if (kind[4] < 'i')
			return;
		m[7] = 1;
		ADD(a_record);
	} else if (strcmp(kind, "none") == 0) {
		m[3] = 3;
		m[9] = 1;
		ADD(soa);
	} else if (strcmp(kind, "fail") == 0)
		m[3] = 2;
	else if (strcmp(kind, "wrongid") == 0)
		m[0] ^= 0xff;
	else if (strcmp(kind, "cut") == 0)
		m[7] = 1;
	else
		return;			/* silence */
	sendto(fd, m, end, 0, (struct sockaddr *)&from, len);
}

static struct dns_answer	got;
static unsigned int		answers;

static void
on_answer(const struct dns_answer *a, void *arg)
{
	(void)arg;
	got = *a;
	answers++;
	event_base_loopbreak(base);
}

static int
ask(const char *name, enum dns_type type, int64_t ms)
{
	unsigned int	before = answers;

	memset(&got, 0xff, sizeof(got));
	if (dns_ask(name, type, ms, on_answer, NULL) == NULL)
		return (-1);
	if (answers != before)
		return (-2);		/* from inside */
	event_base_dispatch(base);
	return (answers == before + 1 ? (int)got.status : -3);
}

static void
test_cache(void)
{
	unsigned int	before;

	is_int(ask("found.test", DNS_A, 5000), DNS_FOUND, "an answer");
	is_int(got.naddrs, 2, "both records");
	is_int(got.addrs[0].b[15], 2, "the first");
	is_int(got.addrs[1].b[15], 4, "the second");
	is_int(got.ttl, 60, "the least TTL");
	before = served;
	is_int(ask("FOUND.Test", DNS_A, 5000), DNS_FOUND, "again");
	is_int(served, before, "… from the cache, whatever the case");
	clock_fake_advance(59);
	ask("found.test", DNS_A, 5000);
	is_int(served, before, "… up to its TTL");
	clock_fake_advance(1);
	ask("found.test", DNS_A, 5000);
	is_int(served, before + 1, "… and no longer");
	is_int(ask("none.test", DNS_A, 5000), DNS_NOTHING, "no such name");
	is_int(got.ttl, 20, "for as long as the SOA says");
	before = served;
	clock_fake_advance(19);
	is_int(ask("none.test", DNS_A, 5000), DNS_NOTHING, "still none");
	is_int(served, before, "… from the cache");
	clock_fake_advance(1);
	ask("none.test", DNS_A, 5000);
	is_int(served, before + 1, "… and no longer");
	is_int(ask("text.test", DNS_TXT, 5000), DNS_FOUND, "TXT");
	is_str(got.text, "lists", "its strings in one");
	before = served;
	ask("text.test", DNS_A, 5000);
	is_int(served, before + 1, "another type is another question");
}

/* Asks for so many names with an address.  Returns how many have none. */
static unsigned int
ask_names(const char *kind, unsigned int n)
{
	char		name[40];
	unsigned int	i, bad = 0;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "found.%s%u.test", kind, i);
		bad += ask(name, DNS_A, 5000) != DNS_FOUND;
	}
	return (bad);
}

/* Nobody asks again for those whose time is over. */
static void
test_cache_sweep(void)
{
	is_int(ask_names("old", 1000), 0, "1,000 names");
	ok(dns.entries >= 1000, "their answers are kept");
	clock_fake_advance(60);
	is_int(ask_names("new", DNS_BUCKETS / DNS_SWEEP), 0,
	    "their time is over; as many others as go once around the table");
	is_int(dns.entries, DNS_BUCKETS / DNS_SWEEP, "only these are kept");
}

/* One answer more than the cache holds: the one that was used longest ago has
 * to go. */
static void
test_cache_max(void)
{
	unsigned int	before;

	kept = 0;
	is_int(ask_names("n", 20001), 0, "20,001 names");
	is_int(dns.entries, 20000, "20,000 answers are kept");
	ok(kept / 20001 < 192, "with less than 192 bytes each");
	before = served;
	ask("found.n20000.test", DNS_A, 5000);
	is_int(served, before, "the last one is known");
	ask("found.n0.test", DNS_A, 5000);
	is_int(served, before + 1, "the first one is not");
}

static void
test_failures(void)
{
	struct dns_query	*q;
	unsigned int		 before;

	is_int(ask("fail.test", DNS_A, 5000), DNS_FAILED, "SERVFAIL");
	before = served;
	ask("fail.test", DNS_A, 5000);
	is_int(served, before, "… is believed for a while");
	is_int(ask("silence.test", DNS_A, 50), DNS_FAILED, "silence");
	is_str(got.why, "timeout: no answer", "… ends at the deadline");
	is_int(ask("wrongid.test", DNS_A, 50), DNS_FAILED,
	    "an answer to another question is none");
	is_int(ask("cut.test", DNS_A, 5000), DNS_FAILED, "half an answer");
	ok(dns_ask("", DNS_A, 100, on_answer, NULL) == NULL, "no name");
	is_int(ask("a..b", DNS_A, 5000), -1, "a bad name");
	q = dns_ask("silence2.test", DNS_A, 60, on_answer, NULL);
	before = answers;
	dns_cancel(q);
	is_int(ask("silence3.test", DNS_A, 120), DNS_FAILED, "another");
	is_int(answers, before + 1, "one that was cancelled never answers");
}

static void
on_many(const struct dns_answer *a, void *arg)
{
	unsigned int	*left = arg;

	(void)a;
	if (--*left == 0)
		event_base_loopbreak(base);
}

/* A question from inside the answer to the one before. */
static void
on_chain(const struct dns_answer *a, void *arg)
{
	(void)a;
	if (arg == NULL)
		event_base_loopbreak(base);
	else if (dns_ask(arg, DNS_A, 5000, on_chain, NULL) == NULL)
		exit(1);
}

static void
test_ports(void)
{
	static char	 second[] = "portj.test";
	unsigned int	 i, k, left = 8, same = 0;
	char		 name[32];

	for (i = 0; i < 8; i++) {	/* nobody answers: all are open */
		snprintf(name, sizeof(name), "port%c.test", 'a' + (int)i);
		if (dns_ask(name, DNS_A, 500, on_many, &left) == NULL)
			exit(1);
	}
	event_base_dispatch(base);
	for (i = 0; i < 8; i++)
		for (k = 0; k < i; k++)
			same += port_of[i] == port_of[k];
	is_int(same, 0, "open questions have a port each");
	if (dns_ask("porti.test", DNS_A, 5000, on_chain, second) == NULL)
		exit(1);
	event_base_dispatch(base);
	ok(port_of[8] != 0 && port_of[9] != 0 && port_of[8] != port_of[9],
	    "one that is asked from inside an answer has another");
}

static void
test_reverse(void)
{
	struct addr	a;
	char		name[DNS_NAME_MAX + 1], small[10];

	addr_parse("192.0.2.99", &a);
	is_int(dns_reverse(&a, "bl.test", name, sizeof(name)), 0, "IPv4");
	is_str(name, "99.2.0.192.bl.test", "octets backwards");
	addr_parse("2001:db8:1:2:3:4:567:89ab", &a);
	dns_reverse(&a, "bl.test", name, sizeof(name));
	is_str(name, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0."
	    "1.0.0.2.bl.test", "IPv6: nibbles backwards, as RFC 5782 has it");
	is_int(dns_reverse(&a, "bl.test", small, sizeof(small)), -1,
	    "a buffer that is too small");
}

int
main(void)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	struct event		*ev;
	char			 servers[64];

	clock_fake(1700000000, 1000);
	base = event_base_new();
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(sock, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(sock, (struct sockaddr *)&sin, &len) == -1)
		return (1);
	ev = event_new(base, sock, EV_READ | EV_PERSIST, serve, NULL);
	event_add(ev, NULL);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(sin.sin_port));
	is_int(dns_init(base, servers), 0, "init");
	is_int(dns_servers("nonsense"), -1, "servers that are none");
	test_cache();
	test_failures();
	test_ports();
	test_reverse();
	served = 0;
	ask("found.test", DNS_A, 5000);
	is_int(dns_servers(servers), 0, "the same servers");
	ask("found.test", DNS_A, 5000);
	is_int(served, 0, "… keep what is known");
	snprintf(servers, sizeof(servers), "127.0.0.1:%u,127.0.0.1:%u",
	    ntohs(sin.sin_port), ntohs(sin.sin_port));
	is_int(dns_servers(servers), 0, "other servers");
	ask("found.test", DNS_A, 5000);
	is_int(served, 1, "… are asked");
	test_cache_sweep();
	test_cache_max();
	dns_free();
	event_free(ev);
	event_base_free(base);
	close(sock);
	return (done());
}
