/*
 * Pass: the message. It goes into the spool while it arrives, is shown to the
 * modules when it is whole, and only then goes to the MTA, whose answer is the
 * client's: nothing here answers 250 to a final dot.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

/* Octets that are decoded at once, in the header and behind it. */
#define HEAD_CHUNK	1024
#define BODY_CHUNK	8192
/* The most that smtpdata_decode makes of them. */
#define DECODED(n)	(2 * (n) + 4)
#define BAD_EVENTS	(1u << EVENT_VIRUS | 1u << EVENT_SPAM)

void
body_free(struct ptx *tx)
{
	spool_free(tx->spool);
	tx->spool = NULL;
}

/* While a client sends a long message, the MTA is kept from timing out. */
static void
body_noop(struct session *s)
{
	relay_noop(s);
	pass_timer(s, PASS_NOOP, body_noop);
}

/* The 354 is queued; all input is the message from here on. */
void
body_begin(struct session *s)
{
	memset(&s->tx->in, 0, sizeof(s->tx->in));
	memset(&s->tx->head, 0, sizeof(s->tx->head));
	s->tx->head.drop = "X-Spamgreyd";
	s->tx->head.drops = run_drops(&s->ms);
	s->tx->toobig = s->tx->lost = 0;
	s->dialogue.noticed = 0;
	s->read_ms = 0;
	s->read_from = s->io.bytes_in;
	s->state = PS_DATA;
	pass_timer(s, PASS_NOOP, body_noop);
}

/*
 * The message is not wanted any more (too big, or the spool failed with
 * error): the rest is read and forgotten, as SMTP has no other way to answer
 * than at the final dot.
 */
static void
body_drop(struct session *s, int toobig, int error)
{
	char	enc[128];

	s->tx->toobig = toobig;
	s->tx->lost = error;
	if (error != 0)
		log_event(s->ms.id, "spool", "size=%llu error=%s reply=452 "
		    "hint=state-directory-full",
		    (unsigned long long)spool_size(s->tx->spool),
		    log_encode_str(enc, sizeof(enc), strerror(error)));
	body_free(s->tx);
}

/* Returns 1, and drops the message, if it would exceed the maximum. */
static int
body_too_big(struct session *s, size_t len)
{
	if (s->dialogue.max == 0 ||
	    spool_size(s->tx->spool) + len <= s->dialogue.max)
		return (0);
	body_drop(s, 1, 0);
	return (1);
}

/* Adds octets to the spool, unless the message was dropped. */
static void
body_store(struct session *s, const uint8_t *data, size_t len)
{
	struct spool	*sp = s->tx->spool;

	if (sp == NULL || len == 0 || body_too_big(s, len))
		return;
	if (spool_write(sp, data, len) == -1)
		body_drop(s, 0, errno == 0 ? EIO : errno);
}

/* The message has its answer: counts and logs it, and ends the transaction. */
static void
body_end(struct session *s, int code, const char *words)
{
	const char	*outcome;

	if (code >= 200 && code < 300) {
		outcome = "delivered";
		s->delivered++;
		s->ms.messages++;
		pass.stat[PSTAT_DELIVERED]++;
	} else if (code >= 500) {
		outcome = "refused";
		s->refused++;
		pass.stat[PSTAT_REFUSED]++;
	} else {
		outcome = "deferred";
		s->deferred++;
		pass.stat[PSTAT_DEFERRED]++;
	}
	pass_log_message(s, outcome, words);
	ptx_end(s);
	ptx_answered(s);
}

/* Refuses the message ourselves. */
static void
body_refuse(struct session *s, int code, const char *enhanced,
    const char *text)
{
	char	words[300];

	snprintf(words, sizeof(words), "%d %s %s", code, enhanced, text);
	pass_refuse(s, code, enhanced, text);
	body_end(s, code, words);
}

/* Refuses it with a module's words. */
static void
body_refuse_verdict(struct session *s, const struct verdict *v)
{
	char	words[300];

	snprintf(words, sizeof(words), "%d %s %s", v->code, v->enhanced,
	    v->text);
	dialogue_refuse(s, v);
	body_end(s, v->code, words);
}

/*
 * The MTA's answer to the message, or NULL when there is none. A message that
 * is marked counts neither as good nor as bad mail.
 */
static void
body_answered(struct session *s, const struct smtpreply *r)
{
	const char	*line;
	char		 words[512];
	size_t		 len;

	if (r == NULL) {
		relay_refuse(s);
		body_end(s, 451, s->dialogue.why);
		return;
	}
	pass_reply_mta(s, r);
	if (r->code == 421)
		s->dialogue.closes = PE_MTA;
	line = smtpreply_line(r, 0, &len);
	snprintf(words, sizeof(words), "%d %.*s", r->code,
	    line == NULL ? 0 : (int)(len < 480 ? len : 480),
	    line == NULL ? "" : line);
	pass.stat[PSTAT_BYTES] += r->code < 300 ? spool_size(s->tx->spool) : 0;
	if (r->code < 300 && run_over(&s->ms) == 0)
		pass_store_mail(s, 0);
	body_end(s, r->code, words);
}

/*
 * What goes before the message: our Received line, where the MTA does not know
 * the client (else it writes its own), and the modules' header fields for a
 * marked one. -1: no memory.
 */
static int
body_head(struct session *s, int mark)
{
	buf_free(&s->dialogue.head);
	if (s->tx->relay->client == CLIENT_RECEIVED &&
	    trace_received(s, &s->dialogue.head) == -1)
		return (-1);
	if (!mark)
		return (0);
	pass.stat[PSTAT_MARKED]++;
	return (run_headers(&s->ms, &s->dialogue.head));
}

/* The host sent a message that was refused for its content. */
static void
body_bad(struct session *s)
{
	pass_store_mail(s, 1);
}

/* Refused for its points; an event SPAM, unless a module has reported one. */
static void
body_points(struct session *s)
{
	char	text[256], why[200];

	if (s->live->conf->pass->reply_rules)
		run_rules(&s->ms, why, sizeof(why));
	else
		run_reasons(&s->ms, why, sizeof(why));
	snprintf(text, sizeof(text), "The message was rejected as spam: %s",
	    why);
	pass.stat[PSTAT_POINTS_REJECTED]++;
	if (!(s->ms.events & BAD_EVENTS)) {
		s->ms.events |= 1u << EVENT_SPAM;
		pass_store_event(s, EVENT_SPAM);
	}
	body_bad(s);
	body_refuse(s, 550, "5.7.1", text);
}

/* One of ours, "NNN X.X.X text". */
static void
body_refuse_text(struct session *s, const char *text)
{
	char		 enhanced[6];
	const char	*words;
	int		 code = simple_split(text, enhanced, &words);

	body_refuse(s, code, enhanced, words);
}

/*
 * The message is as it will be delivered, or error says why it cannot be. If
 * the client has gone, it is not delivered: nobody hears the answer, so the
 * client would send it again.
 */
static void
body_edited(struct session *s, const char *error)
{
	if (s->io.flags & IO_EOF) {
		pass_die(s, PE_HANGUP);
		return;
	}
	if (error != NULL) {
		body_refuse_text(s, error);
		return;
	}
	if (body_head(s, run_over(&s->ms) > 0) == -1) {
		body_refuse(s, 451, "4.3.0", "Out of memory, please try again "
		    "later");
		return;
	}
	relay_data(s, body_answered);
}

/*
 * No module refused it: the sum of the points decides. A message whose
 * recipients are postmaster or abuse alone, and one of a whitelisted host, is
 * never refused for points.
 */
static void
body_relay(struct session *s)
{
	int	over = run_over(&s->ms);

	if (over == 2 && (s->tx->rcpt_kinds & RCPTS_OTHERS) &&
	    !s->ms.whitelisted)
		body_points(s);
	else
		edit_begin(s, over > 0, body_edited);
}

/* The modules have seen the whole message. */
static void
body_staged(struct session *s, const struct verdict *v)
{
	unsigned int	bad = s->ms.events & BAD_EVENTS;

	if (v->kind == VERDICT_NEXT) {
		body_relay(s);
		return;
	}
	if (bad != 0 || v->kind == VERDICT_REJECT)
		body_bad(s);
	body_refuse_verdict(s, v);
}

/* Why the message is refused before any module sees it; NULL: it is not. */
static const char *
body_fault(const struct session *s)
{
	const struct ptx	*tx = s->tx;

	if (tx->toobig)
		return ("552 5.3.4 Message exceeds the maximum size");
	if (tx->lost)
		return ("452 4.3.1 There is no room for the message; please "
		    "try again later");
	if (tx->head.received > s->live->conf->pass->received)
		return ("554 5.4.6 Mail loop detected: too many Received "
		    "lines");
	if (s->live->conf->pass->reject_newlines &&
	    (tx->in.bare_lf || tx->in.bare_cr))
		return ("550 5.5.2 The message has lines that do not end in "
		    "CR LF");
	return (NULL);
}

/*
 * The final dot has come. What modules noted in the message so far is answered
 * now.
 */
static void
body_ended(struct session *s)
{
	struct ptx	*tx = s->tx;
	struct verdict	 v = s->dialogue.notice;
	const char	*fault;
	uint8_t		 rest[MSGHEAD_ROOM(0)];

	body_store(s, rest, msghead_finish(&tx->head, rest));
	if (tx->spool != NULL && !tx->in.dots)
		spool_no_dots(tx->spool);
	ptx_budget(s, DOING_DOT);
	s->dialogue.notice = verdict_next();
	if ((fault = body_fault(s)) != NULL) {
		if (tx->toobig)
			pass.stat[PSTAT_TOO_BIG]++;
		else if (tx->lost)
			pass.stat[PSTAT_SPOOL_FULL]++;
		else if (tx->head.received > s->live->conf->pass->received)
			pass.stat[PSTAT_LOOP]++;
		body_refuse_text(s, fault);
		return;
	}
	if (v.kind != VERDICT_NEXT) {
		body_refuse_verdict(s, &v);
		return;
	}
	s->ms.spool = tx->spool;
	if (s->ms.no_scan)
		pass.stat[PSTAT_NO_SCAN]++;
	/* VIRUS and SPAM are those of this message from here on. */
	s->dialogue.events = s->ms.events & BAD_EVENTS;
	s->ms.events &= ~BAD_EVENTS;
	s->state = PS_STAGE;
	name_stage(s, STAGE_EOM, body_staged);
}

/*
 * Decodes a piece of the header, and filters it.  Returns how much of the piece
 * was used.
 */
static size_t
head_piece(struct session *s, const uint8_t *data, size_t len, int *end)
{
	static uint8_t	 text[DECODED(HEAD_CHUNK)];
	static uint8_t	 out[MSGHEAD_ROOM(DECODED(HEAD_CHUNK))];
	struct ptx	*tx = s->tx;
	size_t		 used, n;

	used = smtpdata_decode(&tx->in, data, len < HEAD_CHUNK ? len :
	    HEAD_CHUNK, text, &n, end);
	body_store(s, out, msghead_filter(&tx->head, text, n, out));
	return (used);
}

/*
 * Decodes a piece behind the header straight into the spool's memory, or, when
 * that has no room, first into memory of our own.
 */
static size_t
body_piece(struct session *s, const uint8_t *data, size_t len, int *end)
{
	static uint8_t	 text[DECODED(BODY_CHUNK)];
	struct spool	*sp = s->tx->spool;
	uint8_t		*room = NULL;
	size_t		 used, n, all = len;

	if (len > BODY_CHUNK)
		len = BODY_CHUNK;
	if (sp != NULL)
		room = spool_room(sp, DECODED(len), all + 4);
	used = smtpdata_decode(&s->tx->in, data, len,
	    room != NULL ? room : text, &n, end);
	if (room == NULL)
		body_store(s, text, n);
	else if (!body_too_big(s, n))
		spool_wrote(sp, n);
	return (used);
}

/* Returns how many octets were used: all, or up to the final dot. */
size_t
body_input(struct session *s, const uint8_t *data, size_t len)
{
	size_t		 pos = 0;
	int		 end = 0;

	s->last = clock_mono();
	while (pos < len && !end)
		pos += (msghead_over(&s->tx->head) ? body_piece : head_piece)
		    (s, data + pos, len - pos, &end);
	if (s->tx->in.bare_lf && !s->dialogue.noticed) {
		s->dialogue.noticed = 1;
		pass_noticed(s, EVENT_BARE_LF);
	}
	if (end)
		body_ended(s);
	return (pos);
}
