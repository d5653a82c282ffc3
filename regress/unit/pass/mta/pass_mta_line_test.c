/*
 * The exact bytes of XCLIENT and the PROXY headers.
 */
/* LINK: spamgreyd/pass/mta */
#include "spamgreyd/pass/mta/mta.h"
#include "regress/lib/tap.h"

#define ALL	127

static struct mta_client
client(const char *addr, uint16_t port, const char *dst, uint16_t dport,
    const char *helo, int esmtp)
{
	struct mta_client	c = { .port = port, .dport = dport,
	    .helo = helo, .esmtp = esmtp };

	if (addr_parse(addr, &c.addr) == -1 || addr_parse(dst, &c.dst) == -1)
		exit(1);
	return (c);
}

static void
xclient(struct mta_client c, unsigned int attributes, const char *want,
    const char *want2)
{
	char	a[600], b[600];

	is_int(mta_xclient(&c, attributes, a, sizeof(a), b, sizeof(b)), 0,
	    "XCLIENT");
	is_str(a, want, "the first one");
	is_str(b, want2, "the second one");
}

static void
test_xclient(void)
{
	struct mta_client	c = client("192.0.2.1", 4711, "198.51.100.25",
	    25, "mail.example.org", 1);

	xclient(c, ALL, "XCLIENT PROTO=ESMTP HELO=mail.example.org "
	    "DESTADDR=198.51.100.25 DESTPORT=25 PORT=4711 NAME=[UNAVAILABLE] "
	    "ADDR=192.0.2.1", "");
	xclient(c, XCLIENT_ADDR, "XCLIENT ADDR=192.0.2.1", "");
	xclient(c, XCLIENT_ADDR | XCLIENT_NAME, "XCLIENT NAME=[UNAVAILABLE] "
	    "ADDR=192.0.2.1", "");
	c.name_later = 1;
	xclient(c, XCLIENT_NAME, "XCLIENT NAME=[TEMPUNAVAIL]", "");
	c.name = "mx.client.example";
	xclient(c, XCLIENT_ADDR | XCLIENT_NAME, "XCLIENT NAME=mx.client.example "
	    "ADDR=192.0.2.1", "");
	xclient(c, 0, "", "");
	xclient(client("2001:db8::1", 1, "2001:db8::25", 25, NULL, 0), ALL,
	    "XCLIENT PROTO=SMTP HELO=[UNAVAILABLE] DESTADDR=IPV6:2001:db8::25 "
	    "DESTPORT=25 PORT=1 NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1", "");
	xclient(client("192.0.2.1", 0, "192.0.2.2", 65535,
	    "a b+c=d\r\nRSET\x7f\xc3\xa4", 1), XCLIENT_HELO | XCLIENT_DESTPORT,
	    "XCLIENT HELO=a+20b+2Bc+3Dd+0D+0ARSET+7F+C3+A4 DESTPORT=65535",
	    "");
	xclient(client("192.0.2.1", 0, "192.0.2.2", 1, "", 1), XCLIENT_HELO,
	    "XCLIENT HELO=[UNAVAILABLE]", "");
}

/* A command has 512 octets with its CRLF; the rest goes into a second. */
static void
test_long(void)
{
	struct mta_client	c = client("192.0.2.1", 4711, "192.0.2.25", 25,
	    NULL, 1);
	char			helo[300], a[600], b[600], want[600];

	memset(helo, 0, sizeof(helo));
	memset(helo, 'h', 256);
	c.helo = helo;
	xclient(c, XCLIENT_HELO, "XCLIENT HELO=[UNAVAILABLE]", "");
	helo[255] = '\0';
	snprintf(want, sizeof(want), "XCLIENT HELO=%s", helo);
	xclient(c, XCLIENT_HELO, want, "");
	memset(helo, ' ', 255);
	xclient(c, XCLIENT_HELO, "XCLIENT HELO=[UNAVAILABLE]", "");
	/* 150 octets that become 450 */
	memset(helo, '=', 150);
	helo[150] = '\0';
	is_int(mta_xclient(&c, ALL, a, sizeof(a), b, sizeof(b)), 0, "split");
	is_int(strlen(a), 19 + 6 + 450 + 20 + 12, "as much as fits in one");
	ok(strncmp(a, "XCLIENT PROTO=ESMTP HELO=+3D+3D", 31) == 0 &&
	    strcmp(a + strlen(a) - 32, " DESTADDR=192.0.2.25 DESTPORT=25") == 0,
	    "its attributes");
	is_str(b, "XCLIENT PORT=4711 NAME=[UNAVAILABLE] ADDR=192.0.2.1",
	    "the others, ADDR last");
	memset(helo, '=', 165);
	helo[165] = '\0';
	is_int(mta_xclient(&c, ALL, a, sizeof(a), b, sizeof(b)), 0,
	    "escapes that fill a command");
	is_str(a, "XCLIENT PROTO=ESMTP HELO=[UNAVAILABLE] DESTADDR=192.0.2.25 "
	    "DESTPORT=25 PORT=4711 NAME=[UNAVAILABLE] ADDR=192.0.2.1",
	    "are left out");
	is_str(b, "", "there is no second one");
	is_int(mta_xclient(&c, XCLIENT_ADDR, a, 23, b, 23), 0, "just fits");
	is_int(mta_xclient(&c, XCLIENT_ADDR, a, 22, b, 22), -1, "no room");
	is_int(mta_xclient(&c, XCLIENT_ADDR, a, 22, b, 23), 0,
	    "room in the second");
}

static void
proxy1(struct mta_client *c, const char *want)
{
	char	got[128] = "";
	size_t	n = mta_proxy1(c, got, sizeof(got));

	got[strcspn(got, "\r")] = '\0';
	is_str(got, want, want);
	is_int(n, strlen(want) + 2, "its length, with CRLF");
	n = mta_proxy1(c, got, sizeof(got));
	ok(n > 2 && memcmp(got + n - 2, "\r\n", 2) == 0, "its end");
	is_int(mta_proxy1(c, got, n), 0, "no room");
}

static void
test_proxy1(void)
{
	struct mta_client	c = client("192.0.2.1", 56324, "192.0.2.25",
	    25, NULL, 1);
	char			got[108];

	proxy1(&c, "PROXY TCP4 192.0.2.1 192.0.2.25 56324 25");
	c = client("2001:db8::1", 1, "2001:db8::25", 65535, NULL, 1);
	proxy1(&c, "PROXY TCP6 2001:db8::1 2001:db8::25 1 65535");
	c = client("192.0.2.1", 1, "2001:db8::25", 25, NULL, 1);
	proxy1(&c, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::25 1 25");
	proxy1(NULL, "PROXY UNKNOWN");
	c = client("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff1", 65535,
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff2", 65535, NULL, 1);
	is_int(mta_proxy1(&c, got, sizeof(got)), 104, "the longest one");
}

static void
proxy2(struct mta_client *c, const char *want, size_t len, const char *name)
{
	uint8_t	got[64];

	is_int(mta_proxy2(c, got, sizeof(got)), len, name);
	ok(memcmp(got, want, len) == 0, "its octets");
	is_int(mta_proxy2(c, got, len - 1), 0, "no room");
	is_int(mta_proxy2(c, got, len), len, "just room");
}

static void
test_proxy2(void)
{
	struct mta_client	c = client("192.0.2.1", 56324, "192.0.2.25",
	    25, NULL, 1);

	proxy2(&c, "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	    "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x19\xdc\x04\x00\x19",
	    28, "PROXY over IPv4");
	c = client("2001:db8::1", 1, "2001:db8::25", 25, NULL, 1);
	proxy2(&c, "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	    "\x21\x21\x00\x24"
	    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x25"
	    "\x00\x01\x00\x19", 52, "PROXY over IPv6");
	c = client("192.0.2.1", 1, "2001:db8::25", 25, NULL, 1);
	proxy2(&c, "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	    "\x21\x21\x00\x24"
	    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
	    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x25"
	    "\x00\x01\x00\x19", 52, "PROXY of both families");
	proxy2(NULL, "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	    "\x20\x00\x00\x00", 16, "LOCAL");
}

int
main(void)
{
	test_xclient();
	test_long();
	test_proxy1();
	test_proxy2();
	return (done());
}
