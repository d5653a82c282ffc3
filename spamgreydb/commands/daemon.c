/*
 * Commands about the database or the daemon as a whole: expire, stats, load,
 * log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "spamgreydb/spamgreydb.h"

/* The exit status; the text of the answer is the reason of a failure. */
static int
status(const struct answer *a)
{
	if (a->status == CTL_OK)
		return (0);
	out_error("%s", a->text);
	return (1);
}

/* Prints nothing but with -j. */
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

/* In the order in which they come. */
static void
stat_text(const char *name, const char *value, void *arg)
{
	(void)arg;
	printf("%-32s %s\n", name, value);
}

/* A value that is not a number is a reason, and stays a text. */
static void
stat_json(const char *name, const char *value, void *arg)
{
	json_int_t	 n;
	char		*end;

	n = strtoll(value, &end, 10);
	(void)json_object_set_new(arg, name, *value != '\0' && *end == '\0' ?
	    json_integer(n) : json_string(value));
}

/* As columns, or as one object. */
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
 * load and log.  What the parent reports about a list comes line by line
 * before the end, and is printed as it comes.
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
