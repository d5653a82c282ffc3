/* LINK: spamgreyd/pass/message spamgreyd/modules/milter spamgreyd/modules/spamassassin spamgreyd/modules/rspamd spamgreydb/commands */
/* no valgrind */
/*
 * Text that is made to cost much work, so large that quadratic work shows:
 * eight times the bytes cost at most 24 times as much.  MIME counts its own
 * steps (mime_work_test.c).
 */
#include <sys/types.h>

#include <stdio.h>

#include "spamgreydb/commands/received.h"
#include "lib/dns/spf.h"
#include "spamgreyd/modules/rspamd/httpreply.h"
#include "spamgreyd/modules/milter/head.h"
#include "spamgreyd/modules/milter/proto.h"
#include "spamgreyd/pass/message/edit.h"
#include "spamgreyd/modules/spamassassin/spamc.h"
#include "regress/lib/cost.h"
#include "regress/lib/tap.h"

#define ONCE	(128 * 1024)
#define TIMES	8
#define MORE	24		/* times the cost, at most */
#define LOOKS		10
#define CHANGES	1000

static char	text[TIMES * ONCE + 4096];
static size_t	text_len;

/* --- what is tried */

static void
run_received(void *arg)
{
	const char	*end = text + text_len, *value;
	const char	*pos = received_header(text, end);
	struct received	 r;
	size_t		 len;

	(void)arg;
	while (received_next(&pos, end, &value, &len))
		received_parse(value, len, &r);
}

static void
run_spf(void *arg)
{
	const char	*why;

	(void)arg;
	(void)spf_check(text, &why);
}

static struct spool *
spooled(void)
{
	struct spool	*s = spool_new();

	if (s == NULL || spool_write(s, text, text_len) == -1)
		exit(1);
	return (s);
}

static void
run_milter_head(void *arg)
{
	static uint8_t		 packet[65535];
	struct spool		*s = spooled();
	struct milter_head	 h;
	size_t			 room = *(const size_t *)arg;
	ssize_t			 n;

	milter_head_begin(&h, s);
	while ((n = milter_head_next(&h, packet, room, 0)) != 0)
		if (n == -1)
			exit(1);
	spool_free(s);
}

/* Changes of each kind, of fields that are there and that are not. */
static void
run_msgedit(void *arg)
{
	struct msgedit	*e = msgedit_new();
	struct spool	*in = spooled(), *out;
	char		 name[20];
	unsigned int	 i;
	int		 r = 0;

	for (i = 0; i < CHANGES && r == 0; i++) {
		snprintf(name, sizeof(name), "X%u", i / 5);
		switch (i % 5) {
		case 0:
			r = msgedit_add(e, name, "v");
			break;
		case 1:
			r = msgedit_insert(e, i, name, "v");
			break;
		case 2:
			r = msgedit_change(e, i, arg == NULL ? name : arg,
			    i % 2 ? NULL : "v");
			break;
		case 3:
			r = msgedit_change_last(e, i, arg == NULL ? name :
			    arg, NULL);
			break;
		default:
			r = msgedit_insert_last(e, i, name, "v");
		}
	}
	if (r == -1 || msgedit_subject(e, "[tag]") == -1 ||
	    (out = msgedit_apply(e, in)) == NULL)
		exit(1);
	spool_free(out);
	spool_free(in);
	msgedit_free(e);
}

static void
run_packets(void *arg)
{
	const uint8_t		*p = (const uint8_t *)text;
	struct mp_packet	 packet;
	struct mp_answer	 a;
	const char		*why;
	size_t			 at = 0;
	ssize_t			 n;

	(void)arg;
	while ((n = mp_take(p + at, text_len - at, &packet)) > 0) {
		(void)mp_answer(&packet, &a, &why);
		at += (size_t)n;
	}
}

static void
run_http(void *arg)
{
	struct buf	 body = { 0 };
	const char	*why;
	int		 status;

	(void)arg;
	(void)http_parse((const uint8_t *)text, text_len, 1, &status, &body,
	    &why);
	buf_free(&body);
}

static void
run_spamc(void *arg)
{
	struct spamc_reply	 r;
	char			 why[200], name[64], value[4000];
	char			 symbols[SPAMC_SYMBOLS_MAX + 1];
	size_t			 at = 0;

	(void)arg;
	(void)spamc_parse((const uint8_t *)text, text_len, 1, SPAMC_HEADERS,
	    &r, why, sizeof(why));
	/* (a body has a bound of its own, this one is to show the work) */
	r.body = (const uint8_t *)text;
	r.body_len = text_len;
	spamc_symbols(&r, SPAMC_HEADERS, symbols);
	spamc_symbols(&r, SPAMC_SYMBOLS, symbols);
	while (spamc_field(&r, &at, name, sizeof(name), value, sizeof(value)))
		;
}

/* --- with what */

static size_t	whole_packet = 65535, small = 16;

static const struct worst {
	const char	*name;
	void		(*fn)(void *);
	void		*arg;
	const char	*head, *each;
} worsts[] = {
	{ "received: short fields", run_received, NULL, "", "Received:\r\n" },
	{ "received: comments in comments", run_received, NULL,
	    "Received: from a ", "((((\r\n " },
	{ "received: comments with addresses", run_received, NULL,
	    "Received: from a ", "([192.0.2.1] 192.0.2.2)\r\n " },
	{ "received: fields with open comments", run_received, NULL, "",
	    "Received: from a ((((((((((((((((\r\n" },
	{ "received: words", run_received, NULL, "Received: from a ",
	    "by with by with\r\n\t" },
	{ "received: folds", run_received, NULL, "Received: from a", "\r\n " },
	{ "received: mbox lines", run_received, NULL, "",
	    "From a@b Mon Jan  1 00:00:00 2024\r\n" },
	{ "received: names without a colon", run_received, NULL, "", "a" },
	{ "spf: mechanisms", run_spf, NULL, "v=spf1", " a" },
	{ "spf: blanks", run_spf, NULL, "v=spf1", " " },
	{ "spf: one term", run_spf, NULL, "v=spf1 a:", "a." },
	{ "spf: slashes", run_spf, NULL, "v=spf1 a", "/1" },
	{ "spf: digits", run_spf, NULL, "v=spf1 a/", "1" },
	{ "spf: macros", run_spf, NULL, "v=spf1 exists:", "%{ir}." },
	{ "spf: delimiters of a macro", run_spf, NULL, "v=spf1 exists:%{i",
	    "-" },
	{ "spf: modifiers", run_spf, NULL, "v=spf1", " x=%{i}" },
	{ "spf: equals", run_spf, NULL, "v=spf1 x", "=" },
	{ "milter: short fields", run_milter_head, &whole_packet, "",
	    "a:\r\n" },
	{ "milter: a field without end", run_milter_head, &whole_packet,
	    "a: ", "b\r\n " },
	{ "milter: fields without room", run_milter_head, &small, "",
	    "a: bbbbbbbbbbbbbbbbbbbb\r\n" },
	{ "milter: names without a colon", run_milter_head, &whole_packet, "",
	    "a" },
	{ "milter: blanks before colons", run_milter_head, &whole_packet, "",
	    "a                :\r\n" },
	{ "milter: carriage returns", run_milter_head, &whole_packet, "a:",
	    "\r" },
	{ "milter: packets without data", run_packets, NULL, "", NULL },
	{ "msgedit: short fields", run_msgedit, NULL, "", "a:\r\n" },
	{ "msgedit: fields that are changed", run_msgedit, (void *)"a", "",
	    "a:\r\n" },
	{ "msgedit: subjects", run_msgedit, NULL, "", "Subject:\r\n" },
	{ "msgedit: a subject of words", run_msgedit, NULL, "Subject:",
	    " =?x?q?a\r\n" },
	{ "msgedit: folds", run_msgedit, NULL, "a:", "\r\n " },
	{ "msgedit: a name without a colon", run_msgedit, NULL, "", "a" },
	{ "http: short chunks", run_http, NULL, "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n" },
	{ "http: lines of a head", run_http, NULL, "HTTP/1.1 200 OK\r\n",
	    "a: b\r\n" },
	{ "spamc: fields", run_spamc, NULL, "", "X-Spam-A: b\r\n" },
	{ "spamc: folds", run_spamc, NULL, "X-Spam-Status: tests=",
	    "A,\r\n\t" },
	{ "spamc: lines that are no fields", run_spamc, NULL, "", "a\r\n" },
	{ "spamc: lines of a head", run_spamc, NULL, "SPAMD/1.1 0 EX_OK\r\n",
	    "a: b\r\n" }
};

static void
build(const struct worst *w, size_t size)
{
	static const char	empty[] = { 0, 0, 0, 1, 'p' };
	size_t			n = strlen(w->head);
	size_t			each = w->each == NULL ? sizeof(empty) :
				    strlen(w->each);

	memcpy(text, w->head, n);
	for (; n < size; n += each)
		memcpy(text + n, w->each == NULL ? empty : w->each, each);
	text[n] = '\0';
	text_len = n;
}

/*
 * Does the cost grow no faster than the text?  CPU time has ticks and other
 * processes in it, so several looks are taken; what grows with the square is
 * far over MORE in each of them.
 */
static int
is_bounded(const struct worst *w)
{
	uint64_t	once, more;
	int		i;

	for (i = 0; i < LOOKS; i++) {
		build(w, ONCE);
		once = cost_of(w->fn, w->arg);
		build(w, TIMES * ONCE);
		more = cost_of(w->fn, w->arg);
		printf("# %llu, and %llu for %d times the octets\n",
		    (unsigned long long)once, (unsigned long long)more, TIMES);
		/* (so little that it has no measure) */
		if (more <= MORE * once || more < 20000)
			return (1);
	}
	return (0);
}

int
main(void)
{
	size_t	i;

	spool_limits(sizeof(text), 4 * sizeof(text));
	for (i = 0; i < sizeof(worsts) / sizeof(worsts[0]); i++)
		ok(is_bounded(&worsts[i]), worsts[i].name);
	return (done());
}
