/*
 * Points: each module's share, for the session and for the message; the sum of
 * all against `mark at' and `reject at'; and how both are shown in headers,
 * replies and the log.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/runner_int.h"

/* A header line is folded at this column. */
#define HEADER_COLUMN	76
/* Bytes of a word that are kept together; a longer one is split. */
#define HEADER_WORD	500
/* Bytes of a number as text. */
#define NUMBER_LEN	24
/* Reasons that a refusal shows. */
#define REASONS_TOLD	3

void
points_clear(struct points *p)
{
	free(p->why);
	p->why = NULL;
	p->milli = 0;
}

/*
 * The sum is kept within +-MODULE_POINTS_MAX, so that the sum of all modules
 * fits 32 bits.  why is copied.
 */
void
points_add(struct points *p, int32_t milli, const char *why)
{
	size_t	 have = p->why == NULL ? 0 : strlen(p->why);
	char	*text;
	int64_t	 sum = (int64_t)p->milli + milli;

	if (sum > MODULE_POINTS_MAX)
		sum = MODULE_POINTS_MAX;
	if (sum < -MODULE_POINTS_MAX)
		sum = -MODULE_POINTS_MAX;
	p->milli = (int32_t)sum;
	/*
	 * The number always counts.  Reasons are kept as long as there is room
	 * for them.
	 */
	if (*why == '\0' || have + strlen(why) + 2 > MODULE_TEXT_MAX ||
	    (text = malloc(MODULE_TEXT_MAX + 1)) == NULL)
		return;
	snprintf(text, MODULE_TEXT_MAX + 1, "%s%s%s",
	    have == 0 ? "" : p->why, have == 0 ? "" : ", ", why);
	free(p->why);
	p->why = text;
}

/* Thousandths as a number without trailing zeros: 4.5. */
static const char *
number(int64_t milli, char text[NUMBER_LEN])
{
	int64_t	 a = milli < 0 ? -milli : milli;
	int	 n;

	n = snprintf(text, NUMBER_LEN, "%s%lld.%03d", milli < 0 ? "-" : "",
	    (long long)(a / 1000), (int)(a % 1000));
	while (text[n - 1] == '0')
		text[--n] = '\0';
	if (text[n - 1] == '.')
		text[n - 1] = '\0';
	return (text);
}

/*
 * Encodes reasons for the parentheses of a header field: no control character,
 * parenthesis, quote or backslash stays, except the backslashes of the
 * encoding.  What does not fit is cut.
 */
void
points_encode(char *dst, size_t size, const char *src)
{
	size_t			n = 0;

	for (; *src != '\0' && n + 5 < size; src++) {
		unsigned char	c = (unsigned char)*src;

		if (c >= 0x20 && c < 0x7f && strchr("()\"\\|", c) == NULL)
			dst[n++] = (char)c;
		else {
			ascii_escape(dst + n, c);
			n += ASCII_ESCAPE_LEN;
		}
	}
	dst[n] = '\0';
}

/* What one module says, as it is shown: points or a class, and the reasons. */
struct part {
	const char	*name;
	char		 value[NUMBER_LEN];
	char		 why[MODULE_TEXT_MAX * 2 + 32];
};

/* The points of module i.  Returns 0 if it gave none. */
static int
part_points(const struct msession *s, size_t i, struct part *p)
{
	const struct module_one	*one = &s->mods->one[i];
	const char		*a = one->session.why, *b = one->message.why;

	if (a == NULL && b == NULL && one->session.milli == 0 &&
	    one->message.milli == 0 && !one->unsure)
		return (0);
	snprintf(p->why, sizeof(p->why), "%s%s%s%s%s", a == NULL ? "" : a,
	    a != NULL && b != NULL ? ", " : "", b == NULL ? "" : b,
	    one->unsure && (a != NULL || b != NULL) ? ", " : "",
	    one->unsure ? "not checked" : "");
	number((int64_t)one->session.milli + one->message.milli, p->value);
	return (1);
}

int32_t
run_points(const struct msession *s)
{
	int64_t	sum = 0;
	size_t	i;

	if (s->mods == NULL)
		return (0);
	for (i = 0; i < s->mods->n; i++)
		sum += (int64_t)s->mods->one[i].session.milli +
		    s->mods->one[i].message.milli;
	/* At most 32 modules with twice 10^6 each. */
	return ((int32_t)sum);
}

/*
 * Returns 1 if one scanner's score alone reaches the limit.  Negative points of
 * other modules do not help against that.
 */
static int
alone_over(const struct msession *s, int32_t limit)
{
	size_t	i;

	for (i = 0; s->mods != NULL && i < s->mods->n; i++)
		if (s->mods->one[i].score.milli >= limit)
			return (1);
	return (0);
}

int
run_over(const struct msession *s)
{
	const struct conf_pass	*p;
	int64_t			 sum = run_points(s), some = sum;
	size_t			 i;

	if (s->mods == NULL)
		return (0);
	p = s->mods->chain->conf->pass;
	/*
	 * A message to postmaster and abuse only is not refused because of
	 * points.
	 */
	if (p->reject_at > 0 && (sum >= p->reject_at ||
	    alone_over(s, p->reject_at)))
		return (runner->only_roles(s->mods->owner) ? 1 : 2);
	for (i = 0; i < s->mods->n; i++) {
		if (s->mods->one[i].unsure || s->mods->one[i].classes != 0 ||
		    s->mods->one[i].mark)
			return (1);
		some += s->mods->one[i].some;
	}
	return (p->mark_at > 0 && some >= p->mark_at);
}

/*
 * Adds text to a header field and folds it between words; *column is the
 * current column.  Returns -1 if there is no memory.
 */
static int
fold(struct buf *b, const char *text, size_t *column)
{
	size_t	len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (len > HEADER_WORD)
			len = HEADER_WORD;
		if (*column > 1 && *column + 1 + len > HEADER_COLUMN) {
			if (buf_add(b, "\r\n\t", 3) == -1)
				return (-1);
			*column = 8;
		} else if (*column > 0) {
			if (buf_add(b, " ", 1) == -1)
				return (-1);
			(*column)++;
		}
		if (buf_add(b, text, len) == -1)
			return (-1);
		*column += len;
		text += len;
		text += strspn(text, " ");
	}
	return (0);
}

/* A class that module i found.  Returns 0 if it did not find that class. */
static int
part_class(const struct msession *s, size_t i, enum content_class class,
    struct part *p)
{
	const struct module_one	*one = &s->mods->one[i];
	const char		*why = one->found[class].why;

	if (!(one->classes & 1U << class))
		return (0);
	snprintf(p->value, sizeof(p->value), "%s", class_str(class));
	snprintf(p->why, sizeof(p->why), "%s", why == NULL ? "" : why);
	return (1);
}

/*
 * Part n of module i: 0 is its points, the others are the classes.  Returns 0
 * if there is no such part.
 */
static int
part_of(const struct msession *s, size_t i, unsigned int n, struct part *p)
{
	p->name = s->mods->chain->link[i].mod->name;
	return (n == 0 ? part_points(s, i, p) :
	    part_class(s, i, (enum content_class)(n - 1), p));
}

/* "NAME=4.5 (reasons)" */
static void
part_text(const struct part *p, char *text, size_t size)
{
	char	enc[MODULE_TEXT_MAX * 3];

	points_encode(enc, sizeof(enc), p->why);
	snprintf(text, size, "%s=%s (%s)", p->name, p->value, enc);
}

/*
 * Adds the header field of a marked message:
 *	X-Spamgreyd: score=4.5 mark=4 reject=10; dnsbl=4 (reasons);
 *		protocol=0.5 (reasons)
 */
int
run_headers(const struct msession *s, struct buf *b)
{
	const struct conf_pass	*p = s->mods->chain->conf->pass;
	struct part		 part;
	char			 text[MODULE_TEXT_MAX * 4], num[NUMBER_LEN];
	char			 mark[NUMBER_LEN], reject[NUMBER_LEN];
	size_t			 i, column = 12;
	unsigned int		 n;

	snprintf(text, sizeof(text), "score=%s mark=%s reject=%s",
	    number(run_points(s), num), p->mark_at == 0 ? "never" :
	    number(p->mark_at, mark), p->reject_at == 0 ? "never" :
	    number(p->reject_at, reject));
	if (buf_addstr(b, "X-Spamgreyd:") == -1 ||
	    fold(b, text, &column) == -1)
		return (-1);
	for (i = 0; s->mods != NULL && i < s->mods->n; i++)
		for (n = 0; n <= CLASS_MAX; n++) {
			if (!part_of(s, i, n, &part))
				continue;
			part_text(&part, text, sizeof(text));
			if (buf_add(b, ";", 1) == -1)
				return (-1);
			column++;
			if (fold(b, text, &column) == -1)
				return (-1);
		}
	return (buf_add(b, "\r\n", 2));
}

void
run_rules(const struct msession *s, char *dst, size_t size)
{
	struct part	 part;
	char		 text[MODULE_TEXT_MAX * 4], num[NUMBER_LEN];
	size_t		 i, used;
	unsigned int	 n;

	used = (size_t)snprintf(dst, size, "points=%s",
	    number(run_points(s), num));
	for (i = 0; s->mods != NULL && i < s->mods->n; i++)
		for (n = 0; n <= CLASS_MAX && used < size; n++) {
			if (!part_of(s, i, n, &part))
				continue;
			part_text(&part, text, sizeof(text));
			used += (size_t)snprintf(dst + used, size - used,
			    " %s", text);
		}
}

void
run_log(const struct msession *s, struct buf *b)
{
	struct part	 part;
	char		 enc[MODULE_TEXT_MAX * 4], num[NUMBER_LEN];
	unsigned int	 n;
	int		 first = 1;
	size_t		 i;

	for (i = 0; s->mods != NULL && i < s->mods->n; i++)
		for (n = 0; n <= CLASS_MAX; n++) {
			if (!part_of(s, i, n, &part))
				continue;
			if (first)
				(void)buf_printf(b, " points=%s",
				    number(run_points(s), num));
			first = 0;
			(void)buf_printf(b, " %s=%s", part.name, part.value);
			if (*part.why != '\0')
				(void)buf_printf(b, " %s-why=%s", part.name,
				    log_encode_str(enc, sizeof(enc), part.why));
		}
}

/* The points of all modules that have the same text in module.says. */
struct reason {
	const char	*says;
	int64_t		 milli;
};

/* Fills in r and returns how many entries it has. */
static size_t
reasons(const struct msession *s, struct reason r[MODULES_MAX])
{
	const struct module	*mod;
	const char		*says;
	size_t			 i, k, n = 0;

	for (i = 0; s->mods != NULL && i < s->mods->n; i++) {
		mod = s->mods->chain->link[i].mod;
		says = mod->says != NULL ? mod->says : mod->name;
		for (k = 0; k < n && strcmp(r[k].says, says) != 0; k++)
			;
		if (k == n) {
			r[n].says = says;
			r[n++].milli = 0;
		}
		r[k].milli += (int64_t)s->mods->one[i].session.milli +
		    s->mods->one[i].message.milli;
	}
	return (n);
}

void
run_reasons(const struct msession *s, char *dst, size_t size)
{
	struct reason	 r[MODULES_MAX], *most;
	char		 num[NUMBER_LEN], limit[NUMBER_LEN];
	int64_t		 sum = run_points(s);
	size_t		 n = reasons(s, r), i, used;
	unsigned int	 told;

	/*
	 * A scanner's own score may have been enough, although the sum is
	 * lower.
	 */
	for (i = 0; s->mods != NULL && i < s->mods->n; i++)
		if (s->mods->one[i].score.milli > sum)
			sum = s->mods->one[i].score.milli;
	used = (size_t)snprintf(dst, size, "%s points, limit %s",
	    number(sum, num), number(s->mods->chain->conf->pass->reject_at, limit));
	for (told = 0; told < REASONS_TOLD; told++) {
		most = NULL;
		for (i = 0; i < n; i++)
			if (r[i].milli > 0 && (most == NULL ||
			    r[i].milli > most->milli))
				most = &r[i];
		if (most == NULL || used >= size)
			break;
		used += (size_t)snprintf(dst + used, size - used, "%s%s %s",
		    told == 0 ? " (" : ", ", most->says,
		    number(most->milli, num));
		most->milli = 0;
	}
	if (told > 0 && used < size)
		(void)snprintf(dst + used, size - used, ")");
}

/* A new transaction.  What belongs to the session stays, also `unsure' of 2. */
void
run_new_message(struct msession *s)
{
	size_t	i;

	turn_clear(s);
	for (i = 0; s->mods != NULL && i < s->mods->n; i++) {
		points_clear(&s->mods->one[i].message);
		content_new_message(&s->mods->one[i]);
		if (s->mods->one[i].unsure == 1)
			s->mods->one[i].unsure = 0;
	}
}
