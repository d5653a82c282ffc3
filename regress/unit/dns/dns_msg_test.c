/* LIBS: -levent_core -lcares */
/*
 * What a DNS message answers to a question: owner, type, class and question are
 * compared, and aliases are followed.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "regress/lib/tap.h"

#define CNAME	5
#define SOA	6
#define DNAME	39

static uint8_t	msg[65535];
static size_t	len;

static void
put(const void *p, size_t n)
{
	if (n > sizeof(msg) - len)
		abort();
	memcpy(msg + len, p, n);
	len += n;
}

static void
put16(unsigned int n)
{
	uint8_t	b[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	put(b, 2);
}

static void
put_name(const char *text)
{
	uint8_t	n;

	while (*text != '\0') {
		n = (uint8_t)strcspn(text, ".");
		put(&n, 1);
		put(text, n);
		text += n + (text[n] == '.');
	}
	put("", 1);
}

static void
begin(const char *name, unsigned int type)
{
	static const uint8_t	head[12] = { 1, 2, 0x81, 0x80, 0, 1 };

	len = 0;
	put(head, sizeof(head));
	put_name(name);
	put16(type);
	put16(1);
}

static void
record(const char *owner, unsigned int type, unsigned int class,
    unsigned int ttl, const void *data, size_t n)
{
	put_name(owner);
	put16(type);
	put16(class);
	put16(0);
	put16(ttl);
	put16((unsigned int)n);
	put(data, n);
	if (++msg[7] == 0)
		msg[6]++;
}

static void
a_record(const char *owner, unsigned int last)
{
	uint8_t	q[4] = { 127, 0, 0, (uint8_t)last };

	record(owner, 1, 1, 300, q, 4);
}

static void
named(const char *owner, unsigned int type, unsigned int ttl,
    const char *target)
{
	size_t	at;

	record(owner, type, 1, ttl, "", 0);
	at = len;
	put_name(target);
	msg[at - 2] = (uint8_t)((len - at) >> 8);
	msg[at - 1] = (uint8_t)(len - at);
}

/* "found 127.0.0.2 127.0.0.4", "nothing", or why it failed. */
static const char *
parsed(const char *name, enum dns_type type)
{
	static char		text[1500];
	char			ip[ADDR_STRLEN];
	struct dns_answer	a;
	unsigned int		i;

	dns_parse(msg, len, name, type, &a);
	if (a.status != DNS_FOUND)
		return (a.status == DNS_NOTHING ? "nothing" : a.why);
	strlcpy(text, "found", sizeof(text));
	for (i = 0; i < a.naddrs; i++) {
		strlcat(text, " ", sizeof(text));
		strlcat(text, addr_str(&a.addrs[i], ip), sizeof(text));
	}
	if (a.text[0] != '\0') {
		strlcat(text, " ", sizeof(text));
		strlcat(text, a.text, sizeof(text));
	}
	return (text);
}

static void
test_owner(void)
{
	static const uint8_t	bad[4] = { 127, 0, 0, 9 };

	begin("host.test", DNS_A);
	a_record("HOST.Test", 2);
	a_record("host.test", 3);
	is_str(parsed("Host.test", DNS_A), "found 127.0.0.2 127.0.0.3",
	    "its own records, in any case");
	is_str(parsed("host.test.", DNS_A), "found 127.0.0.2 127.0.0.3",
	    "a dot at the end of the name is nothing");
	begin("host.test", DNS_A);
	a_record("other.test", 2);
	is_str(parsed("host.test", DNS_A), "nothing",
	    "a record of another owner does not count");
	a_record("host.test", 3);
	is_str(parsed("host.test", DNS_A), "found 127.0.0.3",
	    "… beside one that does");
	begin("host.test", DNS_A);
	a_record("a.host.test", 2);
	a_record("test", 3);
	a_record("", 4);
	is_str(parsed("host.test", DNS_A), "nothing",
	    "nor do those of a name below or above");
	begin("host.test", DNS_A);
	record("host.test", 1, 3, 300, bad, 4);
	is_str(parsed("host.test", DNS_A), "nothing",
	    "a record of another class does not count");
	record("host.test", 28, 1, 300, "0123456789abcdef", 16);
	is_str(parsed("host.test", DNS_A), "nothing", "nor of another type");
	record("host.test", 1, 1, 300, "12345", 5);
	is_str(parsed("host.test", DNS_A), "nothing", "nor of another length");
}

static void
test_question(void)
{
	static const char	other[] = "answers a different question";

	begin("host.test", DNS_A);
	a_record("host.test", 2);
	is_str(parsed("host2.test", DNS_A), other, "another name was asked");
	is_str(parsed("host.test", DNS_AAAA), other, "another type was asked");
	begin("host.test", DNS_A);
	msg[len - 1] = 3;
	a_record("host.test", 2);
	is_str(parsed("host.test", DNS_A), other, "another class was asked");
	begin("host.test", DNS_A);
	msg[5] = 0;
	is_str(parsed("host.test", DNS_A), "malformed answer", "no question");
	begin("host.test", DNS_A);
	msg[5] = 2;
	put_name("host.test");
	put16(1);
	put16(1);
	a_record("host.test", 2);
	is_str(parsed("host.test", DNS_A), "malformed answer",
	    "two questions");
	begin("host.test", DNS_A);
	a_record("host.test", 2);
	msg[2] = 1;
	is_str(parsed("host.test", DNS_A), "not an answer", "a question");
	msg[2] = 0xa9;
	is_str(parsed("host.test", DNS_A), "not an answer",
	    "an answer of another operation");
}

/* n aliases from host.test, the last with an address. */
static void
chain(unsigned int n, int backwards)
{
	char		from[32], to[32];
	unsigned int	i, k;

	begin("n0.test", DNS_A);
	if (backwards) {
		snprintf(to, sizeof(to), "n%u.test", n);
		a_record(to, 7);
	}
	for (i = 0; i < n; i++) {
		k = backwards ? n - 1 - i : i;
		snprintf(from, sizeof(from), "n%u.test", k);
		snprintf(to, sizeof(to), "n%u.test", k + 1);
		named(from, CNAME, 300, to);
	}
	if (!backwards) {
		snprintf(to, sizeof(to), "n%u.test", n);
		a_record(to, 7);
	}
}

static void
test_aliases(void)
{
	struct dns_answer	a;

	chain(1, 0);
	is_str(parsed("n0.test", DNS_A), "found 127.0.0.7", "one alias");
	chain(8, 0);
	is_str(parsed("n0.test", DNS_A), "found 127.0.0.7", "eight");
	chain(8, 1);
	is_str(parsed("n0.test", DNS_A), "found 127.0.0.7",
	    "… in any order");
	chain(9, 0);
	is_str(parsed("n0.test", DNS_A), "too many aliases", "a chain of nine");
	begin("a.test", DNS_A);
	named("a.test", CNAME, 300, "b.test");
	named("b.test", CNAME, 300, "a.test");
	is_str(parsed("a.test", DNS_A), "too many aliases", "a loop");
	begin("a.test", DNS_A);
	named("a.test", CNAME, 300, "a.test");
	is_str(parsed("a.test", DNS_A), "too many aliases", "a loop of one");
	begin("a.test", DNS_A);
	named("a.test", CNAME, 300, "b.test");
	a_record("c.test", 2);
	is_str(parsed("a.test", DNS_A), "nothing",
	    "a record beside the chain does not count");
	begin("a.test", DNS_A);
	named("b.test", CNAME, 300, "a.test");
	a_record("b.test", 2);
	is_str(parsed("a.test", DNS_A), "nothing", "nor does one before it");
	begin("a.test", DNS_A);
	record("a.test", CNAME, 3, 300, "\1b\4test", 8);
	a_record("b.test", 2);
	is_str(parsed("a.test", DNS_A), "nothing", "nor an alias of a class");
	begin("7.2.0.192.in-addr.arpa", DNS_PTR);
	named("7.2.0.192.in-addr.arpa", CNAME, 60,
	    "7.0/28.2.0.192.in-addr.arpa");
	named("7.0/28.2.0.192.in-addr.arpa", DNS_PTR, 300, "mail.example.org");
	is_str(parsed("7.2.0.192.in-addr.arpa", DNS_PTR),
	    "found mail.example.org", "RFC 2317: a reverse zone by an alias");
	dns_parse(msg, len, "7.2.0.192.in-addr.arpa", DNS_PTR, &a);
	is_int(a.ttl, 60, "the alias' TTL counts");
	begin("x.old.test", DNS_A);
	named("old.test", DNAME, 30, "new.example");
	a_record("x.new.example", 2);
	a_record("x.old.test.", 3);
	is_str(parsed("x.old.test", DNS_A), "found 127.0.0.3",
	    "its own record comes before a DNAME");
	begin("x.y.old.test", DNS_A);
	named("old.test", DNAME, 30, "new.example");
	a_record("x.y.new.example", 2);
	is_str(parsed("x.y.old.test", DNS_A), "found 127.0.0.2",
	    "a DNAME above it");
	named("x.y.old.test", CNAME, 0, "x.y.new.example");
	is_str(parsed("x.y.old.test", DNS_A), "found 127.0.0.2",
	    "… with the CNAME made of it");
	begin("old.test", DNS_A);
	named("old.test", DNAME, 30, "new.example");
	a_record("new.example", 2);
	is_str(parsed("old.test", DNS_A), "nothing",
	    "a DNAME does not rename its own owner");
	begin("xold.test", DNS_A);
	named("old.test", DNAME, 30, "new.example");
	a_record("xnew.example", 2);
	is_str(parsed("xold.test", DNS_A), "nothing", "nor half a label");
	begin("x.old.test", DNS_A);
	named("old.test", DNAME, 30, "y.old.test");
	is_str(parsed("x.old.test", DNS_A), "too many aliases",
	    "a DNAME that leads below itself");
}

/* RFC 2181 8, and a bound. */
static void
test_ttl(void)
{
	static const uint8_t	soa[22] = { [18] = 0x7f };
	struct dns_answer	a;
	size_t			at;

	begin("host.test", DNS_A);
	at = len + 11 + 4;
	a_record("host.test", 2);
	msg[at] = 0x7f;
	dns_parse(msg, len, "host.test", DNS_A, &a);
	is_int(a.ttl, 86400, "no TTL is more than a day");
	begin("host.test", DNS_A);
	at = len + 6 + 4;
	record("test", SOA, 1, 300, soa, sizeof(soa));
	msg[at] = 0x7f;
	msg[7] = 0;
	msg[9] = 1;
	dns_parse(msg, len, "host.test", DNS_A, &a);
	is_int(a.ttl, 86400, "nor that of a negative answer");
	begin("host.test", DNS_A);
	at = len + 11 + 4;
	a_record("host.test", 2);
	msg[at] = 0x80;
	dns_parse(msg, len, "host.test", DNS_A, &a);
	is_int(a.ttl, 0, "one with the top bit set is zero");
}

static void
test_nothing(void)
{
	struct dns_answer	a;
	static const uint8_t	soa[22] = { 0, 0, [21] = 40 };

	begin("host.test", DNS_A);
	msg[3] |= 3;
	record("test", SOA, 1, 300, soa, sizeof(soa));
	msg[7] = 0;
	msg[9] = 1;
	dns_parse(msg, len, "host.test", DNS_A, &a);
	is_int(a.status, DNS_NOTHING, "no such name");
	is_int(a.ttl, 40, "… for as long as its zone says");
	begin("host.test", DNS_A);
	record("example", SOA, 1, 300, soa, sizeof(soa));
	msg[7] = 0;
	msg[9] = 1;
	dns_parse(msg, len, "host.test", DNS_A, &a);
	is_int(a.ttl, 0, "another zone has no say");
}

static void
test_hostile(void)
{
	struct dns_name	n;
	char		text[2000];
	unsigned int	i;
	size_t		cut;

	begin("host.test", DNS_A);
	for (i = 0; i < 1001; i++)
		a_record("host.test", 2);
	is_str(parsed("host.test", DNS_A), "too many records", "1,001 records");
	begin("host.test", DNS_A);
	a_record("host.test", 2);
	for (cut = 0; cut < len; cut++) {
		struct dns_answer	a;

		dns_parse(msg, cut, "host.test", DNS_A, &a);
		if (a.status != DNS_FAILED)
			break;
	}
	is_int((long long)cut, (long long)len, "what is cut anywhere fails");
	begin("host.test", DNS_A);
	cut = len;
	a_record("", 2);
	msg[cut] = 0xc0;		/* an owner that points at itself */
	memmove(msg + cut + 2, msg + cut + 1, len - cut - 1);
	msg[cut + 1] = (uint8_t)cut;
	len++;
	is_str(parsed("host.test", DNS_A), "nothing", "a pointer at itself");
	msg[cut + 1] = 12;
	is_str(parsed("host.test", DNS_A), "found 127.0.0.2",
	    "one that points at the question");
	msg[cut] = 0x80;
	is_str(parsed("host.test", DNS_A), "malformed answer",
	    "a length byte that is none");
	msg[cut] = 0xc0;
	msg[cut + 1] = (uint8_t)(cut + 2);
	is_str(parsed("host.test", DNS_A), "nothing", "one that points ahead");
	begin("host.test", DNS_A);
	cut = len;
	a_record("x", 2);
	msg[cut] = 0xc0;		/* ahead, to a name in the next record */
	len--;
	msg[cut + 1] = (uint8_t)(len + 11);
	memmove(msg + cut + 2, msg + cut + 3, len - cut - 2);
	record("", 99, 1, 300, "\4host\4test", 11);
	is_str(parsed("host.test", DNS_A), "nothing", "no name is read ahead");
	begin("host.test", DNS_TXT);
	record("host.test", DNS_TXT, 1, 300, "\3abc\2d", 6);
	is_str(parsed("host.test", DNS_TXT), "nothing",
	    "a string longer than its record");
	record("host.test", DNS_TXT, 1, 300, "\3abc\0\2de", 8);
	is_str(parsed("host.test", DNS_TXT), "found abcde",
	    "the strings of a text are one");
	begin("host.test", DNS_PTR);
	record("host.test", DNS_PTR, 1, 300, "\3a.b\2c\\\4test", 13);
	is_str(parsed("host.test", DNS_PTR), "found a\\046b.c\\092.test",
	    "what is no hostname is encoded");
	begin("host.test", DNS_PTR);
	record("host.test", DNS_PTR, 1, 300, "\1a\4testxx", 9);
	is_str(parsed("host.test", DNS_PTR), "nothing",
	    "a name with something behind it");
	is_int(dns_name_from(&n, "a..b"), -1, "an empty label");
	is_int(dns_name_from(&n, ""), -1, "an empty name");
	is_int(dns_name_from(&n, "."), -1, "a dot");
	is_int(dns_name_from(&n, "a\\046b"), -1, "a backslash");
	memset(text, 'a', sizeof(text));
	text[64] = '\0';
	is_int(dns_name_from(&n, text), -1, "a label of 64");
	for (i = 0; i < 4; i++)
		memcpy(text + 64 * i, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaa.", 64);
	text[255] = '\0';
	is_int(dns_name_from(&n, text), -1, "a name of 257");
	text[253] = '\0';
	is_int(dns_name_from(&n, text), 0, "a name of 255");
}

int
main(void)
{
	test_owner();
	test_question();
	test_aliases();
	test_ttl();
	test_nothing();
	test_hostile();
	return (done());
}
