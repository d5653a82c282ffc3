/*
 * For oneline.t: reads a configuration, prints it as spamgreyd -nv does, sends
 * it to a child and says whether it arrived the same.  With the name of a
 * setting of limit and a number, that is set to it before, whatever its limits
 * are.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/conf/config.h"
#include "lib/conf/scalar.h"
#include "lib/ipc/chan.h"
#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/conf.h"

static struct event_base	*base;
static struct config		*building, *got;

static void
report(const char *line, void *arg)
{
	(void)arg;
	if (strstr(line, "warning: ") == NULL)
		printf("%s\n", line);
}

static void
h_conf(struct chan *c, struct msg *m, void *arg)
{
	int	r = config_recv(&building, m);

	(void)c;
	(void)arg;
	if (r == 1)
		got = building;
	if (r != 0)
		event_base_loopbreak(base);
}

static void
ended(struct chan *c, enum chan_end how, void *arg)
{
	(void)c;
	(void)how;
	(void)arg;
	event_base_loopbreak(base);
}

static struct config *
ship(const struct config *c)
{
	static const struct chan_rule	none[] = { { 0, 0, NULL } };
	static struct chan_rule		all[64];
	static const uint16_t		types[] = { MSG_CONF_BEGIN,
	    MSG_CONF_GLOBAL, MSG_CONF_GREY, MSG_CONF_LIMIT, MSG_CONF_STRING,
	    MSG_CONF_LIST, MSG_CONF_REACTION, MSG_CONF_FW, MSG_CONF_LEARN,
	    MSG_CONF_COMMIT };
	struct chan			*left, *right;
	size_t				 i;
	int				 fds[2];

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		all[i] = (struct chan_rule){ types[i], 0, h_conf };
	all[i++] = (struct chan_rule){ MSG_CONF_LISTEN, CHAN_FD, h_conf };
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		fatal("socketpair");
	left = chan_new(base, fds[0], "parent", none, NULL, ended);
	right = chan_new(base, fds[1], "child", all, NULL, ended);
	if (left == NULL || right == NULL ||
	    config_send(left, c, SEND_PLAIN) == -1)
		fatal("config_send");
	event_base_dispatch(base);
	chan_free(left);
	chan_free(right);
	return (got);
}

static char *
text(const struct config *c)
{
	struct buf	 b = { NULL, 0, 0, 0 };
	char		*s;

	if (config_text(c, &b) == -1 || buf_add(&b, "", 1) == -1 ||
	    (s = strdup((const char *)buf_ptr(&b))) == NULL)
		fatal("config_text");
	buf_free(&b);
	return (s);
}

int
main(int argc, char *argv[])
{
	const struct conf_scalar	*r;
	struct config			*c, *copy;
	char				*before, *after = NULL;

	log_init("oneline");
	if (argc < 2 || (c = config_parse(argv[1], NULL, 0, report,
	    NULL)) == NULL)
		return (1);
	if (argc == 4 && (r = conf_find(CB_LIMIT, argv[2])) != NULL)
		conf_put(r, conf_base(c, CB_LIMIT), atoll(argv[3]));
	before = text(c);
	fputs(before, stdout);
	if ((base = event_base_new()) == NULL)
		fatal("event_base_new");
	copy = ship(c);
	if (copy != NULL)
		after = text(copy);
	printf("shipped: %s\n", after == NULL ? "refused" :
	    strcmp(after, before) == 0 ? "the same" : "another");
	config_free(building);
	config_free(c);
	event_base_free(base);
	free(before);
	free(after);
	return (0);
}
