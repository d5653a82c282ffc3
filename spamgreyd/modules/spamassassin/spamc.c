/*
 * SpamAssassin's protocol, the client's side. spamd's answers differ by version
 * and verb: the version in the first line means nothing, the answer to CHECK
 * has no Content-length, fields come in any order, and an error may be the
 * first line alone.  Everything is checked before any of it is used.  The
 * answer is parsed again from its beginning each time more of it has come.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/ascii.h"
#include "lib/smtp/mailaddr.h"
#include "spamgreyd/modules/spamassassin/spamc.h"

/* Bytes of a line of the head. */
#define LINE_LEN	1024
/* Lines of the head, and bytes of the body. */
#define LINES		64
#define BODY_MAX	(512 * 1024)
/* In thousandths; larger scores are cut. */
#define SCORE_MAX	1000000

struct head {
	int		 code, spam, has_length;
	uint64_t	 length;
};

/* The verbs in the order of enum spamc_verb. */
int
spamc_head(struct buf *b, enum spamc_verb verb, const char *user,
    uint64_t len)
{
	static const char *const	verbs[] = { "CHECK", "SYMBOLS",
		"HEADERS" };

	/* spamd knows these names in this spelling only. */
	if (buf_printf(b, "%s SPAMC/1.5\r\nContent-length: %llu\r\n",
	    verbs[verb], (unsigned long long)len) == -1)
		return (-1);
	if (user != NULL && *user != '\0' &&
	    buf_printf(b, "User: %s\r\n", user) == -1)
		return (-1);
	return (buf_add(b, "\r\n", 2));
}

/*
 * Only lower case letters, digits and a few marks are allowed; mailaddr_rcpt
 * has folded the case.  A leading dot or hyphen could be taken for a hidden
 * file or an option.
 */
/*
 * Only lower case letters, digits and a few marks are allowed.  A leading dot
 * or hyphen could be taken for a hidden file or an option.
 */
void
spamc_user(const char *path, int local, char dst[SPAMC_USER_MAX + 1])
{
	char	*at;
	size_t	 i;

	if (mailaddr_rcpt(path, dst, SPAMC_USER_MAX + 1) == -1) {
		dst[0] = '\0';
		return;
	}
	if (local && (at = strrchr(dst, '@')) != NULL)
		*at = '\0';
	for (i = 0; dst[i] != '\0'; i++)
		if (!((dst[i] >= 'a' && dst[i] <= 'z') ||
		    ascii_is_digit(dst[i]) ||
		    strchr("._+=~@-", dst[i]) != NULL))
			break;
	if (dst[i] != '\0' || dst[0] == '.' || dst[0] == '-')
		dst[0] = '\0';
}

/* --- the head of an answer */

static int
wrong(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return (-1);
}

static const char *
blanks(const char *s)
{
	return (s + strspn(s, " \t"));
}

/*
 * Reads a decimal as thousandths; digits after the third decimal are ignored.
 * Returns what follows it, or NULL if it is not a number.
 */
static const char *
decimal(const char *s, int32_t *milli)
{
	int64_t	n = 0;
	int	minus = *s == '-', i;

	if (*s == '-' || *s == '+')
		s++;
	if (!ascii_is_digit(*s))
		return (NULL);
	for (; ascii_is_digit(*s); s++)
		if (n <= SCORE_MAX)
			n = n * 10 + (*s - '0');
	n *= 1000;
	if (*s == '.') {
		s++;
		if (!ascii_is_digit(*s))
			return (NULL);
		for (i = 100; ascii_is_digit(*s); s++, i /= 10)
			n += (*s - '0') * i;
	}
	if (n > SCORE_MAX)
		n = SCORE_MAX;
	*milli = (int32_t)(minus ? -n : n);
	return (s);
}

/* The value of the field Spam: "True ; 15.2 / 5.0". */
static int
spam_value(const char *s, struct spamc_reply *r)
{
	size_t	n = strcspn(s, " \t;");

	if (ascii_equal(s, n, "True") || ascii_equal(s, n, "Yes"))
		r->flagged = 1;
	else if (ascii_equal(s, n, "False") || ascii_equal(s, n, "No"))
		r->flagged = 0;
	else
		return (-1);
	s = blanks(s + n);
	if (*s != ';' || (s = decimal(blanks(s + 1), &r->score)) == NULL)
		return (-1);
	s = blanks(s);
	if (*s != '/' || (s = decimal(blanks(s + 1), &r->required)) == NULL)
		return (-1);
	return (*blanks(s) == '\0' ? 0 : -1);
}

/* The first line: "SPAMD/1.1 0 EX_OK".  Returns -1 if it is not that. */
static int
first_line(const char *s, int *code)
{
	size_t	n;
	int	i;

	if (strncmp(s, "SPAMD/", 6) != 0)
		return (-1);
	s += 6;
	n = strspn(s, "0123456789.");
	if (n == 0 || s[n] != ' ')
		return (-1);
	s = blanks(s + n);
	for (i = *code = 0; i < 4 && ascii_is_digit(s[i]); i++)
		*code = *code * 10 + (s[i] - '0');
	return (i > 0 && i < 4 && (s[i] == '\0' || s[i] == ' ') ? 0 : -1);
}

/*
 * Returns NULL, or what is wrong with a Content-length.  Two equal ones are
 * accepted.
 */
static const char *
length_value(const char *s, struct head *h)
{
	uint64_t	n = 0;

	if (!ascii_is_digit(*s))
		return ("its Content-length is not a number");
	for (; ascii_is_digit(*s); s++)
		if ((n = n * 10 + (uint64_t)(*s - '0')) > BODY_MAX)
			return ("its answer is too long");
	if (*blanks(s) != '\0')
		return ("its Content-length is not a number");
	if (h->has_length && h->length != n)
		return ("its answer has two lengths");
	h->has_length = 1;
	h->length = n;
	return (NULL);
}

/*
 * One field of the head; unknown ones are ignored.  Returns NULL or what is
 * wrong.
 */
static const char *
field(const char *line, struct head *h, struct spamc_reply *r)
{
	const char	*colon = strchr(line, ':');
	size_t		 n;

	if (colon == NULL || colon == line)
		return ("a line of its answer is not a header field");
	n = (size_t)(colon - line);
	if (ascii_equal(line, n, "Content-length"))
		return (length_value(blanks(colon + 1), h));
	if (!ascii_equal(line, n, "Spam"))
		return (NULL);
	if (h->spam++)
		return ("its answer has two scores");
	if (spam_value(blanks(colon + 1), r) == -1)
		return ("its score cannot be read");
	return (NULL);
}

/*
 * Takes one line without its end.  Returns 1, 0 if it is not complete, -1 if it
 * is too long or contains a NUL.
 */
static int
line_take(const uint8_t *p, size_t len, size_t *at, char line[LINE_LEN])
{
	const uint8_t	*nl = memchr(p + *at, '\n', len - *at);
	size_t		 n = nl == NULL ? len - *at :
			    (size_t)(nl - (p + *at));

	if (n >= LINE_LEN)
		return (-1);
	if (nl == NULL)
		return (0);
	memcpy(line, p + *at, n);
	*at += n + 1;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return (strlen(line) == n ? 1 : -1);
}

/*
 * Parses the head.  Returns 1 with *at behind the empty line, 0 if it is not
 * complete, -1.
 */
static int
head_parse(const uint8_t *p, size_t len, size_t *at, struct head *h,
    struct spamc_reply *r, char *why, size_t size)
{
	char		 line[LINE_LEN];
	const char	*bad;
	int		 i, got;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < LINES; i++) {
		if ((got = line_take(p, len, at, line)) == 0)
			return (0);
		if (got == -1)
			return (wrong(why, size, "a line of its answer is too "
			    "long or not text"));
		if (i == 0) {
			if (first_line(line, &h->code) == -1)
				return (wrong(why, size,
				    "it does not speak spamd's protocol"));
			if (h->code != 0) {
				snprintf(why, size, "spamd said: %s", line);
				return (-1);
			}
		} else if (line[0] == '\0')
			return (1);
		else if ((bad = field(line, h, r)) != NULL)
			return (wrong(why, size, bad));
	}
	return (wrong(why, size, "its answer has too many lines"));
}

int
spamc_parse(const uint8_t *p, size_t len, int eof, enum spamc_verb verb,
    struct spamc_reply *r, char *why, size_t size)
{
	struct head	h;
	size_t		at = 0;
	int		got;

	memset(r, 0, sizeof(*r));
	got = head_parse(p, len, &at, &h, r, why, size);
	if (got == 0 && eof)
		return (wrong(why, size, "its answer is incomplete"));
	if (got != 1)
		return (got);
	if (!h.spam)
		return (wrong(why, size, "its answer has no score"));
	r->body = p + at;
	r->body_len = len - at;
	if (h.has_length ? r->body_len > h.length :
	    r->body_len > (verb == SPAMC_CHECK ? 0 : BODY_MAX))
		return (wrong(why, size, "its answer is longer than it says"));
	if (h.has_length && r->body_len == h.length)
		return (1);
	if (h.has_length && eof)
		return (wrong(why, size, "its answer is shorter than it says"));
	return (verb == SPAMC_CHECK && !h.has_length ? 1 : eof);
}

/* --- what it found */

/*
 * Copies the names of rules and leaves out everything else: blanks, folds,
 * hostile text.
 */
static void
names(const char *s, size_t len, char dst[SPAMC_SYMBOLS_MAX + 1])
{
	size_t	i, n = 0;
	char	c;

	for (i = 0; i < len && n < SPAMC_SYMBOLS_MAX; i++) {
		c = s[i];
		if (ascii_is_alnum(c) || c == '_' || (c == ',' && n > 0 &&
		    dst[n - 1] != ','))
			dst[n++] = c;
	}
	if (n > 0 && dst[n - 1] == ',')
		n--;
	dst[n] = '\0';
}

/*
 * The verb SYMBOLS has the names as its body, HEADERS in the field
 * X-Spam-Status, and CHECK does not tell them.
 */
void
spamc_symbols(const struct spamc_reply *r, enum spamc_verb verb,
    char dst[SPAMC_SYMBOLS_MAX + 1])
{
	char		 name[64], value[SPAMC_SYMBOLS_MAX];
	const char	*s;
	size_t		 at = 0, n;

	dst[0] = '\0';
	if (verb == SPAMC_SYMBOLS)
		names((const char *)r->body, r->body_len, dst);
	while (verb == SPAMC_HEADERS && spamc_field(r, &at, name,
	    sizeof(name), value, sizeof(value))) {
		if (strcasecmp(name, "X-Spam-Status") != 0 ||
		    (s = strstr(value, "tests=")) == NULL)
			continue;
		/*
		 * "tests=A,B,\n\tC autolearn=no": the list ends at a blank that
		 * follows no comma.
		 */
		for (s += 6, n = 0; s[n] != '\0'; n++)
			if (strchr(" \t\n", s[n]) != NULL && n > 0 &&
			    strchr(", \t\n", s[n - 1]) == NULL)
				break;
		names(s, n, dst);
		if (strcmp(dst, "none") == 0)
			dst[0] = '\0';
		return;
	}
}

/* Returns where the field that begins at `at' ends, including its folds. */
static size_t
field_end(const struct spamc_reply *r, size_t at)
{
	const uint8_t	*nl;

	while ((nl = memchr(r->body + at, '\n', r->body_len - at)) != NULL) {
		at = (size_t)(nl - r->body) + 1;
		if (at == r->body_len ||
		    (r->body[at] != ' ' && r->body[at] != '\t'))
			return (at);
	}
	return (r->body_len);
}

/* Skips other fields and those whose names do not fit. */
int
spamc_field(const struct spamc_reply *r, size_t *at, char *name,
    size_t nsize, char *value, size_t vsize)
{
	const uint8_t	*p, *colon;
	size_t		 end, len, n, i;

	for (; *at < r->body_len; *at = end) {
		end = field_end(r, *at);
		p = r->body + *at;
		len = end - *at;
		if (p[0] == '\r' || p[0] == '\n')
			break;
		colon = memchr(p, ':', len);
		n = colon == NULL ? 0 : (size_t)(colon - p);
		if (n <= 7 || n >= nsize ||
		    strncasecmp((const char *)p, "X-Spam-", 7) != 0)
			continue;
		memcpy(name, p, n);
		name[n] = '\0';
		for (i = n + 1; i < len && (p[i] == ' ' || p[i] == '\t'); i++)
			;
		for (n = 0; i < len && n + 1 < vsize; i++)
			if (p[i] != '\r' && p[i] != '\0')
				value[n++] = (char)p[i];
		while (n > 0 && strchr(" \t\n", value[n - 1]) != NULL)
			n--;
		value[n] = '\0';
		*at = end;
		return (1);
	}
	*at = r->body_len;
	return (0);
}
