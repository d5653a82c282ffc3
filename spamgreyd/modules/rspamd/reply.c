/*
 * What rspamd's reply asks to change: see reply.h.  What is asked for is the
 * administrator's wish, but its text may be a client's.  Names, values,
 * addresses and their number are therefore checked where the changes are kept.
 * A wish that is unknown or cannot be done is an error; it is not ignored.
 */
#include <sys/types.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spamgreyd/modules/rspamd/reply.h"

/* Changes of one reply. */
#define CHANGES_MAX	500
/* Bytes of the reply's text that are quoted in an error. */
#define WORD_MAX	60

extern const struct module mod_rspamd;

/* One reply that is being read. */
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

/* Notes what is wrong and returns -1. */
static int
wrong(struct wish *w, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(w->why, RSPAMD_WHY, fmt, ap);
	va_end(ap);
	return (-1);
}

/*
 * Counts one change. r is what msgedit or module_rcpt_add returned.  Returns -1
 * if that failed or there were too many.
 */
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

/*
 * A number without a fraction, whether it is written as an integer or not.
 * Returns -1 if it is not one that fits an int.
 */
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

/*
 * Calls `one' for each value under a name: for one value, or for each of an
 * array.
 */
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

/*
 * Calls `one' for each value of an object.  An empty array counts as an empty
 * object, because Lua cannot tell its empty tables apart.
 */
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

/*
 * remove_headers: 0 removes all fields of that name, n the n-th from the top,
 * -n the n-th from the end.
 */
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

/*
 * Removes all fields of that name before one is added, so that a client cannot
 * forge it.
 */
static int
remove_all(struct wish *w, const char *name)
{
	return (made(w, msgedit_change(w->e, 0, name, NULL), "header",
	    name));
}

/* Returns 1 if the reply itself says which fields of that name are removed. */
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

/*
 * add_headers: "value", or { "value": ..., "order": ... }. A negative order
 * counts from the end; -1 is the end itself.
 */
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

/* Sets a field in place of all others of that name. */
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

/*
 * The fields that spam gets; they are only added with the action "add header".
 */
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

/*
 * How the message is to be rejected (discard, quarantine).  Mail is neither
 * discarded nor held here, so that makes no difference.
 */
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

/*
 * The action is only reported, in a field of its own; fields of that name from
 * the client are removed.
 */
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

/*
 * The members of `milter', in the order in which rspamd's own milter handles
 * them.
 */
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

/*
 * Checks all names before anything is done.  An unknown one may be a change
 * that the administrator relies on.
 */
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

/* The object `milter'.  Lua may send an empty table as an array. */
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

/*
 * The signatures, each inserted at the top; from the last to the first, so that
 * the first ends up on top.
 */
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

/*
 * The subject is only replaced with the action "rewrite subject", and the first
 * field of that name is the one that readers show.
 */
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
