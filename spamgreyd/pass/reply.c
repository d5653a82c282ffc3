/*
 * Pass: what is said to a client.  Replies are queued here and written by
 * conn.c.  Refusals of our own end in `contact' and the session, those of
 * the MTA are its own.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/smtp/tmpl.h"
#include "spamgreyd/pass/pass.h"

void
pass_reply(struct session *s, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	if (simple_vprintf(&s->io.out, fmt, ap) == -1)
		pass_die(s, PE_MEMORY);
	va_end(ap);
}

int
pass_refusal(struct buf *out, const struct config *conf, uint64_t id,
    const struct addr *client, int code, const char *enhanced,
    const char *text)
{
	char	line[SMTP_REPLY_LINE_MAX - 20], *p;
	int	contact = conf->contact != NULL;

	/* A text from elsewhere is one line, and what may stand in it. */
	snprintf(line, sizeof(line), "%s", text);
	for (p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (buf_printf(out, "%d%c%s %s\r\n", code, contact ? '-' : ' ',
	    enhanced, line) == -1)
		return (-1);
	if (!contact)
		return (0);
	return (tmpl_contact(out, code, enhanced, conf->contact, id, client));
}

void
pass_refuse(struct session *s, int code, const char *enhanced,
    const char *text)
{
	if (pass_refusal(&s->io.out, s->live->conf, s->ms.id, &s->ms.client,
	    code, enhanced, text) == -1)
		pass_die(s, PE_MEMORY);
}

void
pass_refuse_verdict(struct session *s, const struct verdict *v)
{
	pass_refuse(s, v->code, v->enhanced, v->text);
}

void
pass_reply_mta(struct session *s, const struct smtpreply *r)
{
	if (r->text == NULL || buf_add(&s->io.out, r->text, r->len) == -1)
		pass_die(s, PE_MEMORY);
}
