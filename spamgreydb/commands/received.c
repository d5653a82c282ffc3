/*
 * Received lines as mail servers write them.  The address that counts is the
 * one that the writing server saw, not one that its client named: the name
 * behind "from" and what follows HELO, EHLO, helo= and ident= are the client's
 * words.
 *
 *	Postfix, sendmail	from HELO (NAME [ADDR]) by …
 *	  with ident		from HELO (user@NAME [ADDR]) by …
 *	OpenSMTPD, ours		from HELO (NAME [ADDR]) by …
 *				from HELO ([ADDR]) by …
 *	Courier			from HELO (NAME [::ffff:ADDR]) (AUTH: …) by …
 *	Exim			from NAME ([ADDR] helo=HELO) by …
 *				from [ADDR]:PORT (helo=HELO) by …
 *	qmail			from NAME (HELO HELO) (user@ADDR) by …
 *	Exchange		from HELO (ADDR) by … (ADDR) with …
 *	CommuniGate, Yahoo	from [ADDR] (HELO HELO) by …
 *				from ADDR (EHLO …) by …
 *	within a host		by …, (qmail 1 invoked …)
 *				… with local, … with LMTP
 */
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/mime/hdrline.h"
#include "spamgreydb/commands/received.h"

#define WORD_MAX	RECEIVED_NAME_MAX

enum token_kind { T_END, T_WORD, T_COMMENT };

/* The text that is still to be read. */
struct scan {
	const char	*p, *end;
	int		 bad;		/* a comment has no closing parenthesis */
};

/* A token; its text lies in the line. */
struct token {
	enum token_kind	 kind;
	const char	*p;		/* a comment without its parentheses */
	size_t		 len;
};

/* What was found before "by". */
struct found {
	struct addr	 addr;
	unsigned int	 n;		/* addresses: 0, 1, or 2: several that
					   differ */
	int		 local;		/* [local] */
	int		 helo;		/* a comment has the HELO, so the name
					   behind "from" is not the HELO */
	unsigned int	 other;		/* comments without an address */
};

/*
 * Says whether it separates tokens.  Some servers leave control characters in a
 * line.
 */
static int
is_gap(char c)
{
	return ((unsigned char)c <= ' ' || c == 0x7f);
}

/*
 * Takes a comment, up to the parenthesis that closes it.  Comments may be
 * nested and have quoted pairs (RFC 5322 3.2.2).
 */
static void
take_comment(struct scan *s, struct token *t)
{
	unsigned int	depth = 1;

	t->kind = T_COMMENT;
	t->p = ++s->p;
	for (; s->p < s->end; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		else if (*s->p == '(')
			depth++;
		else if (*s->p == ')' && --depth == 0) {
			t->len = (size_t)(s->p - t->p);
			s->p++;
			return;
		}
	}
	s->bad = 1;
	t->kind = T_END;
}

/*
 * T_END is at the semicolon, which the date follows, and at the end of the
 * line.
 */
static void
next_token(struct scan *s, struct token *t)
{
	memset(t, 0, sizeof(*t));
	while (s->p < s->end && is_gap(*s->p))
		s->p++;
	t->p = s->p;
	if (s->p == s->end || *s->p == ';')
		return;
	if (*s->p == '(') {
		take_comment(s, t);
		return;
	}
	t->kind = T_WORD;
	while (s->p < s->end && !is_gap(*s->p) && *s->p != '(' &&
	    *s->p != ';')
		s->p++;
	t->len = (size_t)(s->p - t->p);
}

static int
is_word(const struct token *t, const char *word)
{
	return (t->kind == T_WORD && ascii_equal(t->p, t->len, word));
}

/* Reads an address, with "IPv6:" before it or "%zone" behind it.  0, or -1. */
static int
parse_addr(const char *p, size_t len, struct addr *addr)
{
	char		 text[ADDR_STRLEN];
	const char	*zone;

	if (len > 5 && ascii_begins(p, len, "IPv6:")) {
		p += 5;
		len -= 5;
	}
	if ((zone = memchr(p, '%', len)) != NULL)
		len = (size_t)(zone - p);
	if (len == 0 || len >= sizeof(text))
		return (-1);
	memcpy(text, p, len);
	text[len] = '\0';
	return (addr_parse(text, addr));
}

/* Says whether it is empty or ":PORT". */
static int
is_port(const char *p, size_t len)
{
	size_t	i;

	if (len == 0)
		return (1);
	if (len < 2 || len > 6 || *p != ':')
		return (0);
	for (i = 1; i < len; i++)
		if (!ascii_is_digit(p[i]))
			return (0);
	return (1);
}

/*
 * Reads [ADDR] or ADDR, each with or without :PORT; with `bracketed' only
 * [ADDR].  0, or -1.
 */
static int
word_addr(const char *p, size_t len, int bracketed, struct addr *addr)
{
	const char	*q;

	if (len == 0)
		return (-1);
	if (*p == '[') {
		if ((q = memchr(p, ']', len)) == NULL ||
		    !is_port(q + 1, len - (size_t)(q + 1 - p)))
			return (-1);
		return (parse_addr(p + 1, (size_t)(q - p) - 1, addr));
	}
	if (bracketed)
		return (-1);
	if (parse_addr(p, len, addr) == 0)
		return (0);
	if ((q = memchr(p, ':', len)) == NULL ||
	    !is_port(q, len - (size_t)(q - p)) ||
	    memchr(p, '.', (size_t)(q - p)) == NULL)
		return (-1);
	return (parse_addr(p, (size_t)(q - p), addr));
}

/* A second address that differs makes the line unclear. */
static void
found_add(struct found *f, const struct addr *addr)
{
	if (f->n == 0) {
		f->addr = *addr;
		f->n = 1;
	} else if (addr_cmp(&f->addr, addr) != 0)
		f->n = 2;
}

/* Takes the next word of a comment; commas separate words too.  0: no more. */
static int
comment_word(const char **p, const char *end, const char **word, size_t *len)
{
	while (*p < end && (is_gap(**p) || **p == ','))
		(*p)++;
	*word = *p;
	while (*p < end && !is_gap(**p) && **p != ',')
		(*p)++;
	*len = (size_t)(*p - *word);
	return (*len > 0);
}

/*
 * Says whether a comment that begins with this word is about other things.
 * Some of them are the client's words, for example the subject of its
 * certificate or the name that it logged in with, so an address in them does
 * not count.
 */
static int
is_aside(const char *word, size_t len)
{
	static const char *const	asides[] = { "using", "client", "no",
	    "authenticated", "auth:", "misconfigured", "version", "envelope-from" };
	size_t				i;

	for (i = 0; i < sizeof(asides) / sizeof(asides[0]); i++)
		if (ascii_begins(word, len, asides[i]) &&
		    (len == strlen(asides[i]) ||
		    word[strlen(asides[i])] == '='))
			return (1);
	return (0);
}

/*
 * Says whether it is helo=..., ident=... or port=...: the client's words, or of
 * no use here.
 */
static int
is_assignment(const char *word, size_t len)
{
	const char	*eq = memchr(word, '=', len);

	return (eq != NULL && eq > word && *word != '[');
}

/* Says whether the rest of the comment is the client's HELO. */
static int
is_helo(const char *word, size_t len)
{
	return (ascii_equal(word, len, "HELO") ||
	    ascii_equal(word, len, "EHLO"));
}

/*
 * Finds the address of one comment.  Bracketed addresses win over bare ones,
 * and "user@" may stand before either, from an ident server of the client.  The
 * same bare address twice counts once.
 */
static void
in_comment(const struct token *t, struct found *f)
{
	const char	*p = t->p, *end = t->p + t->len, *word, *at;
	struct addr	 addr, bare;
	size_t		 len;
	unsigned int	 nbare = 0;
	int		 first = 1, literal = 0, same;

	while (comment_word(&p, end, &word, &len)) {
		if (first && is_helo(word, len)) {
			f->helo = 1;
			return;
		}
		if (first && is_aside(word, len))
			break;
		first = 0;
		if (is_assignment(word, len)) {
			f->helo = 1;
			continue;
		}
		if (len == 7 && memcmp(word, "[local]", 7) == 0)
			f->local = 1;
		for (at = word + len; at > word && at[-1] != '@'; at--)
			;
		len -= (size_t)(at - word);
		if (word_addr(at, len, 1, &addr) == 0) {
			found_add(f, &addr);
			literal = 1;
		} else if (word_addr(at, len, 0, &addr) == 0) {
			same = nbare > 0 && addr_cmp(&bare, &addr) == 0;
			bare = addr;
			nbare += !same;
		}
	}
	if (literal)
		return;
	if (nbare == 1)
		found_add(f, &bare);
	else if (nbare > 1)
		f->n = 2;
	else
		f->other++;
}

/* Copies a name for people to read; a long one is cut. */
static void
take_name(char *dst, const struct token *t)
{
	size_t	len = t->len < RECEIVED_NAME_MAX ? t->len : RECEIVED_NAME_MAX;
	size_t	i;

	for (i = 0; i < len; i++)
		dst[i] = t->p[i] == '\0' ? '?' : t->p[i];
	dst[len] = '\0';
}

/*
 * Reads what follows the "from" clause: by which host, and with which protocol.
 * Returns 1 when the protocol is one that does not leave a host.
 */
static int
parse_rest(struct scan *s, struct token *t, struct received *r)
{
	static const char *const	within[] = { "local", "local-esmtp",
	    "local-bsmtp", "LMTP", "LMTPA", "LMTPS", "LMTPSA", "MAPI", "pipe" };
	size_t				i;
	int				local = 0;

	while (t->kind != T_END) {
		if (is_word(t, "by") && r->by[0] == '\0') {
			next_token(s, t);
			if (t->kind == T_WORD)
				take_name(r->by, t);
		} else if (is_word(t, "with")) {
			next_token(s, t);
			for (i = 0; i < sizeof(within) / sizeof(within[0]);
			    i++)
				local |= is_word(t, within[i]);
		} else
			next_token(s, t);
	}
	return (local);
}

/*
 * An address in the place of the name counts only in the forms of those servers
 * that write it there; elsewhere it is the client's HELO.
 */
static void
in_name(const struct token *name, struct found *f)
{
	struct addr	addr;

	if (f->n > 0 || f->local || (f->other > 0 && !f->helo))
		return;
	if (word_addr(name->p, name->len, !f->helo, &addr) == 0)
		found_add(f, &addr);
}

/*
 * The "from" clause comes first, then the rest.  A line without "from" was
 * written within a host.
 */
void
received_parse(const char *value, size_t len, struct received *r)
{
	struct scan	 s = { value, value + (len < RECEIVED_LINE_MAX ? len :
			    RECEIVED_LINE_MAX), 0 };
	struct found	 f;
	struct token	 t, name;
	int		 within;

	memset(r, 0, sizeof(*r));
	memset(&f, 0, sizeof(f));
	r->kind = RECEIVED_UNCLEAR;
	next_token(&s, &t);
	if (!is_word(&t, "from")) {
		if (t.kind == T_COMMENT || is_word(&t, "by"))
			r->kind = RECEIVED_LOCAL;
		(void)parse_rest(&s, &t, r);
		if (s.bad)
			r->kind = RECEIVED_UNCLEAR;
		r->odd = s.bad;
		return;
	}
	next_token(&s, &name);
	if (name.kind != T_WORD) {	/* sendmail: the client sent no HELO */
		t = name;
		name.len = 0;
	} else {
		take_name(r->from, &name);
		next_token(&s, &t);
	}
	for (; t.kind != T_END && !is_word(&t, "by"); next_token(&s, &t))
		if (t.kind == T_COMMENT)
			in_comment(&t, &f);
	in_name(&name, &f);
	within = parse_rest(&s, &t, r);
	r->odd = s.bad || f.n > 1 || f.other > 0;
	if (s.bad || f.n > 1)
		return;
	if (f.n == 1) {
		r->addr = f.addr;
		r->kind = RECEIVED_ADDR;
	} else if (f.local || within)
		r->kind = RECEIVED_LOCAL;
}

/* Returns the bytes of a line with its newline. */
static size_t
line_len(const char *p, const char *end)
{
	const char	*nl = memchr(p, '\n', (size_t)(end - p));

	return ((size_t)((nl == NULL ? end : nl + 1) - p));
}

/* Skips the lines that continue the field which ends at p. */
static const char *
skip_folds(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p += line_len(p, end);
	return (p);
}

/* A mailbox has "From " or ">From " lines before the header. */
const char *
received_header(const char *p, const char *end)
{
	size_t	n, name, at;

	for (; p < end; p += n) {
		n = line_len(p, end);
		if (hdrline_of(p, n, 0, &name, &at) != HDRLINE_BODY ||
		    !hdrline_is_mbox(p, n))
			break;
	}
	return (p);
}

/*
 * A line that is not a field ends the header.  The newline at the end of the
 * value does not belong to it.
 */
int
received_next(const char **pos, const char *end, const char **value,
    size_t *len)
{
	const char	*p = *pos;
	size_t		 n, name, at;

	while (p < end) {
		n = line_len(p, end);
		if (hdrline_of(p, n, 0, &name, &at) != HDRLINE_FIELD)
			break;		/* the body follows */
		*value = p + at;
		*pos = skip_folds(p + n, end);
		if (ascii_equal(p, name, "Received")) {
			*len = (size_t)(*pos - *value);
			if ((*pos)[-1] == '\n')
				(*len)--;
			return (1);
		}
		p = *pos;
	}
	*pos = end;
	return (0);
}
