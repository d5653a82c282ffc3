/*
 * spamd-setup's lines; see listcfg.h.  What the original does with such a line
 * was measured.  Three things differ, because they were defects there: a count
 * that does not fit is refused wherever it stands, overlapping networks are
 * found, and a bad address refuses the line instead of losing the list that
 * was there before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/addrset/listcfg.h"
#include "lib/addrset/listline.h"
#include "lib/base/ascii.h"
#include "lib/base/log.h"
#include "lib/smtp/tmpl.h"

#define SHOWN_MAX	80	/* octets of a field that an error shows */
#define COUNT_MAX	100000000

struct field {
	const char	*s;
	size_t		 len;
};

struct line {
	const char	*s, *end;
	struct listcfg	*c;
};

/* Keeps the error in c; returns LISTCFG_BAD. */
static enum listcfg_result __attribute__((__format__(printf, 2, 3)))
bad(struct listcfg *c, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return (LISTCFG_BAD);
}

/* Up to the next ';', which is skipped. 0: there are no more. */
static int
next_field(struct line *l, struct field *f)
{
	const char	*semi;

	if (l->s == NULL || l->s == l->end)
		return (0);
	semi = memchr(l->s, ';', (size_t)(l->end - l->s));
	f->s = l->s;
	f->len = (size_t)((semi != NULL ? semi : l->end) - l->s);
	l->s = semi != NULL ? semi + 1 : l->end;
	return (1);
}

/* The next field that is not empty. */
static int
next_group(struct line *l, struct field *f)
{
	while (next_field(l, f))
		if (f->len > 0)
			return (1);
	return (0);
}

/* Is the field exactly that word? */
static int
field_is(const struct field *f, const char *word)
{
	return (f->len == strlen(word) && memcmp(f->s, word, f->len) == 0);
}

/* A decimal number and nothing else, at most COUNT_MAX; -1. */
static int
field_number(const struct field *f, size_t *n)
{
	size_t	i;

	*n = 0;
	for (i = 0; i < f->len; i++) {
		if (!ascii_is_digit(f->s[i]))
			return (-1);
		*n = *n * 10 + (size_t)(f->s[i] - '0');
		if (*n > COUNT_MAX)
			return (-1);
	}
	return (f->len == 0 ? -1 : 0);
}

/* The name of the list: letters, digits and "_.-", ended by a semicolon. */
static int
take_tag(struct line *l)
{
	struct field	f;
	size_t		i;

	l->c->tag[0] = '\0';
	if (memchr(l->s, ';', (size_t)(l->end - l->s)) == NULL ||
	    !next_field(l, &f))
		return (-1);
	if (f.len == 0 || f.len > LISTCFG_TAG_MAX)
		return (-1);
	for (i = 0; i < f.len; i++)
		if (!ascii_is_alnum(f.s[i]) && f.s[i] != '_' &&
		    f.s[i] != '.' && f.s[i] != '-')
			return (-1);
	memcpy(l->c->tag, f.s, f.len);
	l->c->tag[f.len] = '\0';
	return (0);
}

/* Adds to the template what fits; the rest of a long message is cut. */
static void
message_add(struct listcfg *c, size_t *len, const char *s, size_t n)
{
	if (*len + n >= sizeof(c->message))
		return;
	memcpy(c->message + *len, s, n);
	*len += n;
	c->message[*len] = '\0';
}

/* In spamd a % before anything but A is itself; in a template it is "%%". */
static void
message_percent(struct line *l, struct listcfg *c, size_t *len)
{
	if (l->s < l->end && (*l->s == 'A' || *l->s == '%')) {
		message_add(c, len, *l->s == 'A' ? "%A" : "%%", 2);
		l->s++;
	} else
		message_add(c, len, "%%", 2);
}

/*
 * The quoted message as a template: \" and \\ are what they stand for, \n
 * stays, an octet that is not printable ASCII becomes '?'.  -1: no quote, or
 * none that closes.
 */
static int
take_text(struct line *l)
{
	struct listcfg	*c = l->c;
	size_t		 len = 0;
	char		 ch;

	c->message[0] = '\0';
	if (l->s == l->end || *l->s++ != '"')
		return (-1);
	while (l->s < l->end && *l->s != '"') {
		ch = *l->s++;
		if (ch == '\\' && l->s < l->end &&
		    (*l->s == '"' || *l->s == '\\'))
			message_add(c, &len, l->s++, 1);
		else if (ch == '%')
			message_percent(l, c, &len);
		else
			message_add(c, &len, ch < 0x20 || ch > 0x7e ? "?" :
			    &ch, 1);
	}
	if (l->s == l->end)
		return (-1);
	l->s++;
	if (l->s < l->end && *l->s++ != ';')
		return (-1);
	/* The newline at the end of a file does not begin another line. */
	while (len >= 2 && memcmp(c->message + len - 2, "\\n", 2) == 0)
		c->message[len -= 2] = '\0';
	return (0);
}

/*
 * One network of a counted group.  A range with a length behind it is refused:
 * its end is then not the end of the network.
 */
static enum listcfg_result
take_item(struct listcfg *c, const struct field *f, int ip4,
    int (*tell)(const struct prefix *, void *), void *arg)
{
	struct prefix	 p;
	struct addr	 last, begin, end;
	const char	*slash, *why = "is not a network";
	char		 text[SHOWN_MAX];
	size_t		 bits;
	struct field	 digits;

	slash = memchr(f->s, '/', f->len);
	if (slash != NULL) {
		digits.s = slash + 1;
		digits.len = (size_t)(f->s + f->len - digits.s);
		if (field_number(&digits, &bits) == 0 &&
		    bits <= (ip4 ? ADDR4_BITS : ADDR_BITS) &&
		    listline_parse(f->s, f->len, 0, &p.addr, &last, &why) ==
		    LISTLINE_RANGE && addr_is4(&p.addr) == ip4) {
			p.len = (uint8_t)(bits + (ip4 ? ADDR4_SKIP : 0));
			begin = end = p.addr;
			addr_mask(&begin, p.len);
			addr_fill(&end, p.len);
			/* Not a range, or an address and a note, with a length
			 * behind it. */
			if (addr_cmp(&begin, &p.addr) == 0 &&
			    addr_cmp(&end, &last) == 0)
				return (tell(&p, arg) == -1 ? bad(c,
				    "no memory") : LISTCFG_LIST);
		}
	} else
		why = "has no prefix length";
	log_encode(text, sizeof(text), f->s, f->len);
	return (bad(c, "address %s %s", text, why));
}

/* A group of n networks of one family. */
static enum listcfg_result
take_items(struct line *l, size_t n, int ip4,
    int (*tell)(const struct prefix *, void *), void *arg)
{
	struct field		f;
	size_t			i;

	for (i = 0; i < n; i++) {
		if (!next_field(l, &f) || f.len == 0)
			return (bad(l->c, "the count is %zu, but there are %zu "
			    "%s addresses", n, i, ip4 ? "IPv4" : "IPv6"));
		if (take_item(l->c, &f, ip4, tell, arg) == LISTCFG_BAD)
			return (LISTCFG_BAD);
	}
	l->c->count += n;
	return (LISTCFG_LIST);
}

/*
 * Each family at most once.  A number where a family should stand is the form
 * before 2015, which has IPv4 only; it may be the first group only.
 */
static enum listcfg_result
take_groups(struct line *l, int (*tell)(const struct prefix *, void *),
    void *arg)
{
	struct field	f;
	char		text[SHOWN_MAX];
	size_t		n;
	int		ip4, seen = 0;

	while (next_group(l, &f)) {
		if (!seen && field_number(&f, &n) == 0) {
			ip4 = 1;		/* the form before 2015 */
			seen = 3;
		} else {
			ip4 = field_is(&f, "inet");
			if (!ip4 && !field_is(&f, "inet6")) {
				log_encode(text, sizeof(text), f.s, f.len);
				return (bad(l->c, "\"%s\" found where inet, "
				    "inet6 or the end is expected; is the count "
				    "right?",
				    text));
			}
			if (seen & (ip4 ? 1 : 2))
				return (bad(l->c, "%s twice", ip4 ? "inet" :
				    "inet6"));
			seen |= ip4 ? 1 : 2;
			if (!next_field(l, &f) || field_number(&f, &n) == -1)
				return (bad(l->c, "no count after %s", ip4 ?
				    "inet" : "inet6"));
		}
		if (take_items(l, n, ip4, tell, arg) == LISTCFG_BAD)
			return (LISTCFG_BAD);
	}
	if (l->c->count == 0)
		return (bad(l->c, "the list has no addresses; to empty a "
		    "list send its name alone, \"%s;\"", l->c->tag));
	return (LISTCFG_LIST);
}

/* A line too long for a reply is cut; what remains is a valid template. */
static void
fit_message(struct listcfg *c)
{
	size_t	len = strlen(c->message);

	while (len > 0 && tmpl_check(c->message, "A") != NULL) {
		c->message[--len] = '\0';
		if (len > 0 && c->message[len - 1] == '\\')
			c->message[--len] = '\0';
	}
}

/*
 * Addresses are told to the caller before the whole line is known to be valid.
 */
enum listcfg_result
listcfg_parse(const char *line, size_t len, struct listcfg *c,
    int (*tell)(const struct prefix *, void *), void *arg)
{
	struct line	l = { line, line + len, c };

	c->count = 0;
	c->error[0] = c->message[0] = c->tag[0] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		l.end--;
	if (l.end - l.s <= 1)
		return (LISTCFG_NONE);
	if (take_tag(&l) == -1)
		return (bad(c, "the line must begin with the name of a list "
		    "and \";\"; a name has only letters, digits and _ . -, at "
		    "most %d of them", LISTCFG_TAG_MAX));
	if (l.s == l.end)
		return (LISTCFG_CLEAR);
	if (take_text(&l) == -1)
		return (bad(c, "the message is not in quotes"));
	fit_message(c);
	return (take_groups(&l, tell, arg));
}
