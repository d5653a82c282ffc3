/*
 * Entries on disk and as lines.
 */
#include "lib/db/entry.h"
#include "lib/base/hosts.h"
#include "regress/lib/tap.h"

static struct entry_key		key;
static struct entry_data	data;
static char			strbuf[ENTRY_DATA_MAX + ENTRY_KEY_MAX];
static char			line[ENTRY_LINE_MAX];

static struct entry
grey(const char *ip)
{
	struct entry	e;

	entry_init(&e, ENTRY_GREY);
	addr_parse(ip, &e.addr);
	e.net = e.addr;
	e.net.b[15] = 0;
	e.hash = UINT64_C(0x0102030405060708);
	e.first = 1700000000;
	e.pass = 1700014400;
	e.expire = 1700014400;
	e.block = 1;
	e.last = 1700000005;
	e.helo = "mx.example.org";
	e.from = "<a@example.org>";
	e.to = "<b@example.net>";
	return (e);
}

static int
decode(struct entry *e)
{
	return (entry_decode(key.b, key.len, data.b, data.len, e, strbuf));
}

static void
test_disk(void)
{
	struct entry	e = grey("192.0.2.77"), d;
	static const uint8_t want[] = {
		'g', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 0,
		1, 2, 3, 4, 5, 6, 7, 8
	};
	static const uint8_t want_data[] = {
		3, 4,
		0x00, 0x65, 0x53, 0xf1, 0x00,	/* 1700000000 */
		0x00, 0x65, 0x54, 0x29, 0x40,
		0x00, 0x65, 0x54, 0x29, 0x40,
		0, 0, 0, 1, 0, 0, 0, 0, 192, 0, 2, 77,
		0x00, 0x65, 0x53, 0xf1, 0x05, 0, 14, 'm', 'x'
	};
	char		big[ENTRY_STR_MAX + 2];

	is_int(entry_encode(&e, &key, &data), 0, "encode GREY");
	ok(key.len == sizeof(want) && memcmp(key.b, want, key.len) == 0,
	    "key, octet by octet");
	ok(memcmp(data.b, want_data, sizeof(want_data)) == 0,
	    "data, octet by octet, network order");
	is_int(entry_raw_expire(data.b, data.len), 1700014400, "raw expire");
	is_int(data.b[ENTRY_EXPIRE_OFF + 4], 0x40, "where the index finds it");
	is_int(decode(&d), 0, "decode");
	ok(addr_cmp(&d.addr, &e.addr) == 0 && addr_cmp(&d.net, &e.net) == 0 &&
	    d.hash == e.hash && d.first == e.first && d.pass == e.pass &&
	    d.expire == e.expire && d.block == 1 && d.passed == 0, "values");
	is_str(d.helo, e.helo, "helo");
	is_str(d.from, e.from, "from");
	is_str(d.to, e.to, "to");

	data.b[0] = ENTRY_VERSION + 1;
	is_int(decode(&d), -2, "a newer version is told apart");
	data.b[0] = 0;
	is_int(decode(&d), -1, "version 0");
	data.b[0] = 2;
	data.b[1] = 8;
	is_int(decode(&d), -1, "unknown flag");
	data.b[1] = 4;
	data.len--;
	is_int(decode(&d), -1, "one octet short");
	data.len += 2;
	is_int(decode(&d), -1, "one octet over");
	data.len--;
	data.b[data.len - 2] = '\0';
	is_int(decode(&d), -1, "NUL in a string");
	is_int(entry_decode(key.b, 0, data.b, data.len, &d, strbuf), -1,
	    "no key");
	is_int(entry_decode("Y", 1, data.b, data.len, &d, strbuf), -1,
	    "unknown type");

	memset(big, 'x', sizeof(big));
	big[ENTRY_STR_MAX] = '\0';
	e.from = big;
	e.to = big;
	e.helo = big;
	is_int(entry_encode(&e, &key, &data), 0, "longest strings");
	is_int(decode(&d), 0, "and back");
	big[ENTRY_STR_MAX] = 'x';
	big[ENTRY_STR_MAX + 1] = '\0';
	is_int(entry_encode(&e, &key, &data), -1, "one longer is refused");
	e = grey("192.0.2.77");
	e.first = -1;
	is_int(entry_encode(&e, &key, &data), -1, "negative time");
	e.first = ENTRY_TIME_MAX + 1;
	is_int(entry_encode(&e, &key, &data), -1, "a time past 40 bits");
}

static void
test_types(void)
{
	struct entry	e, d;
	char		big[MAILADDR_KEY_MAX + 1];

	entry_init(&e, ENTRY_TRAPPED);
	addr_parse("2001:db8::7", &e.addr);
	e.net = e.addr;
	e.reason = TRAP_MX;
	e.expire = 5;
	e.comment = "said Joe";
	is_int(entry_encode(&e, &key, &data), 0, "TRAPPED, IPv6");
	is_int(key.len, 17, "key length");
	is_int(decode(&d), 0, "decode");
	is_int(d.reason, TRAP_MX, "reason");
	is_str(d.comment, "said Joe", "comment");
	ok(addr_cmp(&d.addr, &e.addr) == 0, "address");

	entry_init(&e, ENTRY_WHITE);
	addr_parse("192.0.2.1", &e.addr);
	e.net = e.addr;
	is_int(entry_encode(&e, &key, &data), 0, "WHITE");
	is_int(decode(&d), 0, "decode");
	is_str(d.comment, "", "no comment");
	key.b[key.len++] = 0;
	is_int(decode(&d), -1, "an octet more in its key");

	entry_init(&e, ENTRY_SPAMTRAP);
	e.rcpt = "joe@example.org";
	is_int(entry_encode(&e, &key, &data), 0, "SPAMTRAP");
	ok(key.len == 16 && memcmp(key.b, "Sjoe@example.org", 16) == 0, "key");
	is_int(decode(&d), 0, "decode");
	is_str(d.rcpt, "joe@example.org", "address");
	e.rcpt = "";
	is_int(entry_encode(&e, &key, &data), -1, "no address");
	memset(big, 'x', sizeof(big));
	big[MAILADDR_KEY_MAX - 1] = '\0';
	e.rcpt = big;
	is_int(entry_encode(&e, &key, &data), 0, "the longest address");
	is_int(decode(&d), 0, "decode");
	key.b[key.len++] = 'x';
	is_int(decode(&d), -1, "a longer one is malformed");
	big[MAILADDR_KEY_MAX - 1] = 'x';
	big[MAILADDR_KEY_MAX] = '\0';
	is_int(entry_encode(&e, &key, &data), -1, "and is not written");
	entry_init(&e, ENTRY_META);
	e.rcpt = "x";
	is_int(entry_encode(&e, &key, &data), -1, "META has its own way");
}

/* An entry as version 1 wrote it, and what is deleted. */
static void
test_versions(void)
{
	static const uint8_t old_key[] = {
		'W', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1
	};
	static const uint8_t old[] = {
		1, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 120, 0, 0, 0, 1, 44,
		0, 0, 0, 1, 0, 0, 0, 2, 192, 0, 2, 1, 0, 2, 'h', 'i'
	};
	struct entry	e, d;

	is_int(entry_decode(old_key, sizeof(old_key), old, sizeof(old), &d,
	    strbuf), 0, "version 1 is read");
	ok(d.first == 100 && d.pass == 120 && d.expire == 300 && d.gen == 0,
	    "its times");
	is_int(d.last, 120, "last asserted when it passed");
	is_str(d.comment, "hi", "its comment");
	is_int(entry_encode(&d, &key, &data), 0, "written back");
	is_int(data.b[0], 3, "as version 3");
	is_int(data.len, sizeof(old), "and as long as before");
	is_int(decode(&d), 0, "decode");
	is_int(d.last, 120, "last asserted then");
	is_int(d.reason, WHITE_UNKNOWN, "why it is WHITE was not noted");
	data.b[0] = 2;
	is_int(decode(&d), 0, "version 2 of WHITE is read");
	data.b[0] = 3;
	d.reason = WHITE_RETRY;
	d.from = "<a@example.org>";
	d.to = "<b@example.net>";
	is_int(entry_encode(&d, &key, &data), 0, "WHITE with its reason");
	is_int(decode(&d), 0, "decode");
	is_int(d.reason, WHITE_RETRY, "a retry");
	is_str(d.from, "<a@example.org>", "from");
	is_str(d.to, "<b@example.net>", "to");
	is_str(d.comment, "hi", "its comment is still there");
	data.b[0] = 2;
	is_int(decode(&d), -1, "version 2 has no reason");
	data.b[0] = 3;
	data.len--;
	is_int(decode(&d), -1, "one octet short");
	d.reason = WHITE_UNKNOWN;
	d.last = 0;
	is_int(entry_encode(&d, &key, &data), 0, "never asserted");
	is_int(decode(&d), 0, "decode");
	is_int(d.last, 0, "stays so");

	e = grey("192.0.2.77");
	e.type = ENTRY_GONE;
	is_int(entry_encode(&e, &key, &data), -1, "GONE, but what?");
	e.of = ENTRY_REPUTE;
	is_int(entry_encode(&e, &key, &data), -1, "nothing that is kept so");
	e.of = ENTRY_GREY;
	e.gen = 7;
	e.gone = 1700000009;
	e.was = 1700014400;
	is_int(entry_encode(&e, &key, &data), 0, "the tombstone of a tuple");
	ok(key.len == 26 && key.b[0] == 'X' && key.b[1] == 'g', "its key");
	is_int(decode(&d), 0, "decode");
	ok(d.type == ENTRY_GONE && d.of == ENTRY_GREY && d.gen == 7 &&
	    d.last == e.last && d.gone == e.gone && d.was == e.was &&
	    d.hash == e.hash, "values");
	is_str(d.to, e.to, "strings");
	is_int(entry_line(&d, line), 0, "no line");
	entry_init(&e, ENTRY_GONE);
	e.of = ENTRY_SPAMTRAP;
	e.rcpt = "joe@example.org";
	e.gone = 5;
	is_int(entry_encode(&e, &key, &data), 0, "of a spamtrap");
	is_int(decode(&d), 0, "decode");
	is_str(d.rcpt, e.rcpt, "address");
	key.b[1] = 'R';
	is_int(decode(&d), -1, "a tombstone of no such kind");
	key.len = 1;
	is_int(decode(&d), -1, "and of nothing");
}

static void
line_of(const struct entry *e, const char *want, const char *name)
{
	size_t	n = entry_line(e, line);

	is_str(line, want, name);
	is_int(n, strlen(want), "its length");
}

static void
test_line(void)
{
	struct entry	e = grey("192.0.2.77"), p;
	const char	*why;
	char		*big;

	line_of(&e, "GREY|192.0.2.77|mx.example.org|<a@example.org>|"
	    "<b@example.net>|1700000000|1700014400|1700014400|1|0", "GREY");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	ok(addr_cmp(&p.addr, &e.addr) == 0 && p.first == e.first &&
	    p.expire == e.expire && p.block == 1, "values");
	is_str(p.from, e.from, "from");

	e.helo = "a|b\\c\r\nd\x7f\xc3\xa4 \"e\"";
	line_of(&e, "GREY|192.0.2.77|a\\x7cb\\x5cc\\x0d\\x0ad\\x7f\\xc3\\xa4 "
	    "\"e\"|<a@example.org>|<b@example.net>|1700000000|1700014400|"
	    "1700014400|1|0", "what a client may send");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	is_str(p.helo, e.helo, "the same again");

	big = malloc(ENTRY_STR_MAX + 1);
	memset(big, '|', ENTRY_STR_MAX);
	big[ENTRY_STR_MAX] = '\0';
	e.helo = e.from = e.to = big;
	ok(entry_line(&e, line) < ENTRY_LINE_MAX, "the longest line fits");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	is_str(p.to, big, "the same again");
	free(big);

	entry_init(&e, ENTRY_WHITE);
	addr_parse("2001:db8::1", &e.addr);
	e.first = 1;
	e.pass = 2;
	e.expire = 3;
	e.block = 4;
	e.passed = UINT32_MAX;
	line_of(&e, "WHITE|2001:db8::1|||1|2|3|4|4294967295", "WHITE");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	is_int(p.passed, UINT32_MAX, "count");
	entry_init(&e, ENTRY_TRAPPED);
	addr_parse("192.0.2.1", &e.addr);
	e.expire = 1700086400;
	line_of(&e, "TRAPPED|192.0.2.1|1700086400", "TRAPPED");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	is_int(p.reason, TRAP_IMPORT, "its reason");
	entry_init(&e, ENTRY_SPAMTRAP);
	e.rcpt = "a|b@example.org";
	line_of(&e, "SPAMTRAP|a\\x7cb@example.org", "SPAMTRAP");
	is_int(entry_parse_line(line, &p, &why), 0, "parsed");
	is_str(p.rcpt, "a|b@example.org", "address");
	entry_init(&e, ENTRY_STAMP);
	is_int(entry_line(&e, line), 0, "STAMP has no line");
	entry_init(&e, ENTRY_VISIT);
	is_int(entry_line(&e, line), 0, "VISIT has no line");
	entry_init(&e, ENTRY_REPUTE);
	is_int(entry_line(&e, line), 0, "REPUTE has no line");
}

/* Lines as OpenBSD's spamdb prints them, and what is none. */
static void
test_parse(void)
{
	static const char *const good[] = {
		"GREY|192.0.2.1||<a@example.org>|<b@example.net>|1|2|3|1|0",
		"GREY|192.0.2.1|h|<a\\b@example.org>|<>|1|2|3|1|0\n",
		"WHITE|192.0.2.1|||1|0|3|0|0\r\n",
		"TRAPPED|192.0.2.1|0", "SPAMTRAP|<joe@example.org>"
	};
	static const char *const bad[] = {
		"", "|", "GREY", "GREY|", "WHITE|192.0.2.1",
		"GREY|192.0.2.1|h|f|t|1|2|3|1", "GREY|192.0.2.1|h|a|b|t|1|2|3|1|0",
		"GREY|192.0.2.256|h|f|t|1|2|3|1|0",
		"GREY|192.0.2.0/24|h|f|t|1|2|3|1|0",
		"GREY|192.0.2.1|h|f|t|-1|2|3|1|0",
		"GREY|192.0.2.1|h|f|t|1|2|3|4294967296|0",
		"GREY|192.0.2.1|h|f|t|1|2|1099511627776|1|0",
		"GREY|192.0.2.1|h|f|t|1x|2|3|1|0",
		"GREY|192.0.2.1|h|f|t|1| 2|3|1|0",
		"GREY|192.0.2.1|a\\x00b|f|t|1|2|3|1|0",
		"WHITE|192.0.2.1|x||1|2|3|4|5", "TRAPPED|192.0.2.1|",
		"TRAPPED|192.0.2.1|99999999999999999999", "SPAMTRAP|word",
		"SPAMTRAP|", "white|192.0.2.1|||1|0|3|0|0", "META|x",
		"WHITE|192.0.2.1|||1|0|3|0|0|",
		"a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q"
	};
	struct entry	p;
	const char	*why;
	char		copy[256];
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(copy, sizeof(copy), "%s", good[i]);
		is_int(entry_parse_line(copy, &p, &why), 0, good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(copy, sizeof(copy), "%s", bad[i]);
		why = NULL;
		ok(entry_parse_line(copy, &p, &why) == -1 && why != NULL,
		    bad[i][0] ? bad[i] : "empty line");
	}
}

int
main(void)
{
	test_disk();
	test_types();
	test_versions();
	test_line();
	test_parse();
	return (done());
}
