/*
 * Module attachment: refuses or marks messages that have parts with unwanted
 * file names or MIME types.  It looks into MIME only, not into archives.  A
 * part can have several names, because mail readers differ in how they read a
 * header; every name that some reader could show counts.  A message whose parts
 * are nested too deeply, or that has too many parts, is unscannable.
 *
 * The scan runs in slices from the event loop (runner/mimescan.h), so the EOM
 * hook always waits for on_done, and forget must stop the scan.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/mimescan.h"
#include "spamgreyd/runner/module.h"

#define PATTERN_MAX	256
#define RULES_MAX	1000
/*
 * Finds of one message that are reported one by one; further ones are only
 * counted.
 */
#define FOUND_MAX	20
/*
 * Milliseconds.  Only an upper bound: the runner's scan budget ends the wait
 * earlier.
 */
#define WAIT_MS		300000

enum { COUNT_PARTS, COUNT_NAMES, COUNT_TYPES, COUNT_PAST };
static const char *const counters[] = {
	"parts", "names", "types", "past-limits", NULL
};

struct pattern {
	struct rule	 rule;
	int		 is_type;
	char		*text;		/* lower case */
};
struct conf {
	struct pattern	*pattern;
	size_t		 n;
	struct mime_limits limits;
};
/*
 * A session's scan.  scan and met are NULL unless a scan is running.  header is
 * the position of the part seen last plus 1, so that 0 means that no part was
 * seen.
 */
struct data {
	struct mimescan	*scan;
	uint64_t	 key;
	struct conf	*conf;
	struct verdict	 verdict;
	unsigned int	 found;
	uint64_t	 header;	/* the latest that was seen */
	/*
	 * One entry for each pattern: the last part that it matched, as
	 * position plus 1.  It keeps a part from being counted twice by one
	 * pattern.
	 */
	uint64_t	*met;
};

extern const struct module mod_attachment;

#define RULE(keyword, help) \
	{ keyword, "%s [ %w ] [ %p ]", MIMESCAN_ACTIONS, -100000, 100000, "", \
	    1, 0, help }
static const struct module_option options[] = {
	RULE("name", "a pattern of file names that are not wanted"),
	RULE("type", "a pattern of MIME types that are not wanted"),
	{ "max-depth", "%n", NULL, 1, 100, "20", 0, 0,
	    "parts in parts that are looked into" },
	{ "max-parts", "%n", NULL, 1, 100000, "500", 0, 0,
	    "parts that are looked at" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

/*
 * Matches a file name or type against a pattern that is in lower case: `*'
 * stands for any bytes, `?' for one byte, and ASCII letters match in either
 * case.  Only the last `*' is ever tried again, so the time is at most the
 * product of the two lengths, whatever the sender writes.
 */
static int
matches(const char *pattern, const char *name)
{
	const char	*star = NULL, *at = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			at = name;
		} else if (*pattern == '?' || *pattern ==
		    ascii_lower(*name)) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++at;
		} else
			return (0);
	}
	return (pattern[strspn(pattern, "*")] == '\0');
}

static int
attachment_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct conf	*c = conf;
	struct pattern	*p;
	char		*s;

	(void)off;
	if (strcmp(keyword, "max-depth") == 0) {
		c->limits.depth = (unsigned int)a[0].n;
		return (0);
	}
	if (strcmp(keyword, "max-parts") == 0) {
		c->limits.parts = (unsigned int)a[0].n;
		return (0);
	}
	if (a[0].s[0] == '\0' || strlen(a[0].s) > PATTERN_MAX ||
	    c->n == RULES_MAX) {
		*error = c->n == RULES_MAX ?
		    "too many patterns; the maximum is 1000" :
		    "a pattern must have 1 to 256 bytes";
		return (-1);
	}
	if ((p = reallocarray(c->pattern, c->n + 1, sizeof(*p))) == NULL)
		fatal("attachment");
	c->pattern = p;
	p += c->n;
	if (mimescan_rule(&p->rule, a + 1, n - 1, error) == -1)
		return (-1);
	p->is_type = strcmp(keyword, "type") == 0;
	if ((p->text = strdup(a[0].s)) == NULL)
		fatal("attachment");
	for (s = p->text; *s != '\0'; s++)
		*s = ascii_lower(*s);
	c->n++;
	return (0);
}

static void
attachment_clear(void *conf)
{
	struct conf	*c = conf;
	size_t		 i;

	for (i = 0; i < c->n; i++)
		free(c->pattern[i].text);
	free(c->pattern);
}

/*
 * Looks up one name or type of the part at `header'.  The first matching
 * pattern decides.  It counts once for a part, even if the part has several
 * names that match.
 */
static void
look(struct msession *s, struct data *d, uint64_t header, int is_type,
    const char *text)
{
	const struct conf	*c = d->conf;
	size_t			 i;

	for (i = 0; i < c->n; i++)
		if (c->pattern[i].is_type == is_type &&
		    matches(c->pattern[i].text, text))
			break;
	if (i == c->n || d->met[i] == header + 1)
		return;
	d->met[i] = header + 1;
	module_count(&mod_attachment, is_type ? COUNT_TYPES : COUNT_NAMES);
	if (d->found++ < FOUND_MAX)
		mimescan_met(s, &mod_attachment, &c->pattern[i].rule, text,
		    &d->verdict);
}

/*
 * Called for each part, and again for a part that can be read in a second way;
 * the second reading has the same position in p->header and is not counted as
 * another part.
 */
static void
on_part(const struct mime_part *p, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);
	unsigned int	 i;

	if (s == NULL)
		return;
	if (d->header < p->header + 1)
		module_count(&mod_attachment, COUNT_PARTS);
	d->header = p->header + 1;
	look(s, d, p->header, 1, p->type);
	for (i = 0; i < p->nnames; i++)
		look(s, d, p->header, 0, p->name[i]);
}

static void
data_clear(struct data *d)
{
	d->scan = NULL;
	free(d->met);
	d->met = NULL;
}

/*
 * The scan has ended. past: the limit that the message exceeded, or NULL. why:
 * the error that ended the scan, or NULL.  The kinds of verdicts are ordered by
 * severity, so the more severe one of the finds and of the limit is returned.
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
	if (why != NULL) {
		module_resume(d->key, &mod_attachment, verdict_error("%s", why));
		return;
	}
	if (past != NULL) {
		module_count(&mod_attachment, COUNT_PAST);
		v = module_found(s, &mod_attachment, CLASS_UNSCANNABLE, past);
		if (v.kind > d->verdict.kind)
			d->verdict = v;
	}
	module_resume(d->key, &mod_attachment, d->verdict);
}

/*
 * Starts the scan.  Without patterns there is nothing to look for, and the
 * message is not read at all.
 */
static struct verdict
attachment_eom(struct msession *s, void *conf)
{
	static const struct mime_calls	 calls = { .part = on_part };
	struct data			*d = module_data(s, &mod_attachment);

	if (((struct conf *)conf)->n == 0)
		return (verdict_next());
	d->key = s->key;
	d->conf = conf;
	d->verdict = verdict_next();
	d->found = 0;
	d->header = 0;
	if ((d->met = calloc(d->conf->n, sizeof(*d->met))) == NULL)
		return (verdict_error("out of memory"));
	d->scan = mimescan_start(s->spool, 0, &d->conf->limits, &calls,
	    on_done, d);
	if (d->scan != NULL)
		return (verdict_wait(WAIT_MS));
	data_clear(d);
	return (verdict_error("out of memory"));
}

static void
attachment_forget(struct msession *s, void *conf)
{
	struct data	*d = module_data(s, &mod_attachment);

	(void)conf;
	mimescan_stop(d->scan);
	data_clear(d);
}

const struct module mod_attachment = {
	.name = "attachment",
	.says = "attachment",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_TEMPFAIL,
	.counters = counters,
	.option = attachment_option,
	.conf_clear = attachment_clear,
	.hook = { [STAGE_EOM] = attachment_eom },
	.forget = attachment_forget
};
