/*
 * show: what an address is, why, until when, and what happens at its next
 * visit.  The facts are found by lib/policy/show.c, next to the rules that they
 * explain.
 *
 * A fact is a name and a value.  Names that begin with "#" (a number) or "=" (a
 * word) are for programs and printed with -j only.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "spamgreydb/spamgreydb.h"

#define FACTS_MAX	192	/* more than policy_show tells */

/* The facts, in the order in which they came; strings are allocated. */
struct shown {
	struct {
		char	*name, *value;
	}		 fact[FACTS_MAX];
	size_t		 n;
	int		 missing;	/* there was no memory for one */
	json_t		*json;		/* NULL: text is printed */
	json_t		*entries;	/* with json: an array */
};

/*
 * Keeps a copy of a fact.  Past FACTS_MAX it is left out.
 */
static void
keep_fact(const char *name, const char *value, void *arg)
{
	struct shown	*s = arg;

	if (s->n == FACTS_MAX)
		return;
	s->fact[s->n].name = strdup(name);
	s->fact[s->n].value = strdup(value);
	if (s->fact[s->n].name == NULL || s->fact[s->n].value == NULL) {
		free(s->fact[s->n].name);
		free(s->fact[s->n].value);
		s->missing = 1;
		return;
	}
	s->n++;
}

/* Says whether it is the name of the fact. */
static int
fact_is(const struct shown *s, size_t i, const char *name)
{
	return (strcmp(s->fact[i].name, name) == 0);
}

/*
 * Collects the entries for JSON; the text has facts about them.  A tuple
 * belongs to a network, so it may be another host's: `own' tells.
 */
static int
show_entry(const struct entry *e, void *arg)
{
	struct shown	*s = arg;
	struct prefix	 host;
	json_t		*o;
	size_t		 i;

	if (s->entries == NULL || (o = out_entry_object(e)) == NULL)
		return (0);
	for (i = 0; i < s->n; i++)
		if (fact_is(s, i, "host") && prefix_parse(s->fact[i].value,
		    &host) == 0)
			(void)json_object_set_new(o, "own", json_boolean(
			    e->type != ENTRY_GREY ||
			    prefix_has(&host, &e->addr)));
	(void)json_array_append_new(s->entries, o);
	return (0);
}

/* Says whether a fact is for people. */
static int
is_words(const struct shown *s, size_t i)
{
	return (s->fact[i].name[0] != '#' && s->fact[i].name[0] != '=');
}

static void
print_fact(const struct shown *s, size_t i)
{
	printf("%-20s %s\n", s->fact[i].name, s->fact[i].value);
}

/*
 * The state is printed first, then the reasons, then what it means and what to
 * do.
 */
static void
show_text(const struct shown *s)
{
	size_t	i;

	for (i = 0; i < s->n; i++) {
		if (fact_is(s, i, "address") || fact_is(s, i, "state"))
			print_fact(s, i);
	}
	for (i = 0; i < s->n; i++) {
		if (!fact_is(s, i, "address") && !fact_is(s, i, "state") &&
		    !fact_is(s, i, "next visit") && !fact_is(s, i, "command") &&
		    is_words(s, i))
			print_fact(s, i);
	}
	for (i = 0; i < s->n; i++) {
		if (fact_is(s, i, "next visit") || fact_is(s, i, "command"))
			print_fact(s, i);
	}
}

/*
 * Adds a number.  The ending of its name tells a time, which is added as text
 * too.
 */
static void
json_number(json_t *o, const char *name, int64_t value)
{
	static const char *const times[] = { "_until", "_since", "_at" };
	size_t	i, len = strlen(name), n;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		n = strlen(times[i]);
		if (len > n && strcmp(name + len - n, times[i]) == 0) {
			out_json_time(o, name, value);
			return;
		}
	}
	(void)json_object_set_new(o, name, json_integer(value));
}

/*
 * Adds a fact about the address itself; what belongs to an entry is in
 * `entries'.  An address may be on several lists, so these are arrays.
 */
static void
fact_to_json(json_t *o, const char *name, const char *value)
{
	static const char *const one[] = { "address", "host", "network",
	    "state", "demoted" };
	json_t	*a;
	size_t	 i;

	if (*name == '=')
		(void)json_object_set_new(o, name + 1, json_string(value));
	if (*name == '#')
		json_number(o, name + 1, strtoll(value, NULL, 10));
	if (strcmp(name, "next visit") == 0)
		(void)json_object_set_new(o, "next_visit",
		    json_string(value));
	for (i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		if (strcmp(one[i], name) == 0)
			(void)json_object_set_new(o, name,
			    json_string(value));
	}
	if (strcmp(name, "whitelist") == 0 || strcmp(name, "blacklist") == 0) {
		if ((a = json_object_get(o, name)) == NULL) {
			a = json_array();
			(void)json_object_set_new(o, name, a);
		}
		(void)json_array_append_new(a, json_string(value));
	}
}

/* The caller keeps its reference to the object. */
static int
show_json(struct shown *s)
{
	size_t	i;

	for (i = 0; i < s->n; i++)
		fact_to_json(s->json, s->fact[i].name, s->fact[i].value);
	(void)json_object_set(s->json, "entries", s->entries);
	return (out_json(json_incref(s->json)));
}

/*
 * Asks for what the firewall's table really has, which may differ from what it
 * should have.
 */
static void
show_firewall(struct conn *c, const struct addr *addr, struct shown *s)
{
	struct answer	a;
	char		text[sizeof(a.text) + 32];

	memset(&a, 0, sizeof(a));
	ipc_begin(conn_ipc(c), CTL_TABLE, 1);
	ipc_put_addr(conn_ipc(c), addr);
	if (conn_send(c) == -1 || request_wait(c, &a) == -1)
		return;
	snprintf(text, sizeof(text), a.status == CTL_OK ||
	    a.status == CTL_NOTFOUND ? "%s" : "unknown: %s", a.text);
	keep_fact("firewall", text, s);
	if (s->json == NULL)
		return;
	(void)json_object_set_new(s->json, "firewall", json_string(text));
	(void)json_object_set_new(s->json, "in_firewall",
	    a.status == CTL_OK ? json_true() : a.status == CTL_NOTFOUND ?
	    json_false() : json_null());
}

/* Collects the facts, asks the firewall, and prints all of it in order. */
int
cmd_show(struct conn *c, const struct args *args)
{
	struct shown	 s;
	struct answer	 a;
	struct addr	 addr;
	int		 status = 1;

	memset(&s, 0, sizeof(s));
	memset(&a, 0, sizeof(a));
	if (args->json) {
		s.json = json_object();
		s.entries = json_array();
		s.missing = s.json == NULL || s.entries == NULL;
	}
	a.fact = keep_fact;
	a.entry = show_entry;
	a.arg = &s;
	(void)addr_parse(args->keys[0], &addr);
	ipc_begin(conn_ipc(c), CTL_SHOW, 1);
	ipc_put_addr(conn_ipc(c), &addr);
	if (conn_send(c) == 0 && request_wait(c, &a) == 0) {
		if (a.status != CTL_OK)
			out_error("%s: %s", args->keys[0], a.text);
		else {
			show_firewall(c, &addr, &s);
			if (s.missing)
				out_error("no memory");
			else if (s.json == NULL)
				show_text(&s);
			status = s.missing ||
			    (s.json != NULL && show_json(&s) == -1);
		}
	}
	while (s.n > 0) {
		s.n--;
		free(s.fact[s.n].name);
		free(s.fact[s.n].value);
	}
	json_decref(s.entries);
	json_decref(s.json);
	return (status);
}
