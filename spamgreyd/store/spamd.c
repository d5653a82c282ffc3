/*
 * Store: the lines that OpenBSD's spamd logs of its database, in its words,
 * for those who parse them (`log spamd').  They are made while a batch runs,
 * and said when it is on disk.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/store/store.h"

#define FIELD		512	/* octets of a peer's text on a line */

/* A line, with its NUL; without memory there is none. */
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

/* What a RCPT led to, as spamd's greylister says it. */
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
