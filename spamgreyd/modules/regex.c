/*
 * regex: expressions for the fields of the header and the lines of the text of
 * a message, decoded.  POSIX extended, without back references and with
 * bounded repetition, so that the time for a line is bounded whatever is in
 * it; lines, expressions and the octets that are looked at are bounded too.
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

#define EXPR_MAX	512		/* octets of an expression */
#define EXPRS_MAX	100		/* of a module */
#define REPEAT_MAX	1000		/* product of all {n,m} of one */
#define LINE_LOOKED	1000		/* octets of a line at a time … */
#define LINE_KEPT	200		/* … of which these come again */
#define LINE_LEAST	40		/* … as which a shorter one counts */
#define WIDE_AT_ONCE	256		/* octets that are turned into UTF-8 */
#define NAME_LEN	128
#define WAIT_MS		300000		/* the scan budget ends it */

enum { COUNT_HEADERS, COUNT_LINES, COUNT_CUT, COUNT_PAST };
static const char *const counters[] = {
	"header", "body", "cut", "past-limits", NULL
};

struct expr {
	struct rule	 rule;
	char		*field;		/* NULL: of the body */
	char		*text;
	regex_t		 re;
};
struct conf {
	struct expr	*expr;
	size_t		 n;
	unsigned int	 nbody;		/* how many are of the body */
	uint64_t	 max;
};
/* The line that a reading of the message is at. */
struct line {
	uint8_t		 text[LINE_LOOKED];
	size_t		 n;
	int		 wide;		/* it is UTF-8 already */
	struct mimecset	 cset;
};
struct data {
	struct mimescan	*scan;
	struct line	*line;			/* by reading */
	uint64_t	 key;
	struct conf	*conf;
	struct verdict	 verdict;
	uint8_t		 met[EXPRS_MAX];	/* once a message is enough */
	uint64_t	 left;			/* octets still to be looked at */
	int		 cut;
	int		 several;		/* readings there were */
	int		 empty;			/* an empty line was */
};

extern const struct module mod_regex;

static const struct module_option options[] = {
	{ "header", "%s %s [ %w ] [ %p ]", MIMESCAN_ACTIONS, -100000, 100000,
	    "", 1, 0, "a field's name, and an expression for its value" },
	{ "body", "%s [ %w ] [ %p ]", MIMESCAN_ACTIONS, -100000, 100000, "",
	    1, 0, "an expression for a line of the text" },
	{ "max-size", "%z", NULL, 1024, 64 * 1024 * 1024, "1M", 0, 0,
	    "octets of text that are looked at" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

/*
 * What a matcher may need more than time in proportion to the line for, or
 * memory without a bound: back references, and repetitions of repetitions.
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
		} else if (*p == '{' && (isdigit((unsigned char)p[1]) ||
		    p[1] == ',')) {	/* ({,m} is {0,m} to some) */
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

/* A value is looked at as a line is: so much of it at a time. */
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

static void
cut(struct data *d)
{
	if (!d->cut)
		module_count(&mod_regex, COUNT_CUT);
	d->cut = 1;
}

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

/* What is held of a line is looked at. */
static void
line_try(struct data *d, const struct mime_part *p, const struct line *l)
{
	char	text[3 * LINE_LOOKED + 1];
	size_t	i, len = l->n;

	while (len > 0 && (l->text[len - 1] == '\n' ||
	    l->text[len - 1] == '\r'))
		len--;
	/* What fits an empty line fits the first one. */
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

/* Text, cut into lines and pieces of long ones. */
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
	/* (where a line ends can be seen in UTF-8 only) */
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

static void
on_done(const char *past, const char *why, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);
	struct verdict	 v;

	data_clear(d);
	if (s == NULL)
		return;
	/* (a text that is read in several ways had less of it for each) */
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
	/* Encoded, text has at most three octets for each. */
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
