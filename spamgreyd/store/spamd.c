/*
 * Store: the log lines that OpenBSD's spamd writes about its database, word
 * for word, for programs that parse them (`log spamd').  They are collected
 * while a batch runs and logged after its commit.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/store/store.h"

#define FIELD		512	/* bytes of a client's text on a line */

/* Adds a line with its NUL; when memory is short the line is lost. */
static void	add(struct store *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));

static void
add(struct store *st, const char *fmt, ...)
{
	char	line[LOG_LINE_MAX];
	va_list	ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_add(&st->spamd, line, strlen(line) + 1);
}

/*
 * Adds the lines for one RCPT.  known: the tuple or the trap was there
 * before, which spamd logs as "updated".
 */
void
store_spamd_rcpt(struct store *st, const struct rcpt_req *req,
    const struct rcpt_answer *ans, int known)
{
	char	ip[ADDR_STRLEN], mx[ADDR_STRLEN], helo[FIELD], from[FIELD],
		to[FIELD];
	int	trapped = ans->verdict == RCPT_TRAPPED;

	if (!trapped && ans->verdict != RCPT_GREY && ans->verdict != RCPT_PASS)
		return;
	addr_str(&req->client, ip);
	log_encode_str(helo, sizeof(helo), req->helo);
	log_encode_str(from, sizeof(from), req->from);
	log_encode_str(to, sizeof(to), req->to);
	if (trapped && ans->reason == TRAP_MX && !known)
		add(st, "Trapping %s for trying %s first for tuple %s %s %s "
		    "%s", ip, addr_str(&req->mx, mx), ip, helo, from, to);
	else if (trapped && !known)
		add(st, "Trapping %s for tuple %s %s %s %s", ip, ip, helo,
		    from, to);
	add(st, "%s %sentry %s from %s to %s, helo %s",
	    known ? "updated" : "new", trapped ? "greytrap " : "", ip,
	    from, to, helo);
	if (ans->verdict == RCPT_PASS)
		add(st, "whitelisting %s in %s", ip,
		    st->child->conf->statedir);
}

/*
 * Logs the lines of the batch if it was stored, and forgets them in any case.
 */
void
store_spamd_say(struct store *st, int stored)
{
	const char	*line, *end;
	size_t		 len = buf_len(&st->spamd);

	if (len == 0)
		return;
	line = (const char *)buf_ptr(&st->spamd);
	for (end = line + len; stored && line < end; line += strlen(line) + 1)
		log_spamd(LOG_DEBUG, "%s", line);
	buf_free(&st->spamd);
}
