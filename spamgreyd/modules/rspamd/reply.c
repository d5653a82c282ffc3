/*
 * What rspamd's reply wants changed: see reply.h.  What is said there is
 * an administrator's wish, but its text may be a client's: names, values,
 * addresses and how many there are is checked by those who keep the changes.
 * What is not known or cannot be done is an error, never passed over.
 */
#include <sys/types.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spamgreyd/modules/rspamd/reply.h"

#define CHANGES_MAX	500		/* of one reply */
#define WORD_MAX	60		/* octets of its text, quoted */

extern const struct module mod_rspamd;

struct wish {
	struct msession	*s;
	struct msgedit	*e;
	const json_t	*milter;
	const char	*action;
	unsigned int	 n;		/* changes so far */
	char		*why;
};

static int wrong(struct wish *, const char *, ...)
    __attribute__((__format__(printf, 2, 3)));

static int
wrong(struct wish *w, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(w->why, RSPAMD_WHY, fmt, ap);
	va_end(ap);
	return (-1);
}

/* One change is made, or is not: r as msgedit and module_rcpt_add say it. */
static int
made(struct wish *w, int r, const char *what, const char *name)
{
	if (++w->n > CHANGES_MAX)
		return (wrong(w, "it wants more than %d changes",
		    CHANGES_MAX));
	if (r == -1)
		return (wrong(w, "its %s \"%.*s\" cannot be done (invalid, "
		    "too large, or out of memory)", what, WORD_MAX, name));
	return (0);
}

/* A whole number, whichever way it is written. */
static int
whole(const json_t *v, int *n)
{
	double	d;

	if (!json_is_number(v))
		return (-1);
	d = json_number_value(v);
	if (!(d > -(double)INT_MAX && d < (double)INT_MAX) ||
	    d != (double)(int)d)
		return (-1);
	*n = (int)d;
	return (0);
}

/* Each value under a name: one, or several in an array. */
static int
each(struct wish *w, const char *name, json_t *v,
    int (*one)(struct wish *, const char *, const json_t *))
{
	json_t	*item;
	size_t	 i;

	if (!json_is_array(v))
		return (one(w, name, v));
	json_array_foreach(v, i, item)
		if (one(w, name, item) == -1)
			return (-1);
	return (0);
}

static int
each_name(struct wish *w, const char *what, json_t *o,
    int (*one)(struct wish *, const char *, const json_t *))
{
	const char	*name;
	json_t		*v;

	if (!json_is_object(o) && !(json_is_array(o) && json_array_size(o) ==
	    0))			/* (Lua's empty table) */
		return (wrong(w, "its %s is not an object", what));
	json_object_foreach(o, name, v)
		if (each(w, name, v, one) == -1)
			return (-1);
	return (0);
}

/* --- header fields */

/* 0: all of that name; from 1 on from the top, below 0 from the end. */
static int
remove_one(struct wish *w, const char *name, const json_t *v)
{
	int	i, r;

	if (whole(v, &i) == -1)
		return (wrong(w, "its remove_headers \"%.*s\" has no number",
		    WORD_MAX, name));
	if (i >= 0)
		r = msgedit_change(w->e, (unsigned int)i, name, NULL);
	else
		r = msgedit_change_last(w->e, (unsigned int)-i, name, NULL);
	return (made(w, r, "remove_headers", name));
}

/* All of that name go: those of the client look as if they were ours. */
static int
remove_all(struct wish *w, const char *name)
{
	return (made(w, msgedit_change(w->e, 0, name, NULL), "header",
	    name));
}

/* Does it say itself which of that name go? */
static int
removes(const struct wish *w, const char *name)
{
	json_t		*o = json_object_get(w->milter, "remove_headers"), *v;
	const char	*other;

	json_object_foreach(o, other, v)
		if (strcasecmp(other, name) == 0)
			return (1);
	return (0);
}

/* "value", or { "value": …, "order": … }: a place from the top, below 0 from
 * the end, of which -1 is. */
static int
add_one(struct wish *w, const char *name, const json_t *v)
{
	const json_t	*order = json_object_get(v, "order");
	const char	*text = json_string_value(json_is_object(v) ?
			    json_object_get(v, "value") : v);
	int		 place, r;

	if (text == NULL)
		return (wrong(w, "its add_headers \"%.*s\" has no value",
		    WORD_MAX, name));
	if (order == NULL)
		order = json_object_get(v, "index");
	if (order != NULL && whole(order, &place) == -1)
		return (wrong(w, "its add_headers \"%.*s\" has an order that "
		    "is not a number", WORD_MAX, name));
	if (strncasecmp(name, "X-", 2) == 0 && !removes(w, name) &&
	    remove_all(w, name) == -1)
		return (-1);
	if (order == NULL)
		r = msgedit_add(w->e, name, text);
	else if (place >= 0)
		r = msgedit_insert(w->e, (unsigned int)place, name, text);
	else
		r = msgedit_insert_last(w->e, (unsigned int)-place, name,
		    text);
	return (made(w, r, "add_headers", name));
}

/* In place of all that there are. */
static int
set_one(struct wish *w, const char *name, const json_t *v)
{
	const char	*text = json_string_value(v);

	if (text == NULL)
		return (wrong(w, "its spam_header \"%.*s\" has no value",
		    WORD_MAX, name));
	if (remove_all(w, name) == -1)
		return (-1);
	return (made(w, msgedit_add(w->e, name, text), "spam_header", name));
}

static int
do_remove(struct wish *w, json_t *v)
{
	return (each_name(w, "remove_headers", v, remove_one));
}

static int
do_add(struct wish *w, json_t *v)
{
	return (each_name(w, "add_headers", v, add_one));
}

static int
do_spam_header(struct wish *w, json_t *v)
{
	if (strcmp(w->action, "add header") != 0)
		return (0);
	return (json_is_string(v) ? set_one(w, "X-Spam", v) :
	    each_name(w, "spam_header", v, set_one));
}

/* --- the envelope */

static int
rcpt_add(struct wish *w, const char *what, const json_t *v)
{
	const char	*path = json_string_value(v);

	if (path == NULL)
		return (wrong(w, "its %s has an entry that is not a "
		    "string", what));
	return (made(w, module_rcpt_add(w->s, &mod_rspamd, path, NULL), what,
	    path));
}

static int
rcpt_delete(struct wish *w, const char *what, const json_t *v)
{
	const char	*path = json_string_value(v);

	if (path == NULL)
		return (wrong(w, "its %s has an entry that is not a "
		    "string", what));
	return (made(w, module_rcpt_delete(w->s, &mod_rspamd, path), what,
	    path));
}

static int
do_rcpt_add(struct wish *w, json_t *v)
{
	return (each(w, "add_rcpt", v, rcpt_add));
}

static int
do_rcpt_delete(struct wish *w, json_t *v)
{
	return (each(w, "del_rcpt", v, rcpt_delete));
}

static int
do_from(struct wish *w, json_t *v)
{
	const char	*path = json_string_value(v);

	if (path == NULL)
		return (wrong(w, "its change_from is not a string"));
	return (made(w, module_from_change(w->s, &mod_rspamd, path, NULL),
	    "change_from", path));
}

/* --- what becomes of the message */

/* How it is to be rejected (discard, quarantine): nothing vanishes here, or is
 * held, and so that makes no difference. */
static int
do_reject(struct wish *w, json_t *v)
{
	return (json_is_string(v) ? 0 : wrong(w, "its reject is not a string"));
}

int
rspamd_no_action(const json_t *reply)
{
	return (json_is_true(json_object_get(json_object_get(reply, "milter"),
	    "no_action")));
}

static int
do_no_action(struct wish *w, json_t *v)
{
	if (!json_is_boolean(v))
		return (wrong(w, "its no_action is neither true nor false"));
	if (!json_is_true(v))
		return (0);
	if (remove_all(w, "X-Rspamd-Action") == -1)
		return (-1);
	return (made(w, msgedit_add(w->e, "X-Rspamd-Action", w->action),
	    "no_action", w->action));
}

/* --- all of it */

/* In the order in which rspamd's own milter does it. */
static const struct {
	const char	*name;
	int		(*fn)(struct wish *, json_t *);
} wishes[] = {
	{ "remove_headers", do_remove },
	{ "add_headers", do_add },
	{ "change_from", do_from },
	{ "add_rcpt", do_rcpt_add },
	{ "del_rcpt", do_rcpt_delete },
	{ "reject", do_reject },
	{ "no_action", do_no_action },
	{ "spam_header", do_spam_header },
	{ NULL, NULL }
};

static int
all_known(struct wish *w, json_t *milter)
{
	const char	*name;
	json_t		*v;
	size_t		 i;

	json_object_foreach(milter, name, v) {
		for (i = 0; wishes[i].name != NULL &&
		    strcmp(wishes[i].name, name) != 0; i++)
			;
		if (wishes[i].name == NULL)
			return (wrong(w, "its milter has \"%.*s\", which is "
			    "unknown", WORD_MAX, name));
	}
	return (0);
}

static int
milter(struct wish *w, json_t *o)
{
	json_t	*v;
	size_t	 i;

	if (o == NULL || (json_is_array(o) && json_array_size(o) == 0))
		return (0);
	if (!json_is_object(o))
		return (wrong(w, "its milter is not an object"));
	w->milter = o;
	if (all_known(w, o) == -1)
		return (-1);
	for (i = 0; wishes[i].name != NULL; i++)
		if ((v = json_object_get(o, wishes[i].name)) != NULL &&
		    wishes[i].fn(w, v) == -1)
			return (-1);
	return (0);
}

static int
sign(struct wish *w, const char *what, const json_t *v)
{
	const char	*text = json_string_value(v);

	if (text == NULL)
		return (wrong(w, "its %s is not a string", what));
	return (made(w, msgedit_insert(w->e, 1, "DKIM-Signature", text), what,
	    text));
}

/* Above all fields, the first of them uppermost. */
static int
signatures(struct wish *w, json_t *v)
{
	size_t	i;

	if (v == NULL)
		return (0);
	if (!json_is_array(v))
		return (sign(w, "dkim-signature", v));
	for (i = json_array_size(v); i > 0; i--)
		if (sign(w, "dkim-signature", json_array_get(v, i - 1)) == -1)
			return (-1);
	return (0);
}

int
rspamd_changes(struct msession *s, const json_t *reply, const char *action,
    char why[RSPAMD_WHY])
{
	struct wish	 w = { .s = s, .action = action, .why = why };
	const char	*subject = json_string_value(json_object_get(reply,
			    "subject"));

	if ((w.e = module_edit(s, &mod_rspamd)) == NULL)
		return (wrong(&w, "out of memory"));
	if (milter(&w, json_object_get(reply, "milter")) == -1 ||
	    signatures(&w, json_object_get(reply, "dkim-signature")) == -1)
		return (-1);
	if (strcmp(action, "rewrite subject") != 0 ||
	    rspamd_no_action(reply) || subject == NULL || *subject == '\0')
		return (0);
	return (made(&w, msgedit_change(w.e, 1, "Subject", subject),
	    "subject", subject));
}
