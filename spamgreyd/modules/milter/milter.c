/*
 * Module milter: a client for mail filters (milters).  There is one connection
 * for each session.  The runner carries out what the filter decides and
 * changes.  This file has the options and the hooks; the conversation is in
 * sess.c, send.c and answer.c.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/modules/milter/milter.h"

/* A session's data: the conversation, NULL before the first hook. */
struct milter_data {
	struct milter	*m;
};

static const struct module_option options[] = {
	{ .keyword = "socket", .form = "%s", .def = "", .many = 1,
	    .help = "a unix socket of the filter" },
	{ .keyword = "server", .form = "%a port %n", .min = 1, .max = 65535,
	    .def = "", .many = 1, .help = "an address of the filter" },
	{ .keyword = "connect", .form = "%t", .min = 100, .max = 60000,
	    .def = "30s", .help = "time for the connection" },
	{ .keyword = "command", .form = "%t", .min = 1000, .max = 300000,
	    .def = "30s", .help = "time for an answer to a command" },
	{ .keyword = "message", .form = "%t", .min = 1000, .max = 600000,
	    .def = "300s", .help = "time for an answer to a whole message" },
	{ .keyword = "quarantine", .form = "%w", .words = "reject|tempfail",
	    .def = "reject", .help = "what is to be held back" },
	{ .keyword = NULL }
};
static const char *const counters[] = {
	[MC_HELD] = "held", [MC_DISCARDED] = "discarded",
	[MC_RECONNECTED] = "reconnected", NULL
};

/*
 * Called before any option, with this instance of the module (module NAME
 * "name").
 */
static void
self(void *conf, const struct module *me)
{
	struct milter_conf	*c = conf;

	c->me = me;
}

/* One option; those about servers and retries are scan's. */
static int
option(void *conf, const char *keyword, const struct module_arg *args,
    size_t nargs, int off, const char **error)
{
	struct milter_conf	*c = conf;
	int			 r;

	(void)off;
	if (c->scan == NULL &&
	    (c->scan = scan_conf_new(c->me->name, 0)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	if ((r = scan_option(c->scan, keyword, args, nargs, error)) != 0)
		return (r == 1 ? 0 : -1);
	if (strcmp(keyword, "command") == 0)
		c->command = args[0].n;
	else if (strcmp(keyword, "message") == 0)
		c->message = args[0].n;
	else
		c->hold_tempfail = strcmp(args[0].s, "tempfail") == 0;
	return (0);
}

static int
check(void *conf, const char **error)
{
	const struct milter_conf	*c = conf;

	return (scan_check(c->scan, error));
}

static void
conf_clear(void *conf)
{
	struct milter_conf	*c = conf;

	scan_conf_free(c->scan);
	c->scan = NULL;
}

/*
 * The hook of each stage: makes the conversation if there is none and asks the
 * filter up to the step `goal'.
 */
static struct verdict
ask(struct msession *s, void *conf, enum milter_step goal)
{
	struct milter_conf	*c = conf;
	struct milter_data	*d = module_data(s, c->me);

	if (d->m == NULL && (d->m = milter_new(c, s->key)) == NULL)
		return (verdict_error("out of memory"));
	return (milter_ask(d->m, s, goal));
}

static struct verdict
on_connect(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_CONNECT));
}

static struct verdict
on_helo(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_HELO));
}

static struct verdict
on_mail(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_MAIL));
}

static struct verdict
on_rcpt(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_RCPT));
}

static struct verdict
on_data(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_DATA));
}

static struct verdict
on_eom(struct msession *s, void *conf)
{
	return (ask(s, conf, STEP_END));
}

/* The session has ended.  The filter gets a QUIT. */
static struct verdict
on_close(struct msession *s, void *conf)
{
	struct milter_conf	*c = conf;
	struct milter_data	*d = module_data(s, c->me);

	milter_free(d->m);
	d->m = NULL;
	return (verdict_next());
}

/*
 * The runner no longer waits for the answer, for example because of its time
 * budget.
 */
static void
forget(struct msession *s, void *conf)
{
	struct milter_conf	*c = conf;
	struct milter_data	*d = module_data(s, c->me);

	if (d->m != NULL)
		milter_forget(d->m);
}

const struct module mod_milter = {
	.name = "milter",
	.options = options,
	.conf_size = sizeof(struct milter_conf),
	.data_size = sizeof(struct milter_data),
	.on_error = ONERR_TEMPFAIL,
	.many = 1,
	.in_turn = 1,
	.asks_name = 1,
	.counters = counters,
	.self = self,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.hook = {
		[STAGE_CONNECT] = on_connect, [STAGE_HELO] = on_helo,
		[STAGE_MAIL] = on_mail, [STAGE_RCPT] = on_rcpt,
		[STAGE_DATA] = on_data, [STAGE_EOM] = on_eom,
		[STAGE_CLOSE] = on_close
	},
	.forget = forget
};
