/*
 * status: whether a daemon is running, and how it is.  stop: ends the daemon.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "spamgreydb/spamgreydb.h"

#define STOP_MS		60000	/* ms that the daemon may take to end */
#define STOP_STEP	100	/* ms between two looks */

/* The counters of stats that are shown. */
static const char *const names[] = {
	"entries grey", "entries white", "entries trapped",
	"entries spamtrap", "database up", "database lost commits",
	"clock"
};
#define NAMES	(sizeof(names) / sizeof(names[0]))

/* Their values; "": the daemon has not sent it. */
struct status {
	char	value[NAMES][256];
};

/* Keeps a counter if it is one of those that are shown. */
static void
status_fact(const char *name, const char *value, void *arg)
{
	struct status	*s = arg;
	size_t		 i;

	for (i = 0; i < NAMES; i++)
		if (strcmp(name, names[i]) == 0)
			strlcpy(s->value[i], value, sizeof(s->value[i]));
}

/*
 * The keys are the names of the counters, with _ for blanks.  0, or -1: output
 * failed, which is reported.
 */
static int
print_status_json(const struct status *s, int running)
{
	json_t		*o = json_object();
	char		 key[32], *p, *end;
	json_int_t	 n;
	size_t		 i;

	if (o == NULL)
		return (out_json(NULL));
	(void)json_object_set_new(o, "daemon", json_boolean(running));
	for (i = 0; i < NAMES; i++) {
		if (s->value[i][0] == '\0')
			continue;
		strlcpy(key, names[i], sizeof(key));
		for (p = key; *p != '\0'; p++)
			if (*p == ' ')
				*p = '_';
		n = strtoll(s->value[i], &end, 10);
		(void)json_object_set_new(o, key, *end == '\0' ?
		    json_integer(n) : json_string(s->value[i]));
	}
	return (out_json(o));
}

/*
 * The exit status is 0 when a daemon is running, so that scripts can ask.
 * Without a daemon the counters are those of the database.
 */
int
cmd_status(struct conn *c, const struct args *args)
{
	static struct status	 s;
	struct answer		 a;
	int			 running = !conn_is_direct(c);
	size_t			 i;

	memset(&a, 0, sizeof(a));
	a.fact = status_fact;
	a.arg = &s;
	ipc_begin(conn_ipc(c), CTL_STATS, 1);
	if (conn_send(c) == -1 || request_wait(c, &a) == -1)
		return (1);
	if (args->json)
		return (print_status_json(&s, running) == -1 || !running);
	printf("%-20s %s\n", "daemon", running ? "running" : "not running");
	for (i = 0; i < NAMES; i++)
		if (s.value[i][0] != '\0')
			printf("%-20s %s\n", names[i],
			    strcmp(names[i], "database up") != 0 ? s.value[i] :
			    strcmp(s.value[i], "1") == 0 ? "yes" : "no");
	return (!running);
}

/*
 * Says whether a process listens on the control socket.  If that cannot be
 * found out, it answers 1, and cmd_stop goes on waiting.
 */
static int
socket_answers(const char *path)
{
	struct sockaddr_un	sun;
	int			fd, r;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return (1);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return (r == 0);
}

/*
 * Waits until the daemon has ended: its parent process closes the control
 * socket last.
 */
int
cmd_stop(struct conn *c, const struct config *conf)
{
	struct answer	a;
	int64_t		end;

	if (conn_is_direct(c)) {
		out_error("no daemon is running");
		return (1);
	}
	memset(&a, 0, sizeof(a));
	ipc_begin(conn_ipc(c), CTL_STOP, 1);
	if (conn_send(c) == -1 || request_wait(c, &a) == -1)
		return (1);
	if (a.status != CTL_OK) {
		out_error("%s", a.text);
		return (1);
	}
	for (end = clock_mono() + STOP_MS; socket_answers(conf->socket);
	    (void)poll(NULL, 0, STOP_STEP)) {
		if (clock_mono() >= end) {
			out_error("the daemon has not ended after %d seconds",
			    STOP_MS / 1000);
			return (1);
		}
	}
	return (0);
}
