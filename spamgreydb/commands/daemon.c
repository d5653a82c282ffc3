/*
 * Commands about the database or the daemon as a whole: expire, stats, load,
 * log.  Each sends one request, which has the id 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "spamgreydb/spamgreydb.h"

/* Returns the exit status.  When the request failed its text is the reason. */
static int
status(const struct answer *a)
{
	if (a->status == CTL_OK)
		return (0);
	out_error("%s", a->text);
	return (1);
}

/* Removes expired entries now.  Only with -j the number is printed. */
int
cmd_expire(struct conn *c, const struct args *args)
{
	struct answer	a;

	memset(&a, 0, sizeof(a));
	ipc_begin(conn_ipc(c), CTL_EXPIRE, 1);
	ipc_put_u8(conn_ipc(c), args->clock_ok ? 1 : 0);
	if (conn_send(c) == -1 || request_wait(c, &a) == -1)
		return (1);
	if (args->json && out_json(json_pack("{s:I}", "expired",
	    (json_int_t)a.count)) == -1)
		return (1);
	return (status(&a));
}

/* Prints a counter, in the order in which the daemon sends them. */
static void
stat_text(const char *name, const char *value, void *arg)
{
	(void)arg;
	printf("%-32s %s\n", name, value);
}

/*
 * Adds a counter to the object.  A value that is not a number is the reason of
 * a failure, and stays a string.
 */
static void
stat_json(const char *name, const char *value, void *arg)
{
	json_int_t	 n;
	char		*end;

	n = strtoll(value, &end, 10);
	(void)json_object_set_new(arg, name, *value != '\0' && *end == '\0' ?
	    json_integer(n) : json_string(value));
}

/* Prints the counters as columns or as one object. */
int
cmd_stats(struct conn *c, const struct args *args)
{
	struct answer	 a;
	json_t		*o = NULL;

	memset(&a, 0, sizeof(a));
	a.fact = stat_text;
	if (args->json) {
		if ((o = json_object()) == NULL)
			return (1);
		a.fact = stat_json;
		a.arg = o;
	}
	ipc_begin(conn_ipc(c), CTL_STATS, 1);
	if (conn_send(c) == -1 || request_wait(c, &a) == -1) {
		json_decref(o);
		return (1);
	}
	if (o != NULL && out_json(o) == -1)
		return (1);
	return (status(&a));
}

/*
 * load and log.  The parent's complaints about a list come line by line before
 * the end, and are printed as they come.  load without a name means all lists.
 */
int
cmd_daemon(struct conn *c, const struct args *args)
{
	struct answer	a;

	memset(&a, 0, sizeof(a));
	if (args->command == CMD_LOG) {
		ipc_begin(conn_ipc(c), CTL_LOG, 1);
		ipc_put_u8(conn_ipc(c), args->verbose ? 1 : 0);
	} else {
		ipc_begin(conn_ipc(c), CTL_LOAD, 1);
		ipc_put_str(conn_ipc(c), args->nkeys > 0 ? args->keys[0] : "");
	}
	if (conn_send(c) == -1 || request_wait(c, &a) == -1)
		return (1);
	return (status(&a));
}
