/* LINK: spamgreyd/modules/milter spamgreyd/pass/message */
/*
 * The bytes of the milter protocol: our packets are as the protocol says,
 * packets of a filter are parsed or refused; a message's header field by field.
 */
#include "spamgreyd/modules/milter/head.h"
#include "spamgreyd/modules/milter/proto.h"
#include "regress/lib/tap.h"

static struct buf	b;

/* Is that, and no more, in b? */
static void
built(const char *want, size_t len, const char *what)
{
	ok(buf_len(&b) == len && memcmp(buf_ptr(&b), want, len) == 0, what);
	buf_free(&b);
}
#define BUILT(want, what)	built(want, sizeof(want) - 1, what)

static void
test_sent(void)
{
	static const struct mp_macro	m[] = { { "j", "mx" },
		{ "{client_addr}", "192.0.2.1" }, { "i", NULL } };
	static const char *const	two[] = { "<a@b>", "SIZE=1" };
	static char			big[70000];
	struct addr			a;

	is_int(mp_offer(&b), 0, "the offer");
	BUILT("\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xf7\xff", "is that");
	(void)addr_parse("192.0.2.1", &a);
	is_int(mp_connect(&b, "[x]", &a, 25), 0, "a client");
	BUILT("\0\0\0\x12" "C[x]\0" "4\0\x19" "192.0.2.1\0", "by IPv4");
	(void)addr_parse("2001:db8::1", &a);
	is_int(mp_connect(&b, "[x]", &a, 65535), 0, "a client");
	BUILT("\0\0\0\x14" "C[x]\0" "6\xff\xff" "2001:db8::1\0", "by IPv6");
	is_int(mp_strings(&b, 'M', two, 2), 0, "strings");
	BUILT("\0\0\0\x0eM<a@b>\0SIZE=1\0", "with their NULs");
	is_int(mp_macros(&b, 'C', m, 3, NULL), 0, "macros");
	BUILT("\0\0\0\x1f" "DCj\0mx\0{client_addr}\0" "192.0.2.1\0", "that have "
	    "a value");
	is_int(mp_macros(&b, 'C', m, 3, " client_addr, x"), 0, "wanted");
	BUILT("\0\0\0\x1a" "DC{client_addr}\0" "192.0.2.1\0", "with braces or "
	    "without");
	is_int(mp_macros(&b, 'C', m, 3, "jj {i} x"), 0, "none of them");
	is_int(buf_len(&b), 0, "is no packet");
	is_int(mp_put(&b, 'B', big, 65535), 0, "65535 octets");
	is_int(buf_len(&b), 65540, "are one packet");
	buf_free(&b);
	is_int(mp_put(&b, 'B', big, 65536), -1, "one more is none");
	buf_free(&b);
	memset(big, 'x', sizeof(big) - 1);
	is_int(mp_strings(&b, 'H', (const char *const []){ big }, 1), -1,
	    "nor of a string");
	buf_free(&b);
}

/* -2: no whole packet. */
static int
take(const char *data, size_t len, struct mp_answer *a)
{
	struct mp_packet	 p;
	const char		*why;
	ssize_t			 n = mp_take((const uint8_t *)data, len, &p);

	if (n <= 0)
		return (n == 0 ? -2 : -3);
	return ((size_t)n == len ? mp_answer(&p, a, &why) : -4);
}
#define TAKE(data, a)	take(data, sizeof(data) - 1, a)

static void
test_answers(void)
{
	struct mp_answer	a;

	is_int(TAKE("\0\0\0\1", &a), -2, "no command yet");
	is_int(TAKE("\0\0\0", &a), -2, "no length yet");
	is_int(TAKE("\0\0\0\0", &a), -3, "a length of 0");
	is_int(TAKE("\0\x10\0\0c", &a), -3, "of too much");
	is_int(TAKE("\0\0\0\1c", &a), 0, "continue");
	is_int(a.kind, MP_CONTINUE, "is that");
	is_int(TAKE("\0\0\0\1?", &a), -1, "no answer");
	is_int(TAKE("\0\0\0\x10y550 5.1.1 no%%\0", &a), 0, "a reply");
	is_int(a.code, 550, "code");
	is_str(a.enhanced, "5.1.1", "enhanced");
	is_str(a.text, "no%", "text");
	is_int(TAKE("\0\0\0\x0cy450 5.1.1 \0", &a), 0, "of another class");
	is_str(a.enhanced, "", "it has none");
	is_str(a.text, "5.1.1 ", "but a text");
	is_int(TAKE("\0\0\0\5y550\0", &a), 0, "without a text");
	is_int(TAKE("\0\0\0\5y55x\0", &a), -1, "no number");
	is_int(TAKE("\0\0\0\5y650\0", &a), -1, "no refusal");
	is_int(TAKE("\0\0\0\7y550xx\0", &a), -1, "no blank");
	is_int(TAKE("\0\0\0\x10y550-a\r\n551 b\r\n\0", &a), -1, "two codes");
	is_int(TAKE("\0\0\0\x10y550-a\r\n550 b\r\n\0", &a), 0, "two lines");
	is_str(a.text, "a b", "are one text");
	is_int(TAKE("\0\0\0\x0bm\0\0\0\x02" "X\0y z\0", &a), 0, "a change");
	is_int(a.index, 2, "of the second");
	is_str(a.value, "y z", "to that");
	is_int(TAKE("\0\0\0\7m\0\0\0\x02" "X\0", &a), -1, "without a value");
	is_int(TAKE("\0\0\0\6hX\0y\0z", &a), -1, "with more behind it");
	is_int(TAKE("\0\0\0\5hX\0yz", &a), -1, "without an end");
	is_int(TAKE("\0\0\0\7+<a@b>\0", &a), 0, "a recipient");
	is_str(a.path, "<a@b>", "is that");
	is_int(TAKE("\0\0\0\x0a" "2<a@b>\0X=\0", &a), 0, "with parameters");
	is_str(a.params, "X=", "are those");
	is_int(TAKE("\0\0\0\x0a" "+<a@b>\0X=\0", &a), -1, "where none may be");
	is_int(TAKE("\0\0\0\1q", &a), -1, "quarantine without a reason");
}

/* What is left of what a filter wants, by its version. */
static void
test_versions(void)
{
	static const struct {
		uint32_t	version, actions, steps;
		int		list;
	}			 all[] = {
		{ 2, MP_ACTIONS_V2, MP_STEPS_V2, 0 },
		{ 3, MP_ACTIONS_V2, MP_STEPS_V3, 0 },
		{ 4, MP_ACTIONS_V2, MP_STEPS_V4, 0 },
		{ 5, MP_ACTIONS_V2, MP_STEPS_V4, 0 },
		{ 6, MP_ACTIONS, MP_STEPS, 1 }
	};
	uint8_t			 data[] = "\0\0\0\0\0\0\x01\xff"
				    "\0\x1f\xf7\xff\0\0\0\0j i";
	struct mp_packet	 p = { 'O', data, sizeof(data) };
	struct mp_options	 o;
	const char		*why;
	size_t			 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		data[3] = (uint8_t)all[i].version;
		is_int(mp_negotiated(&p, &o, &why), 0, "a version");
		is_int(o.version, all[i].version, "is that");
		is_int(o.actions, all[i].actions, "its actions");
		is_int(o.steps, all[i].steps, "its steps");
		ok((o.macros[MP_AT_CONNECT] != NULL) == all[i].list,
		    "its list of macros");
		mp_options_clear(&o);
	}
	for (i = 0; i < 256; i++) {
		data[3] = (uint8_t)i;
		if ((i < 2 || i > 6) && mp_negotiated(&p, &o, &why) != -1)
			break;
	}
	is_int(i, 256, "all others are none");
}

/* A field whose name does not fit, and one that is longer than a call passes
 * over: the next one is found. */
static void
little_room(void)
{
	struct milter_head	h;
	struct spool		*sp = spool_new();
	uint8_t			dst[8];
	ssize_t			n;
	unsigned int		i;

	if (sp == NULL || spool_write(sp, "A-long-name: x\r\n y\r\nB: z\r\n"
	    "C: ", 30) == -1)
		exit(1);
	for (i = 0; i < 2 * MILTER_PASSED; i += 32)
		if (spool_write(sp, "01234567890123456789012345678\r\n ", 32) ==
		    -1)
			exit(1);
	if (spool_write(sp, "\r\nD: 1\r\n\r\n", 10) == -1)
		exit(1);
	milter_head_begin(&h, sp);
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), -2,
	    "a name that does not fit");
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 4, "is passed over");
	ok(memcmp(dst, "B\0z\0", 4) == 0, "with its value");
	for (i = 0; (n = milter_head_next(&h, dst, sizeof(dst), 0)) == -3; i++)
		;
	ok(n == -2 && i >= 1 && i <= 3, "a long value in turns");
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 4, "and the next");
	ok(memcmp(dst, "D\0001\0", 4) == 0, "is that");
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 0, "then no more");
	spool_free(sp);
}

static void
test_header(void)
{
	static const char	text[] = "A: one\r\n two\r\nB :\tx\r\nC:\r\n"
				    "D: 0123456789012345678901234567890\r\n"
				    "E:  e\r\n\r\nbody\r\n";
	struct milter_head	h;
	struct spool		*sp;
	uint8_t			dst[30];

	spool_limits(4096, 1 << 20);
	sp = spool_new();
	if (sp == NULL || spool_write(sp, text, sizeof(text) - 1) == -1)
		exit(1);
	milter_head_begin(&h, sp);
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 11, "a field");
	ok(memcmp(dst, "A\0one\n two\0", 11) == 0, "its fold");
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 5, "a field");
	ok(memcmp(dst, "B\0\tx\0", 5) == 0, "a blank before the colon");
	is_int(milter_head_next(&h, dst, sizeof(dst), 1), 3, "an empty one");
	is_int(milter_head_next(&h, dst, sizeof(dst), 1), -2, "a long one");
	is_int(milter_head_next(&h, dst, sizeof(dst), 1), 6, "the next");
	ok(memcmp(dst, "E\0  e\0", 6) == 0, "with its blanks");
	is_int(milter_head_next(&h, dst, sizeof(dst), 1), 0, "no more");
	is_int(milter_head_body(&h), sizeof(text) - 1 - 6, "the body");
	spool_free(sp);
	sp = spool_new();
	if (sp == NULL || spool_write(sp, "A: x\r\nno field\r\n", 16) == -1)
		exit(1);
	milter_head_begin(&h, sp);
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 4, "a field");
	is_int(milter_head_next(&h, dst, sizeof(dst), 0), 0, "what is none");
	is_int(milter_head_body(&h), 6, "begins the body");
	spool_free(sp);
	little_room();
}

int
main(void)
{
	test_sent();
	test_answers();
	test_versions();
	test_header();
	return (done());
}
