/*
 * Pass: the trace line that a server puts before a message (RFC 5321 4.4).
 * What the client called itself is anybody's text: of it only what may stand
 * in a header is taken.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "spamgreyd/pass/pass.h"

#define TRACE_HELO_MAX	255

/* A name or an address literal; whatever else was said becomes '?'. */
static void
trace_clean(char *dst, size_t size, const char *src)
{
	size_t	i;
	char	c;

	for (i = 0; i + 1 < size && (c = src[i]) != '\0'; i++)
		dst[i] = ascii_is_alnum(c) || strchr(".-_:[]", c) != NULL ?
		    c : '?';
	dst[i] = '\0';
}

/* RFC 3848, RFC 6531. */
static const char *
protocol(const struct session *s)
{
	int	utf8 = s->tx != NULL && s->tx->smtputf8;

	if (s->ms.tls_version != NULL)
		return (utf8 ? "UTF8SMTPS" : s->ms.esmtp ? "ESMTPS" : "SMTPS");
	return (utf8 ? "UTF8SMTP" : s->ms.esmtp ? "ESMTP" : "SMTP");
}

int
trace_received(const struct session *s, struct buf *b)
{
	char	a[ADDR_STRLEN], helo[TRACE_HELO_MAX + 1];
	char	version[32], cipher[64];
	int	six = !addr_is4(&s->ms.client);

	trace_clean(helo, sizeof(helo), s->helo == NULL ? "unknown" : s->helo);
	if (buf_printf(b, "Received: from %s (%s%s[%s%s])\r\n\tby %s with %s",
	    helo, s->ms.name == NULL ? "" : s->ms.name,
	    s->ms.name == NULL ? "" : " ", six ? "IPv6:" : "",
	    addr_str(&s->ms.client, a),
	    s->live->conf->hostname, protocol(s)) == -1)
		return (-1);
	if (s->ms.tls_version != NULL) {
		trace_clean(version, sizeof(version), s->ms.tls_version);
		trace_clean(cipher, sizeof(cipher), s->ms.tls_cipher == NULL ?
		    "unknown" : s->ms.tls_cipher);
		if (buf_printf(b, "\r\n\t(%s %s)", version, cipher) == -1)
			return (-1);
	}
	return (buf_printf(b, "\r\n\tid %016llx; %s\r\n",
	    (unsigned long long)s->ms.id, simple_date()));
}
