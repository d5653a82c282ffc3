/*
 * A server's reply, put together from its lines; see reply.h.  The cost is
 * bounded, and the text always holds what came so far, made fit to be shown:
 * whole lines with CRLF, no control characters.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/smtp/caps.h"
#include "lib/smtp/reply.h"

#define TEXT_MIN	128	/* octets; most replies are shorter */

/*
 * The memory of a text follows from its length, so that it need not be stored.
 */
static size_t
text_room(size_t len)
{
	size_t	room = TEXT_MIN;

	while (room < len + 1)
		room *= 2;
	return (room);
}

/* 0, or -1 without memory. */
static int
text_add(struct smtpreply *r, const char *p, size_t n)
{
	char	*text;
	size_t	 room = text_room(r->len + n);

	if (r->text == NULL || room > text_room(r->len)) {
		if ((text = realloc(r->text, room)) == NULL)
			return (-1);
		r->text = text;
	}
	memcpy(r->text + r->len, p, n);
	r->len += n;
	r->text[r->len] = '\0';
	return (0);
}

/* Where the line that is not complete yet begins. */
static size_t
line_begin(const struct smtpreply *r)
{
	size_t	i;

	for (i = r->len; i > 0 && r->text[i - 1] != '\n'; i--)
		;
	return (i);
}

/* The code at the beginning of a line, or -1. RFC 5321 has 200 to 599. */
static int
line_code(const char *line, size_t len)
{
	if (len < 3 || line[0] < '2' || line[0] > '5' ||
	    !ascii_is_digit(line[1]) || !ascii_is_digit(line[2]))
		return (-1);
	if (len > 3 && line[3] != ' ' && line[3] != '-')
		return (-1);
	return ((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
}

/*
 * The last line of the text is complete, without its end.  1: it ends the
 * reply; -1: it is not one.
 */
static int
reply_line_end(struct smtpreply *r)
{
	size_t	 i, begin = line_begin(r), len = r->len - begin;
	char	*line = r->text + begin;
	int	 code;

	if (len > 0 && line[len - 1] == '\r')
		r->len = begin + --len;
	for (i = 0; i < len; i++)
		if (ascii_is_control(line[i]))
			line[i] = '?';
	code = line_code(line, len);
	if (code == -1 || (r->lines > 0 && code != r->code))
		return (-1);
	r->code = code;
	r->lines++;
	return (len < 4 || line[3] == ' ');
}

/*
 * Can what came of a line not become one of SMTP? Seen early, so that a server
 * that sends no line ends does not keep a connection until it is full.
 */
static int
line_hopeless(const struct smtpreply *r)
{
	static const char	 like[] = "200 ";
	char			 head[4];
	size_t			 begin = line_begin(r), len = r->len - begin;

	if (len == 0)
		return (0);
	if (len > 4)
		len = 4;
	memcpy(head, like, sizeof(head));
	memcpy(head, r->text + begin, len);
	if (head[3] == '\r')
		head[3] = ' ';		/* "250\r" is the end of a line */
	return (line_code(head, sizeof(head)) == -1);
}

/* The text has room for a line end behind each line. */
enum smtpreply_result
smtpreply_input(struct smtpreply *r, const uint8_t *data, size_t len,
    size_t *used)
{
	const uint8_t	*lf;
	size_t		 n;
	int		 end;

	for (*used = 0; *used < len; *used += n + 1) {
		lf = memchr(data + *used, '\n', len - *used);
		n = lf == NULL ? len - *used : (size_t)(lf - (data + *used));
		if (r->len + n > SMTPREPLY_MAX - 2)
			return (SMTPREPLY_BAD);
		if (text_add(r, (const char *)data + *used, n) == -1)
			return (SMTPREPLY_NOMEM);
		if (lf == NULL) {
			*used += n;
			return (line_hopeless(r) ? SMTPREPLY_BAD :
			    SMTPREPLY_MORE);
		}
		if ((end = reply_line_end(r)) == -1)
			return (SMTPREPLY_BAD);
		if (text_add(r, "\r\n", 2) == -1)
			return (SMTPREPLY_NOMEM);
		if (end) {
			*used += n + 1;
			return (SMTPREPLY_DONE);
		}
	}
	return (SMTPREPLY_MORE);
}

/* NULL text is fine. */
void
smtpreply_clear(struct smtpreply *r)
{
	free(r->text);
	memset(r, 0, sizeof(*r));
}

/* For a connection that expects the next reply. */
void
smtpreply_reuse(struct smtpreply *r)
{
	r->code = 0;
	r->lines = 0;
	r->len = 0;
	if (r->text != NULL)
		r->text[0] = '\0';
}

/* The text behind the code and its separator, without the line end. */
const char *
smtpreply_line(const struct smtpreply *r, unsigned int n, size_t *len)
{
	const char	*p = r->text, *end;

	if (n >= r->lines)
		return (NULL);
	for (; n > 0; n--)
		p = strchr(p, '\n') + 1;
	end = strchr(p, '\r');
	p += end - p < 4 ? end - p : 4;
	*len = (size_t)(end - p);
	return (p);
}

/* Moves *p to the next word; returns its length, 0 at the end. */
static size_t
word_next(const char **p, const char *end)
{
	size_t	n;

	while (*p < end && **p == ' ')
		(*p)++;
	for (n = 0; *p + n < end && (*p)[n] != ' '; n++)
		;
	return (n);
}

/* A value that is not a number, or too large to be kept, is no limit. */
static uint64_t
ehlo_size(const char *p, const char *end)
{
	uint64_t	v = 0;
	size_t		n = word_next(&p, end), i;

	for (i = 0; i < n; i++) {
		if (!ascii_is_digit(p[i]) || v > UINT64_MAX / 10 - 1)
			return (0);
		v = v * 10 + (uint64_t)(p[i] - '0');
	}
	return (v);
}

/* The attributes that the server accepts, as bits. */
static unsigned int
ehlo_xclient(const char *p, const char *end)
{
	static const struct {
		const char	*name;
		unsigned int	 bit;
	} attribute[] = {
		{ "NAME", XCLIENT_NAME }, { "ADDR", XCLIENT_ADDR },
		{ "PORT", XCLIENT_PORT }, { "PROTO", XCLIENT_PROTO },
		{ "HELO", XCLIENT_HELO }, { "DESTADDR", XCLIENT_DESTADDR },
		{ "DESTPORT", XCLIENT_DESTPORT }
	};
	unsigned int	 bits = 0;
	size_t		 n, i;

	for (; (n = word_next(&p, end)) > 0; p += n)
		for (i = 0; i < sizeof(attribute) / sizeof(attribute[0]); i++)
			if (ascii_equal(p, n, attribute[i].name))
				bits |= attribute[i].bit;
	return (bits);
}

/* One line of an EHLO reply: a keyword and its parameters. */
static void
ehlo_line(struct smtp_ehlo *e, const char *p, size_t len)
{
	static const struct {
		const char	*name;
		uint32_t	 bit;
	} keyword[] = {
		{ "PIPELINING", CAPS_PIPELINING }, { "SIZE", CAPS_SIZE },
		{ "8BITMIME", CAPS_8BITMIME }, { "SMTPUTF8", CAPS_SMTPUTF8 },
		{ "DSN", CAPS_DSN }, { "ENHANCEDSTATUSCODES", CAPS_ENHANCED },
		{ "STARTTLS", CAPS_STARTTLS }, { "XCLIENT", CAPS_XCLIENT }
	};
	const char	*end = p + len;
	size_t		 n = word_next(&p, end), i;

	for (i = 0; i < sizeof(keyword) / sizeof(keyword[0]); i++) {
		if (!ascii_equal(p, n, keyword[i].name))
			continue;
		e->keywords |= keyword[i].bit;
		if (keyword[i].bit == CAPS_SIZE)
			e->size = ehlo_size(p + n, end);
		else if (keyword[i].bit == CAPS_XCLIENT)
			e->xclient |= ehlo_xclient(p + n, end);
	}
}

/* The first line is the server's name and its greeting. */
void
smtp_ehlo_parse(const struct smtpreply *r, struct smtp_ehlo *e)
{
	const char	*p;
	unsigned int	 i;
	size_t		 len;

	memset(e, 0, sizeof(*e));
	if (r->code / 100 != 2)
		return;
	for (i = 1; (p = smtpreply_line(r, i, &len)) != NULL; i++)
		ehlo_line(e, p, len);
}
