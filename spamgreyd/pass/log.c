/*
 * Pass: what is told of a session: a line for each message, one at its end,
 * and the counters. All text of a client or an MTA is encoded.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"
#include "spamgreyd/pass/scan/scan.h"

static const char *const stat_names[PSTAT_MAX] = {
	[PSTAT_SESSIONS] = "sessions-total",
	[PSTAT_HANDED] = "handed-over",
	[PSTAT_NOT_WHITE] = "not-white",
	[PSTAT_LIMIT] = "over-sessions",
	[PSTAT_DELIVERED] = "delivered",
	[PSTAT_REFUSED] = "refused",
	[PSTAT_DEFERRED] = "deferred",
	[PSTAT_RCPT] = "recipients",
	[PSTAT_RCPT_REFUSED] = "recipients-refused",
	[PSTAT_RELAY_DENIED] = "relay-denied",
	[PSTAT_LOOP] = "loop",
	[PSTAT_TOO_BIG] = "too-big",
	[PSTAT_SPOOL_FULL] = "spool-full",
	[PSTAT_MTA_FAILED] = "mta-failed",
	[PSTAT_TLS] = "tls-total",
	[PSTAT_TLS_FAILED] = "tls-failed",
	[PSTAT_MARKED] = "marked",
	[PSTAT_POINTS_REJECTED] = "points-rejected",
	[PSTAT_TIMEOUT] = "timeout",
	[PSTAT_REPLAYED] = "replayed",
	[PSTAT_TRAPPED] = "trapped",
	[PSTAT_BYTES] = "bytes",
	[PSTAT_NO_SCAN] = "no-scan",
	[PSTAT_LIMIT_HOST] = "over-host",
	[PSTAT_LIMIT_NETWORK] = "over-network",
	[PSTAT_SLOW] = "slow-data",
};

static const char *const end_names[] = {
	[PE_NONE] = "none",
	[PE_QUIT] = "quit",
	[PE_HANGUP] = "hangup",
	[PE_ERROR] = "error",
	[PE_IDLE] = "idle",
	[PE_SLOW] = "slow-data",
	[PE_SESSION] = "session-time",
	[PE_REFUSED] = "refused",
	[PE_BAD_COMMANDS] = "bad-commands",
	[PE_FOREIGN] = "foreign-command",
	[PE_TLS] = "tls",
	[PE_SHUTDOWN] = "shutdown",
	[PE_MEMORY] = "memory",
	[PE_TRAPPED] = "trapped",
	[PE_NOT_TO] = "not-to",
	[PE_MTA] = "mta",
	[PE_UNINVITED] = "tls-not-offered",
};

static struct buf	line;		/* its memory is used again */

/* What became of the session, in a word. */
static const char *
pass_verdict_str(const struct session *s)
{
	if (s->delivered > 0)
		return ("delivered");
	if (s->refused > 0)
		return ("refused");
	return (s->deferred > 0 ? "deferred" : "none");
}

static void
put_count(const char *name, uint32_t n)
{
	if (n > 0)
		(void)buf_printf(&line, " %s=%u", name, n);
}

/* What the host was when it came, and how it came. */
static void
put_host(const struct session *s)
{
	static const char *const kinds[] = {
		[HANDOVER_WHITE] = "white",
		[HANDOVER_WHITELISTED] = "whitelisted",
		[HANDOVER_NOT_TO] = "not-to",
	};

	(void)buf_printf(&line, " host=%s", s->kind == HANDOVER_WHITE &&
	    s->ms.loopback ? "loopback" : kinds[s->kind]);
	if (s->ms.handed)
		(void)buf_addstr(&line, " handed-over");
	if (s->ms.no_scan)
		(void)buf_addstr(&line, " no-scan");
}

/* Logs the line that was put together. */
static void
line_out(const struct session *s, const char *event)
{
	log_event(s->ms.id, event, "%.*s", (int)buf_len(&line),
	    (const char *)buf_ptr(&line));
}

/* The line that sums up a session. */
void
pass_log_end(const struct session *s)
{
	char	a[ADDR_STRLEN];

	buf_drain_keep(&line, buf_len(&line));
	(void)buf_printf(&line, "address=%s seconds=%lld verdict=%s reason=%s",
	    addr_str(&s->ms.client, a),
	    (long long)(clock_mono() - s->ms.start) / 1000, pass_verdict_str(s),
	    end_names[s->end]);
	put_host(s);
	put_count("delivered", s->delivered);
	put_count("refused", s->refused);
	put_count("deferred", s->deferred);
	if (s->ms.events != 0)
		log_put_events(&line, s->ms.events);
	log_put_text(&line, "name", s->ms.name);
	log_put_text(&line, "helo", s->helo);
	log_put_text(&line, "from", s->log_from);
	log_put_text(&line, "to", s->log_to);
	if (s->rcpts > 1)
		put_count("recipients", s->rcpts);
	log_put_text(&line, "tls", s->tls_version);
	(void)buf_printf(&line, " dst=%s port=%u in=%llu out=%llu",
	    addr_str(&s->ms.dst, a), s->ms.dport,
	    (unsigned long long)s->io.bytes_in,
	    (unsigned long long)s->io.bytes_out);
	run_log(&s->ms, &line);
	line_out(s, "end");
}

/* The first recipient of the message; NULL: none. */
static const char *
first_rcpt(const struct ptx *tx)
{
	const struct rcpt	*r;

	TAILQ_FOREACH(r, &tx->rcpts, entry)
		if (r->accepted)
			return (r->to);
	return (NULL);
}

void
pass_log_message(const struct session *s, const char *outcome,
    const char *reply)
{
	const struct ptx	*tx = s->tx;
	char			 a[ADDR_STRLEN];

	buf_drain_keep(&line, buf_len(&line));
	(void)buf_printf(&line, "address=%s outcome=%s",
	    addr_str(&s->ms.client, a), outcome);
	if (tx != NULL) {
		log_put_text(&line, "from", tx->from);
		log_put_text(&line, "to", first_rcpt(tx));
		if (tx->naccepted > 1)
			put_count("recipients", tx->naccepted);
		if (tx->spool != NULL)
			(void)buf_printf(&line, " size=%llu",
			    (unsigned long long)spool_size(tx->spool));
	}
	if (s->ms.no_scan)
		(void)buf_addstr(&line, " no-scan");
	run_log(&s->ms, &line);
	log_put_text(&line, "reply", reply);
	line_out(s, "message");
}

/* A counter with its whole name; arg: the question's id. */
static void
pass_stat_put_named(const char *name, int64_t value, void *arg)
{
	if (proto_put_stat(chan_ipc(pass.store), *(uint64_t *)arg, name,
	    value) == 0)
		(void)chan_send(pass.store, -1);
}

/* A counter of pass: "pass.NAME". */
static void
pass_stat_put(const char *name, int64_t value, void *arg)
{
	char	full[64];

	snprintf(full, sizeof(full), "pass.%s", name);
	pass_stat_put_named(full, value, arg);
}

void
pass_stats(uint64_t id)
{
	uint64_t	memory, files;
	uint32_t	messages;
	unsigned int	i;

	if (pass.store == NULL)
		return;
	pass_stat_put("sessions", pass.count, &id);
	pass_stat_put("sessions-limit", pass.live->max, &id);
	pass_stat_put("hosts-known", (int64_t)hosts_count(pass.hosts), &id);
	for (i = 0; i < PSTAT_MAX; i++)
		pass_stat_put(stat_names[i], (int64_t)pass.stat[i], &id);
	spool_stats(&memory, &files, &messages);
	pass_stat_put("spool-messages", messages, &id);
	pass_stat_put("spool-memory", (int64_t)memory, &id);
	pass_stat_put("spool-files", (int64_t)files, &id);
	run_stats(pass_stat_put_named, &id);
	scan_stats(pass_stat_put_named, &id);
	(void)chan_send_empty(pass.store, MSG_STAT_END, id);
}
