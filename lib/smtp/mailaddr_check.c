/*
 * The paths of MAIL and RCPT, checked; see mailaddr.h.  No recipient is
 * matched or relayed that did not come through here: two programs that read an
 * address in two ways are how relays are opened.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/domain.h"
#include "lib/base/utf8.h"
#include "lib/smtp/mailaddr.h"

#define BAD_ROUTE	"553 5.1.3 Addresses with routing characters in the " \
			    "local part are not accepted"
#define BAD_UTF8	"553 5.6.7 Non-ASCII addresses require SMTPUTF8"

#define LISTS		"(),:;"		/* comments, lists, groups, DECnet */

/* A part of a path: octets that are not ended by a NUL. */
struct part {
	const char	*s;
	size_t		 len;
};

/* RFC 5322 3.2.3. */
static int
is_atext(char c)
{
	return (ascii_is_alnum(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

/* Octets from 0x80 on; whether they are UTF-8 is checked later. */
static int
has_utf8(const struct part *p)
{
	size_t	i;

	for (i = 0; i < p->len; i++)
		if ((unsigned char)p->s[i] >= 0x80)
			return (1);
	return (0);
}

/*
 * What an MTA might read as a route, a comment or a list, in quotes too: some
 * remove the quotes and read again.
 */
static const char *
check_route(const char *s, size_t len, unsigned int flags)
{
	size_t	i;

	for (i = 0; i < len; i++) {
		if (s[i] == '@')
			return (BAD_ROUTE);
		if ((s[i] == '%' || s[i] == '!') && !(flags & MAILADDR_ROUTES))
			return (BAD_ROUTE);
	}
	return (NULL);
}

/* The same in characters that another program could take for these. */
static const char *
check_disguise(const struct part *p, unsigned int flags)
{
	const char	*error;
	size_t		 i, n;
	char		 c;

	for (i = 0; i < p->len; i += n) {
		if ((n = utf8_char(p->s + i, p->len - i)) == 0)
			return (MAILADDR_BAD_RCPT);
		if ((c = utf8_ascii(p->s + i, n)) == '\0')
			continue;
		if ((error = check_route(&c, 1, flags)) != NULL)
			return (error);
		if (strchr(LISTS "<>\"\\", c) != NULL)
			return (BAD_ROUTE);
	}
	return (NULL);
}

/* RFC 5321's dot-string; where the dots are does not matter. */
static const char *
check_atoms(const struct part *p)
{
	size_t	i;

	for (i = 0; i < p->len; i++)
		if (!is_atext(p->s[i]) && p->s[i] != '.' &&
		    (unsigned char)p->s[i] < 0x80)
			return (MAILADDR_BAD_RCPT);
	return (p->len > 0 ? NULL : MAILADDR_BAD_RCPT);
}

/* Is it a character that ends the path for the next program that reads it? */
static int
ends_path(char c)
{
	return (ascii_is_control(c) || c == '<' || c == '>');
}

/* What stands in the quotes, in `text'. */
static const char *
check_quoted(const char *text)
{
	for (; *text != '\0'; text++) {
		if (ends_path(*text))
			return (MAILADDR_BAD_RCPT);
		if (strchr(LISTS, *text) != NULL)
			return (BAD_ROUTE);
	}
	return (NULL);
}

/* The local part as it came is p; without quotes it goes into box. */
static const char *
check_local(const struct part *p, unsigned int flags, char *box)
{
	const char	*error;
	size_t		 i, n = 0;

	if (has_utf8(p)) {
		if (!(flags & MAILADDR_UTF8))
			return (BAD_UTF8);
		if ((error = check_disguise(p, flags)) != NULL)
			return (error);
	}
	if (p->len == 0 || p->s[0] != '"') {
		if ((error = check_route(p->s, p->len, flags)) != NULL)
			return (error);
		memcpy(box, p->s, p->len);
		box[p->len] = '\0';
		return (check_atoms(p));
	}
	for (i = 1; i + 1 < p->len; i++) {
		if (p->s[i] == '\\' && ++i + 1 == p->len)
			return (MAILADDR_BAD_RCPT);
		box[n++] = p->s[i];
	}
	box[n] = '\0';
	if ((error = check_route(box, n, flags)) != NULL)
		return (error);
	return (n > 0 ? check_quoted(box) : MAILADDR_BAD_RCPT);
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
static int
literal(const struct part *p, struct addr *a)
{
	char		 text[ADDR_STRLEN + 8];
	const char	*s = text;
	int		 six;

	if (p->len < 3 || p->len - 2 >= sizeof(text) || p->s[0] != '[' ||
	    p->s[p->len - 1] != ']')
		return (-1);
	memcpy(text, p->s + 1, p->len - 2);
	text[p->len - 2] = '\0';
	if ((six = ascii_begins(text, strlen(text), "IPv6:")))
		s += 5;
	if ((strchr(s, ':') != NULL) != six)
		return (-1);
	return (addr_parse(s, a));
}

/*
 * Writes the form for comparing into box.  *strip: how many octets at the end
 * do not belong to the domain.
 */
static const char *
check_domain(const struct part *p, unsigned int flags, char *box, size_t size,
    struct mailaddr *m, size_t *strip)
{
	char	text[ADDR_STRLEN];

	*strip = 0;
	if (p->len > 0 && p->s[0] == '[') {
		if (literal(p, &m->literal) == -1)
			return (MAILADDR_BAD_RCPT);
		m->is_literal = 1;
		snprintf(box, size, "[%s%s]", addr_is4(&m->literal) ? "" :
		    "ipv6:", addr_str(&m->literal, text));
		return (NULL);
	}
	if (has_utf8(p)) {
		if (!(flags & MAILADDR_UTF8))
			return (BAD_UTF8);
		if (!utf8_is_text(p->s, p->len))
			return (MAILADDR_BAD_RCPT);
	}
	*strip = domain_final_dot(p->s, p->len);
	if (domain_fold(p->s, p->len - *strip, box, size) == -1)
		return (MAILADDR_LONG_RCPT);
	return (domain_is_atom(box) ? NULL : MAILADDR_BAD_RCPT);
}

/*
 * Removes a source route from the path: "@a,@b:".  Each domain in it is
 * checked.
 */
static const char *
check_source_route(struct part *p, unsigned int flags, struct mailaddr *m)
{
	struct part	 hop;
	char		 box[MAILADDR_MAX];
	const char	*s = p->s, *end = p->s + p->len, *error;
	size_t		 strip;

	while (s < end && *s == '@') {
		hop.s = ++s;
		while (s < end && *s != ',' && *s != ':')
			if (*s++ == '[')
				while (s < end && *s != ']')
					s++;
		hop.len = (size_t)(s - hop.s);
		if ((error = check_domain(&hop, flags, box, sizeof(box), m,
		    &strip)) != NULL)
			return (error);
		if (s < end && *s == ':') {
			m->routed = 1;
			m->is_literal = 0;
			p->s = s + 1;
			p->len = (size_t)(end - p->s);
			return (NULL);
		}
		s++;
	}
	return (MAILADDR_BAD_RCPT);
}

/* Where the local part ends: at the last @, or where its quotes end. */
static size_t
local_span(const struct part *p)
{
	size_t	i;

	if (p->len > 0 && p->s[0] == '"') {
		for (i = 1; i < p->len && p->s[i] != '"'; i++)
			if (p->s[i] == '\\')
				i++;
		return (i < p->len ? i + 1 : p->len);
	}
	for (i = p->len; i > 0; i--)
		if (p->s[i - 1] == '@')
			return (i - 1);
	return (p->len);
}

/*
 * The source route first, then the local part, then the domain; what is
 * relayed is the path without the route and the final dot.
 */
const char *
mailaddr_check_rcpt(const char *path, unsigned int flags, struct mailaddr *m)
{
	struct part	 all, local, domain;
	const char	*error;
	size_t		 n, strip = 0;

	memset(m, 0, sizeof(*m));
	all.s = path;
	all.len = strlen(path);
	if (all.len >= 2 && path[0] == '<' && path[all.len - 1] == '>') {
		all.s++;
		all.len -= 2;
	}
	if (all.len >= MAILADDR_MAX)
		return (MAILADDR_LONG_RCPT);
	if (all.len > 0 && all.s[0] == '@' &&
	    (error = check_source_route(&all, flags, m)) != NULL)
		return (error);
	local.s = all.s;
	local.len = local_span(&all);
	if (all.len > 0 && all.s[0] == '"' && (local.len < 2 ||
	    all.s[local.len - 1] != '"'))
		return (MAILADDR_BAD_RCPT);
	if ((error = check_local(&local, flags, m->box)) != NULL)
		return (error);
	ascii_lower_str(m->box);
	n = strlen(m->box);
	domain.s = local.s + local.len;
	domain.len = all.len - local.len;
	if (domain.len > 0) {
		if (*domain.s++ != '@')
			return (MAILADDR_BAD_RCPT);
		domain.len--;
		m->box[n++] = '@';
		if ((error = check_domain(&domain, flags, m->box + n,
		    sizeof(m->box) - n, m, &strip)) != NULL)
			return (error);
		m->has_domain = 1;
	}
	snprintf(m->path, sizeof(m->path), "<%.*s>",
	    (int)(all.len - strip), all.s);
	return (NULL);
}

/*
 * What no recipient may have is refused here, where the administrator sees it.
 */
int
mailaddr_box(const char *path, char *dst, size_t size)
{
	struct mailaddr	m;

	if (mailaddr_check_rcpt(path, MAILADDR_UTF8 | MAILADDR_ROUTES, &m) !=
	    NULL || !m.has_domain || m.routed || m.is_literal ||
	    strlcpy(dst, m.box, size) >= size)
		return (-1);
	return (0);
}

/*
 * Outside of the quotes of a local part a blank ends the path too, and a
 * parenthesis begins a comment.  The rest is for the MTA to judge.
 */
const char *
mailaddr_check_sender(const char *path)
{
	const char	*s = path, *end = path + strlen(path), *colon;

	if (end - s >= MAILADDR_MAX)
		return (MAILADDR_LONG_SENDER);
	if (end - s >= 2 && *s == '<' && end[-1] == '>') {
		s++;
		end--;
	}
	if (*s == '@' && (colon = memchr(s, ':', (size_t)(end - s))) != NULL &&
	    colon + 1 < end && colon[1] == '"')
		s = colon + 1;
	if (s < end && *s == '"') {
		for (s++; s < end && *s != '"'; s++) {
			if (*s == '\\' && s + 1 < end)
				s++;
			if (ends_path(*s))
				return (MAILADDR_BAD_SENDER);
		}
		if (s == end)
			return (MAILADDR_BAD_SENDER);
	}
	for (; s < end; s++)
		if (ends_path(*s) || strchr(" ()", *s) != NULL)
			return (MAILADDR_BAD_SENDER);
	return (NULL);
}
