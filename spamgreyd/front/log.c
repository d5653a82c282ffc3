/*
 * Front: what is told of a connection: its events, its one line at the end,
 * and the counters.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

static const char *const front_stat_names[STAT_MAX] = {
	[STAT_CONNECTIONS] = "connections-total",
	[STAT_GREY] = "grey",
	[STAT_PASS] = "pass",
	[STAT_TRAPPED] = "trapped",
	[STAT_BLACKLISTED] = "blacklisted",
	[STAT_WHITE] = "white-at-front",
	[STAT_UNSTORED] = "unstored",
	[STAT_NONE] = "no-recipient",
	[STAT_OVER_CONNECTIONS] = "over-connections",
	[STAT_OVER_HOST] = "over-per-host",
	[STAT_OVER_NETWORK] = "over-per-network",
	[STAT_OVER_DESCRIPTORS] = "over-descriptors",
	[STAT_EARLY] = "early-talker",
	[STAT_PIPELINING] = "pipelining",
	[STAT_BARE_LF] = "bare-lf",
	[STAT_FOREIGN] = "foreign-command",
	[STAT_HTTP] = "http-command",
	[STAT_TLS] = "tls-total",
	[STAT_TLS_FAILED] = "tls-failed",
	[STAT_TIMEOUT] = "timeout",
	[STAT_RCPT] = "recipients",
	[STAT_LATE] = "late-answer",
	[STAT_HANDED] = "handed",
	[STAT_HANDOVER_REFUSED] = "handover-refused",
};

static const char *const front_end_names[] = {
	[END_NONE] = "none",
	[END_QUIT] = "quit",
	[END_HANGUP] = "hangup",
	[END_ERROR] = "error",
	[END_IDLE] = "idle",
	[END_SESSION] = "session-time",
	[END_REFUSED] = "refused",
	[END_BAD_COMMANDS] = "bad-commands",
	[END_FOREIGN] = "foreign-command",
	[END_TLS] = "tls",
	[END_SHUTDOWN] = "shutdown",
	[END_MEMORY] = "memory",
	[END_HANDOVER] = "handover",
	[END_HANDED] = "handed",
	[END_UNINVITED] = "tls-not-offered",
};

/* What became of the session: the counter that it belongs to. */
int
front_stat_verdict(const struct conn *c)
{
	if (c->flags & F_IN_PASS)
		return (STAT_HANDED);
	switch (c->kind) {
	case KIND_TRAPPED:
		return (STAT_TRAPPED);
	case KIND_BLACK:
		return (STAT_BLACKLISTED);
	case KIND_PASS:
		return (STAT_PASS);
	default:
		break;
	}
	if (c->flags & F_UNSTORED)
		return (STAT_UNSTORED);
	if (c->kind == KIND_WHITE || c->kind == KIND_WHITELISTED ||
	    (c->flags & F_WHITE_SEEN))
		return (STAT_WHITE);
	return (c->flags & F_GREYED ? STAT_GREY : STAT_NONE);
}

static const char *
front_verdict_str(const struct conn *c)
{
	switch (front_stat_verdict(c)) {
	case STAT_HANDED:
		return ("handed");
	case STAT_TRAPPED:
		return ("trapped");
	case STAT_BLACKLISTED:
		return ("blacklisted");
	case STAT_PASS:
		return ("pass");
	case STAT_UNSTORED:
		return ("unstored");
	case STAT_WHITE:
		return (c->kind == KIND_WHITELISTED ? "whitelisted" : "white");
	case STAT_GREY:
		return ("grey");
	default:
		return ("none");
	}
}

/* " lists=a,b": the blacklists that have the host. */
static void
put_lists(struct buf *b, const struct conn *c)
{
	const struct conf_list	*l;
	char			 enc[CLIENT_LOG_FIELD];
	const char		*sep = " lists=";
	unsigned int		 i;

	for (i = 0; i < ADDRSET_LISTS_MAX; i++) {
		if (!(c->lists & UINT64_C(1) << i) ||
		    (l = config_list(c->live->conf, i)) == NULL)
			continue;
		(void)buf_printf(b, "%s%s", sep,
		    log_encode_str(enc, sizeof(enc), l->name));
		sep = ",";
	}
}

/* The line that sums up a connection. A client's text is encoded and cut. */
void
front_log_end(const struct conn *c)
{
	static struct buf	 b;	/* its memory is used again */
	char			 a[ADDR_STRLEN];

	buf_drain_keep(&b, buf_len(&b));
	(void)buf_printf(&b, "address=%s seconds=%lld verdict=%s reason=%s",
	    addr_str(&c->client, a),
	    (long long)(clock_mono() - c->start) / 1000, front_verdict_str(c),
	    front_end_names[c->end]);
	if (c->kind == KIND_TRAPPED)
		(void)buf_printf(&b, " trap=%s", trap_reason_str(c->reason));
	if (c->lists != 0)
		put_lists(&b, c);
	if (c->events != 0)
		log_put_events(&b, c->events);
	log_put_text(&b, "helo", c->helo);
	log_put_text(&b, "from", c->log_from);
	log_put_text(&b, "to", c->log_to);
	if (c->rcpts > 1)
		(void)buf_printf(&b, " recipients=%u", c->rcpts);
	if (c->tls_minor != 0)
		(void)buf_printf(&b, " tls=TLSv1.%u", c->tls_minor);
	(void)buf_printf(&b, " dst=%s port=%u in=%llu out=%llu",
	    addr_str(&c->dst, a), c->dport, (unsigned long long)c->io.bytes_in,
	    (unsigned long long)c->io.bytes_out);
	log_event(c->id, "end", "%.*s", (int)buf_len(&b),
	    (const char *)buf_ptr(&b));
}

/*
 * Noted once a session and kind; store reacts as the `on' lines say. A
 * whitelisted host is never trapped, and a trapped or blacklisted one gets the
 * whole tarpit already, so store hears of neither.
 */
void
front_event(struct conn *c, enum host_event event)
{
	static const enum front_stat stats[EVENT_MAX] = {
		[EVENT_EARLY_TALKER] = STAT_EARLY,
		[EVENT_PIPELINING] = STAT_PIPELINING,
		[EVENT_BARE_LF] = STAT_BARE_LF,
		[EVENT_FOREIGN_COMMAND] = STAT_FOREIGN,
		[EVENT_HTTP_COMMAND] = STAT_HTTP
	};
	char	a[ADDR_STRLEN];

	if (c->events & 1 << event)
		return;
	c->events |= (uint8_t)(1 << event);
	front.stat[stats[event]]++;
	log_event(c->id, host_event_str(event), "address=%s",
	    addr_str(&c->client, a));
	if (c->kind != KIND_WHITELISTED && !conn_is_black(c))
		tell_event(c, event);
}

static void
front_stat_put(uint64_t id, const char *name, uint64_t value)
{
	char	full[64];

	snprintf(full, sizeof(full), "front.%s", name);
	if (proto_put_stat(chan_ipc(front.store), id, full,
	    (int64_t)value) == 0)
		(void)chan_send(front.store, -1);
}

/* All counters to store, STAT_END at last. */
void
front_stats(uint64_t id)
{
	unsigned int	i;

	front_stat_put(id, "connections", front.count);
	front_stat_put(id, "connections-limit", front.live->max);
	front_stat_put(id, "connections-tarpitted", front.black);
	front_stat_put(id, "connections-tls", front.tls);
	front_stat_put(id, "hosts-known", hosts_count(front.hosts));
	for (i = 0; i < STAT_MAX; i++)
		front_stat_put(id, front_stat_names[i], front.stat[i]);
	(void)chan_send_empty(front.store, MSG_STAT_END, id);
}
