/* LINK: spamgreyd/track */
/*
 * The parsers of logged packets: the layout of each system, and packets that
 * are cut, too long or malformed.
 */
#include "spamgreyd/track/logpkt.h"
#include "regress/lib/tap.h"

static uint8_t	buf[256];

/* An IPv4 SYN to port 25, 192.0.2.1 -> 203.0.113.25, 40 octets. */
static const uint8_t syn4[] = {
	0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 203, 0, 113, 25,
	0x9c, 0x40, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0
};
/* IPv6, 2001:db8::1 -> 2001:db8::25, with room for extension headers. */
static const uint8_t hdr6[40] = {
	0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x25
};

static size_t
pflog_make(unsigned int length, unsigned int af, unsigned int action,
    unsigned int dir)
{
	size_t	at = (length + 3) & ~3U;

	memset(buf, 0, sizeof(buf));
	buf[0] = (uint8_t)length;
	buf[1] = (uint8_t)af;
	buf[2] = (uint8_t)action;
	memcpy(buf + 4, "em0", 4);
	buf[60] = (uint8_t)dir;
	memcpy(buf + at, af == 2 ? syn4 : hdr6, 40);
	return (at + 40);
}

static void
test_pflog(void)
{
	static const struct { unsigned int length, af6; const char *os; } os[] = {
		{ 100, 24, "OpenBSD" }, { 69, 28, "FreeBSD 14" },
		{ 61, 28, "FreeBSD 13" }
	};
	struct logpkt	k;
	size_t		i, n, cut;
	int		bad;

	for (i = 0; i < 3; i++) {
		n = pflog_make(os[i].length, 2, 0, 1);
		is_int(pflog_parse(buf, n, &k), 0, os[i].os);
		ok(k.ip == buf + ((os[i].length + 3) & ~3U) && k.iplen == 40,
		    "the packet's place");
		ok(k.passed && k.dir == LOGPKT_IN, "passed, in");
		is_str(k.ifname, "em0", "its interface");
		n = pflog_make(os[i].length, os[i].af6, 1, 2);
		is_int(pflog_parse(buf, n, &k), 0, "IPv6");
		ok(!k.passed && k.dir == LOGPKT_OUT, "blocked, out");
		for (bad = 0, cut = 0; cut <= n - 40; cut++)
			bad |= pflog_parse(buf, cut, &k) != -1;
		ok(!bad, "cut before the packet");
	}
	n = pflog_make(100, 2, 0, 0);
	ok(pflog_parse(buf, n, &k) == 0 && k.dir == LOGPKT_UNKNOWN,
	    "no direction");
	buf[1] = 24;
	is_int(pflog_parse(buf, n, &k), -1, "its family is not the packet's");
	buf[1] = 10;
	is_int(pflog_parse(buf, n, &k), -1, "no family of PF's");
	n = pflog_make(100, 2, 0, 1);
	memset(buf + 4, 'x', 16);
	is_int(pflog_parse(buf, n, &k), 0, "a name of 16 octets");
	is_int(strlen(k.ifname), 15, "is ended");
	buf[0] = 255;
	is_int(pflog_parse(buf, n, &k), -1, "a length past the end");
	buf[0] = 60;
	is_int(pflog_parse(buf, n, &k), -1, "a length before the direction");
}

static uint8_t	*at;

static void
tlv(unsigned int type, const void *value, size_t len)
{
	uint16_t	h[2] = { (uint16_t)(len + 4), (uint16_t)type };

	memcpy(at, h, 4);
	memcpy(at + 4, value, len);
	at += 4 + ((len + 3) & ~(size_t)3);
}

/* hook -1: none; devices 0: none. */
static size_t
nflog_make(unsigned int family, int hook, unsigned int in, unsigned int out)
{
	uint8_t	v[4] = { 8, 0, (uint8_t)hook, 0 };
	uint8_t	dev[4] = { 0, 0, 0, 0 };

	memset(buf, 0, sizeof(buf));
	buf[0] = (uint8_t)family;
	at = buf + 4;
	if (hook != -1)
		tlv(1, v, 4);
	tlv(10, "mail", 5);
	dev[3] = (uint8_t)in;
	if (in != 0)
		tlv(4, dev, 4);
	dev[3] = (uint8_t)out;
	if (out != 0)
		tlv(5, dev, 4);
	tlv(9, syn4, sizeof(syn4));
	return ((size_t)(at - buf));
}

static void
test_nflog(void)
{
	static const struct {
		unsigned int	family;
		int		hook;
		unsigned int	in, out;
		enum logpkt_dir	dir;
		const char	*name;
	} t[] = {
		{ 2, 0, 2, 0, LOGPKT_IN, "prerouting" },
		{ 10, 1, 2, 0, LOGPKT_IN, "input" },
		{ 2, 2, 2, 3, LOGPKT_UNKNOWN, "forward" },
		{ 2, 3, 0, 3, LOGPKT_OUT, "output" },
		{ 2, 4, 0, 3, LOGPKT_OUT, "postrouting, our own" },
		{ 2, 4, 2, 3, LOGPKT_UNKNOWN, "postrouting, forwarded" },
		{ 5, 0, 2, 0, LOGPKT_IN, "netdev, ingress" },
		{ 5, 1, 0, 2, LOGPKT_OUT, "netdev, egress" },
		{ 2, -1, 2, 0, LOGPKT_IN, "no hook, in" },
		{ 2, -1, 0, 0, LOGPKT_UNKNOWN, "no hook, no interface" }
	};
	struct logpkt	k;
	size_t		i, n;
	uint16_t	len;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		n = nflog_make(t[i].family, t[i].hook, t[i].in, t[i].out);
		ok(nflog_parse(buf, n, &k) == 0 && k.dir == t[i].dir,
		    t[i].name);
	}
	n = nflog_make(2, 0, 7, 0);
	is_int(nflog_parse(buf, n, &k), 0, "NFLOG");
	ok(k.passed && k.indev == 7 && k.outdev == 0 && k.iplen == 40 &&
	    memcmp(k.ip, syn4, 40) == 0 && k.ifname[0] == '\0', "its parts");
	is_int(nflog_parse(buf, n - 1, &k), -1, "cut in an attribute");
	is_int(nflog_parse(buf, n - 44, &k), -1, "no packet in it");
	is_int(nflog_parse(buf, 3, &k), -1, "cut in the header");
	len = 3;
	memcpy(buf + 4, &len, 2);
	is_int(nflog_parse(buf, n, &k), -1, "an attribute shorter than itself");
	n = nflog_make(2, 0, 7, 0);
	buf[1] = 1;
	is_int(nflog_parse(buf, n, &k), -1, "another version");
}

/* IPv6 with extension headers of these types before TCP. */
static size_t
ext6(const uint8_t *types, size_t ntypes, unsigned int flags)
{
	uint8_t	*p = buf + 40, *next = buf + 6;
	size_t	 i;

	memset(buf, 0, sizeof(buf));
	memcpy(buf, hdr6, 40);
	for (i = 0; i < ntypes; i++) {
		*next = types[i];
		next = p;
		p += 8;
	}
	*next = 6;
	memcpy(p, syn4 + 20, 20);
	p[13] = (uint8_t)flags;
	return ((size_t)(p - buf) + 20);
}

static void
test_syn(void)
{
	static const uint8_t	ext[] = { 0, 60, 43, 44, 51, 60 };
	static const uint8_t	many[9] = { 60, 60, 60, 60, 60, 60, 60, 60, 60 };
	struct logsyn		s;
	char			ip[ADDR_STRLEN];
	size_t			n, cut;
	int			bad;

	is_int(logsyn_parse(syn4, sizeof(syn4), &s), 1, "IPv4: a SYN");
	is_str(addr_str(&s.src, ip), "192.0.2.1", "from");
	is_str(addr_str(&s.dst, ip), "203.0.113.25", "to");
	ok(s.sport == 40000 && s.dport == 25, "the ports");
	for (bad = 0, cut = 0; cut < 34; cut++)
		bad |= logsyn_parse(syn4, cut, &s) != -1;
	ok(!bad, "cut before the flags");
	is_int(logsyn_parse(syn4, 34, &s), 1, "the flags are enough");
	memcpy(buf, syn4, sizeof(syn4));
	buf[33] = 0x12;
	is_int(logsyn_parse(buf, 40, &s), 0, "SYN and ACK");
	buf[33] = 0x10;
	is_int(logsyn_parse(buf, 40, &s), 0, "ACK");
	buf[33] = 0x06;
	is_int(logsyn_parse(buf, 40, &s), 0, "SYN and RST");
	buf[33] = 0xc2;
	is_int(logsyn_parse(buf, 40, &s), 1, "SYN with ECN's bits");
	buf[7] = 1;
	is_int(logsyn_parse(buf, 40, &s), 0, "a later fragment");
	buf[7] = 0;
	buf[9] = 17;
	is_int(logsyn_parse(buf, 40, &s), 0, "UDP");
	buf[9] = 6;
	buf[0] = 0x4f;
	is_int(logsyn_parse(buf, 40, &s), -1, "options past the end");
	buf[0] = 0x44;
	is_int(logsyn_parse(buf, 40, &s), -1, "a header of 16 octets");
	buf[0] = 0x55;
	is_int(logsyn_parse(buf, 40, &s), -1, "neither IPv4 nor IPv6");
	n = ext6(NULL, 0, 2);
	is_int(logsyn_parse(buf, n, &s), 1, "IPv6: a SYN");
	is_str(addr_str(&s.src, ip), "2001:db8::1", "from");
	is_str(addr_str(&s.dst, ip), "2001:db8::25", "to");
	memset(buf + 8, 0, 10);
	memset(buf + 18, 0xff, 2);
	is_int(logsyn_parse(buf, n, &s), 0, "an IPv4 host as its source");
	n = ext6(NULL, 0, 2);
	memset(buf + 24, 0, 10);
	memset(buf + 34, 0xff, 2);
	is_int(logsyn_parse(buf, n, &s), 0, "an IPv4 host as its destination");
	/* ext[4], AH: its length counts otherwise, and 0 is 8 octets. */
	n = ext6(ext, sizeof(ext), 2);
	is_int(logsyn_parse(buf, n, &s), 1, "behind extension headers");
	for (bad = 0, cut = 0; cut < n - 6; cut++)
		bad |= logsyn_parse(buf, cut, &s) == 1;
	ok(!bad, "cut anywhere it is none");
	n = ext6(many, 8, 2);
	is_int(logsyn_parse(buf, n, &s), 1, "eight of them");
	n = ext6(many, 9, 2);
	is_int(logsyn_parse(buf, n, &s), 0, "nine: nobody sends that");
	n = ext6(many, 1, 2);
	buf[41] = 255;
	is_int(logsyn_parse(buf, n, &s), -1, "one longer than the packet");
	n = ext6((const uint8_t[]){ 44 }, 1, 2);
	buf[43] = 8;
	is_int(logsyn_parse(buf, n, &s), 0, "a later fragment");
}

int
main(void)
{
	test_pflog();
	test_nflog();
	test_syn();
	return (done());
}
