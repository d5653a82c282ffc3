/*
 * Module regex: matches regular expressions against header fields and the lines
 * of the text of a message, after decoding.  The expressions are POSIX extended
 * ones without back references and with bounded repetition, so that the time
 * for a line is bounded whatever it contains.  Lines, expressions and the bytes
 * that are looked at are bounded too.
 *
 * A long line is looked at in pieces of LINE_LOOKED bytes.  Each piece begins
 * with the last LINE_KEPT bytes of the piece before, so that a match of up to
 * that length is found wherever the line is cut.
 */
#include <sys/types.h>

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/log.h"
#include "lib/mime/cset.h"
#include "lib/mime/word.h"
#include "spamgreyd/runner/mimescan.h"
#include "spamgreyd/runner/module.h"

/* Bytes of an expression. */
#define EXPR_MAX	512
/* Expressions of a configuration. */
#define EXPRS_MAX	100
/* The product of all {n,m} of one expression. */
#define REPEAT_MAX	1000
/* Bytes of a line that are matched at a time. */
#define LINE_LOOKED	1000
/* Bytes at the end of a piece that are matched again with the next piece. */
#define LINE_KEPT	200
/*
 * A line costs at least this much of max-size, because each call of the matcher
 * costs time even for a short line.
 */
#define LINE_LEAST	40
/* Bytes of a wide character set that are converted to UTF-8 in one call. */
#define WIDE_AT_ONCE	256
/* Bytes of a field's name, with its NUL. */
#define NAME_LEN	128
/*
 * Milliseconds.  Only an upper bound: the runner's scan budget ends the wait
 * earlier.
 */
#define WAIT_MS		300000

enum { COUNT_HEADERS, COUNT_LINES, COUNT_CUT, COUNT_PAST };
static const char *const counters[] = {
	"header", "body", "cut", "past-limits", NULL
};

/* One expression.  met() needs its text for the log and the header. */
struct expr {
	struct rule	 rule;
	/* The field's name; NULL: the expression is for lines of the text. */
	char		*field;
	char		*text;
	regex_t		 re;
};
/* The settings, freed by regex_clear. */
struct conf {
	struct expr	*expr;
	size_t		 n;
	/* Expressions for the text; without any, text is not looked at. */
	unsigned int	 nbody;
	uint64_t	 max;
};
/*
 * The line that one reading of the message is at.  A message that can be read
 * in several ways has a line for each reading.
 */
struct line {
	uint8_t		 text[LINE_LOOKED];
	size_t		 n;
	int		 wide;		/* it is UTF-8 already */
	/* Keeps a character that is not complete at the end of a chunk. */
	struct mimecset	 cset;
};
/* A session's scan.  scan and line are NULL unless a scan is running. */
struct data {
	struct mimescan	*scan;
	/* One for each reading (MIME_READINGS). */
	struct line	*line;
	uint64_t	 key;
	struct conf	*conf;
	struct verdict	 verdict;
	/* Expressions that matched; each counts once for a message. */
	uint8_t		 met[EXPRS_MAX];
	/* Bytes that may still be looked at. */
	uint64_t	 left;
	/* There was more text than max-size. */
	int		 cut;
	/* The message can be read in several ways. */
	int		 several;
	/* An empty line was matched already. */
	int		 empty;
};

extern const struct module mod_regex;

static const struct module_option options[] = {
	{ "header", "%s %s [ %w ] [ %p ]", MIMESCAN_ACTIONS, -100000, 100000,
	    "", 1, 0, "a field's name, and an expression for its value" },
	{ "body", "%s [ %w ] [ %p ]", MIMESCAN_ACTIONS, -100000, 100000, "",
	    1, 0, "an expression for a line of the text" },
	{ "max-size", "%z", NULL, 1024, 64 * 1024 * 1024, "1M", 0, 0,
	    "bytes of text that are searched" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

/*
 * Refuses what can make a matcher need more than linear time, or unbounded
 * memory: back references, and repetitions of repetitions.  Returns NULL if the
 * expression is safe, otherwise what is wrong with it (static).
 */
static const char *
unsafe(const char *re)
{
	const char	*p;
	char		*end;
	long		 product = 1, n, m;

	for (p = re; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return ("an expression must not contain control "
			    "characters");
		if (*p == '\\') {
			if (isdigit((unsigned char)p[1]))
				return ("back references are not allowed, "
				    "because their run time has no limit");
			if (p[1] != '\0')
				p++;
		/*
		 * Some implementations read {,m} as {0,m}. strtol() returns 0
		 * for the missing number.
		 */
		} else if (*p == '{' && (isdigit((unsigned char)p[1]) ||
		    p[1] == ',')) {
			n = m = strtol(p + 1, &end, 10);
			if (*end == ',' && isdigit((unsigned char)end[1]))
				m = strtol(end + 1, &end, 10);
			if (m < n)
				m = n;
			if (m > REPEAT_MAX || (product *= m > 0 ? m : 1) >
			    REPEAT_MAX)
				return ("repetitions {n,m} of more than 1000 "
				    "in all are not allowed");
		}
	}
	return (NULL);
}

/*
 * Adds an expression; field is NULL for the text.  Returns -1 and sets *error.
 * An entry that failed is not counted in c->n, so it is not freed; regcomp()
 * frees its own memory when it fails.
 */
static int
expr_add(struct conf *c, const char *field, const char *text,
    const struct module_arg *a, size_t n, const char **error)
{
	static char	 why[200];
	struct expr	*e;
	int		 r;

	if (c->n == EXPRS_MAX) {
		*error = "too many expressions; the maximum is 100";
		return (-1);
	}
	if (*text == '\0' || strlen(text) > EXPR_MAX) {
		*error = "an expression must have 1 to 512 bytes";
		return (-1);
	}
	if ((*error = unsafe(text)) != NULL)
		return (-1);
	if ((e = reallocarray(c->expr, c->n + 1, sizeof(*e))) == NULL)
		fatal("regex");
	c->expr = e;
	e += c->n;
	memset(e, 0, sizeof(*e));
	if (mimescan_rule(&e->rule, a, n, error) == -1)
		return (-1);
	r = regcomp(&e->re, text, REG_EXTENDED | REG_NOSUB | REG_ICASE);
	if (r != 0) {
		(void)regerror(r, &e->re, why, sizeof(why));
		*error = why;
		return (-1);
	}
	e->text = strdup(text);
	e->field = field == NULL ? NULL : strdup(field);
	if (e->text == NULL || (field != NULL && e->field == NULL))
		fatal("regex");
	if (field == NULL)
		c->nbody++;
	c->n++;
	return (0);
}

static int
regex_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct conf	*c = conf;
	const char	*p;

	(void)off;
	if (strcmp(keyword, "max-size") == 0) {
		c->max = (uint64_t)a[0].n;
		return (0);
	}
	if (strcmp(keyword, "body") == 0)
		return (expr_add(c, NULL, a[0].s, a + 1, n - 1, error));
	for (p = a[0].s; *p > ' ' && *p <= '~' && *p != ':'; p++)
		;
	if (*p != '\0' || p == a[0].s || p - a[0].s >= NAME_LEN) {
		*error = "a field name must be printable ASCII without a colon";
		return (-1);
	}
	return (expr_add(c, a[0].s, a[1].s, a + 2, n - 2, error));
}

static void
regex_clear(void *conf)
{
	struct conf	*c = conf;
	size_t		 i;

	for (i = 0; i < c->n; i++) {
		regfree(&c->expr[i].re);
		free(c->expr[i].field);
		free(c->expr[i].text);
	}
	free(c->expr);
}

/* Expression i matched. The session may be gone; then only the note is kept. */
static void
met(struct data *d, size_t i)
{
	const struct expr	*e = &d->conf->expr[i];
	struct msession		*s = module_session(d->key);
	char			 what[NAME_LEN + EXPR_MAX + 8];

	d->met[i] = 1;
	if (s == NULL)
		return;
	module_count(&mod_regex, e->field != NULL ? COUNT_HEADERS :
	    COUNT_LINES);
	snprintf(what, sizeof(what), "%s: %s", e->field != NULL ? e->field :
	    "body", e->text);
	mimescan_met(s, &mod_regex, &e->rule, what, &d->verdict);
}

/*
 * Matches a field's value, in overlapping pieces like a line, until one
 * matches.
 */
static void
value_try(struct data *d, size_t i, const char *value, size_t len)
{
	char	piece[LINE_LOOKED + 1];
	size_t	at = 0, n;

	do {
		n = len - at < LINE_LOOKED ? len - at : LINE_LOOKED;
		memcpy(piece, value + at, n);
		piece[n] = '\0';
		if (regexec(&d->conf->expr[i].re, piece, 0, NULL, 0) == 0) {
			met(d, i);
			return;
		}
		at += n < LINE_LOOKED ? n : LINE_LOOKED - LINE_KEPT;
	} while (at < len && n == LINE_LOOKED);
}

/* A line costs a matcher something however short it is. */
static void
line_cost(struct data *d, size_t len)
{
	if (len < LINE_LEAST)
		len = LINE_LEAST;
	d->left -= len < d->left ? len : d->left;
}

/* There is more text than max-size allows; counted once a message. */
static void
cut(struct data *d)
{
	if (!d->cut)
		module_count(&mod_regex, COUNT_CUT);
	d->cut = 1;
}

/*
 * A field of a header, of the message or of a part.  Its value is decoded.
 * However many expressions are tried, the field is paid for once.
 */
static void
on_field(const char *name, const char *value, void *arg)
{
	struct data	*d = arg;
	size_t		 len = strlen(value), i;
	int		 paid = 0;

	for (i = 0; i < d->conf->n; i++) {
		if (d->conf->expr[i].field == NULL || d->met[i] ||
		    strcasecmp(d->conf->expr[i].field, name) != 0)
			continue;
		if (!paid && d->left == 0) {
			cut(d);
			return;
		}
		if (!paid) {
			if (len > d->left)
				len = (size_t)d->left;
			line_cost(d, len);
			paid = 1;
		}
		value_try(d, i, value, len);
	}
}

/*
 * Matches what was collected of a line.  Line ends are removed and the text is
 * converted to UTF-8 first; wide character sets were converted when they came.
 */
static void
line_try(struct data *d, const struct mime_part *p, const struct line *l)
{
	char	text[3 * LINE_LOOKED + 1];
	size_t	i, len = l->n;

	while (len > 0 && (l->text[len - 1] == '\n' ||
	    l->text[len - 1] == '\r'))
		len--;
	/*
	 * An expression that matches an empty line has matched the first one
	 * already.
	 */
	if (len == 0 && d->empty)
		return;
	d->empty |= len == 0;
	(void)mimeword_charset(text, sizeof(text), !l->wide &&
	    p->charset[0] != '\0' ? p->charset : "utf-8", !l->wide &&
	    p->charset[0] != '\0' ? strlen(p->charset) : 5, l->text, len);
	for (i = 0; i < d->conf->n; i++)
		if (d->conf->expr[i].field == NULL && !d->met[i] &&
		    regexec(&d->conf->expr[i].re, text, 0, NULL, 0) == 0)
			met(d, i);
}

/*
 * Takes a chunk of text and splits it into lines, and long lines into pieces.
 * Stops when max-size is used up.
 */
static void
text_take(struct data *d, const struct mime_part *p, struct line *l,
    const uint8_t *s, size_t len)
{
	const uint8_t	*eol;
	size_t		 n;

	while (len > 0 && d->left > 0) {
		eol = memchr(s, '\n', len);
		n = eol != NULL ? (size_t)(eol - s) + 1 : len;
		if (n > LINE_LOOKED - l->n)
			n = LINE_LOOKED - l->n;
		memcpy(l->text + l->n, s, n);
		l->n += n;
		s += n;
		len -= n;
		if (l->text[l->n - 1] == '\n') {
			line_cost(d, l->n);
			line_try(d, p, l);
			l->n = 0;
		} else if (l->n == LINE_LOOKED) {
			line_cost(d, LINE_LOOKED - LINE_KEPT);
			line_try(d, p, l);
			memmove(l->text, l->text + LINE_LOOKED - LINE_KEPT,
			    LINE_KEPT);
			l->n = LINE_KEPT;
		}
	}
	if (len > 0)
		cut(d);
}

/* A part begins: its line is empty, its character set known. */
static void
on_part(const struct mime_part *p, void *arg)
{
	struct data	*d = arg;
	struct line	*l = &d->line[p->reading];

	d->several |= p->reading > 0;
	l->n = 0;
	l->wide = mimecset_is_wide(p->charset, strlen(p->charset));
	mimecset_init(&l->cset, p->charset, strlen(p->charset), 0);
}

/*
 * Decoded bytes of a part.  Only text parts are looked at.  In wide character
 * sets (for example UTF-16) a line end can only be seen after conversion.
 */
static void
on_data(const struct mime_part *p, const uint8_t *s, size_t len, void *arg)
{
	struct data	*d = arg;
	struct line	*l = &d->line[p->reading];
	char		 text[MIMECSET_ROOM(WIDE_AT_ONCE)];
	size_t		 n;

	if (d->conf->nbody == 0 || strncmp(p->type, "text/", 5) != 0)
		return;
	if (!l->wide)
		text_take(d, p, l, s, len);
	for (; l->wide && len > 0; s += n, len -= n) {
		n = len < WIDE_AT_ONCE ? len : WIDE_AT_ONCE;
		text_take(d, p, l, (const uint8_t *)text,
		    mimecset_feed(&l->cset, s, n, text));
	}
}

static void
on_end(const struct mime_part *p, void *arg)
{
	struct data	*d = arg;
	struct line	*l = &d->line[p->reading];

	if (l->n > 0)
		line_try(d, p, l);
	l->n = 0;
}

static void
data_clear(struct data *d)
{
	d->scan = NULL;
	free(d->line);
	d->line = NULL;
}

/*
 * The scan has ended. past: the limit that the message exceeded, or NULL. why:
 * the error that ended the scan, or NULL.
 */
static void
on_done(const char *past, const char *why, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);
	struct verdict	 v;

	data_clear(d);
	if (s == NULL)
		return;
	/*
	 * If a message can be read in several ways, each reading had only a
	 * part of max-size.  A sender could hide text in that way, so it is
	 * unscannable.
	 */
	if (past == NULL && d->cut && d->several)
		past = "too much text with more than one possible reading";
	if (why == NULL && past != NULL) {
		module_count(&mod_regex, COUNT_PAST);
		v = module_found(s, &mod_regex, CLASS_UNSCANNABLE, past);
		if (v.kind > d->verdict.kind)
			d->verdict = v;
	}
	module_resume(d->key, &mod_regex, why != NULL ?
	    verdict_error("%s", why) : d->verdict);
}

static struct verdict
regex_eom(struct msession *s, void *conf)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls = {
		.field = on_field, .part = on_part, .data = on_data,
		.end = on_end
	};
	struct data			*d = module_data(s, &mod_regex);

	if (((struct conf *)conf)->n == 0)
		return (verdict_next());
	memset(d, 0, sizeof(*d));
	d->key = s->key;
	d->conf = conf;
	d->verdict = verdict_next();
	d->left = d->conf->max;
	if ((d->line = calloc(MIME_READINGS, sizeof(*d->line))) == NULL)
		return (verdict_error("out of memory"));
	/*
	 * Encoded text has at most three bytes for each byte; four times
	 * max-size leaves room for the headers.
	 */
	d->scan = mimescan_start(s->spool, 4 * d->conf->max, &limits, &calls,
	    on_done, d);
	if (d->scan != NULL)
		return (verdict_wait(WAIT_MS));
	data_clear(d);
	return (verdict_error("out of memory"));
}

static void
regex_forget(struct msession *s, void *conf)
{
	struct data	*d = module_data(s, &mod_regex);

	(void)conf;
	mimescan_stop(d->scan);
	data_clear(d);
}

const struct module mod_regex = {
	.name = "regex",
	.says = "content",
	.finds_rules = 1,
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.counters = counters,
	.option = regex_option,
	.conf_clear = regex_clear,
	.hook = { [STAGE_EOM] = regex_eom },
	.forget = regex_forget
};
