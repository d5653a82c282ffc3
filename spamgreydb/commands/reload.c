/*
 * reload: waits for its outcome.  A configuration that needs new processes ends
 * the connection, because the process that would answer is one of them.  Then
 * the next process is asked, by the ticket that this reload was given.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "spamgreydb/spamgreydb.h"

#define AGAIN_MS	45000	/* ms that a start with the new configuration
				   and one back to the old may take */
#define AGAIN_STEP	200	/* ms between two questions */

/*
 * Sends one request with the ticket and waits for its answer.  -1: there was
 * none; either conn_lost says that the connection has ended, or it was
 * reported.
 */
static int
ask_ticket(struct conn *c, uint16_t type, const char *ticket, struct answer *a)
{
	ipc_begin(conn_ipc(c), type, 1);
	ipc_put_str(conn_ipc(c), ticket);
	if (conn_send(c) == -1)
		return (-1);
	return (request_wait(c, a));
}

/* Returns -1 for its caller. */
static int
report_late(void)
{
	out_error("the processes have not started with the new configuration "
	    "after %d seconds; the log says what they do", AGAIN_MS / 1000);
	return (-1);
}

/*
 * The connection has ended: asks the next process until there is an outcome.
 * -1: reported.
 */
static int
wait_outcome(struct conn *c, const struct config *conf, const char *ticket,
    struct answer *a)
{
	int64_t		end = clock_mono() + AGAIN_MS;
	uint16_t	type = CTL_OUTCOME;

	if (isatty(STDERR_FILENO))
		out_error("waiting for the processes to start with the new "
		    "configuration");
	for (;;) {
		if (clock_mono() >= end)
			return (report_late());
		if (conn_lost(c) && conn_again(c, conf, end) == -1)
			return (-1);
		if (ask_ticket(c, type, ticket, a) == -1) {
			if (!conn_lost(c))
				return (-1);
			type = CTL_OUTCOME;
		} else if (type == CTL_OUTCOME && a->status == CTL_NOTFOUND)
			/* The old process ended because of another reload,
			 * before it read ours. */
			type = CTL_RELOAD;
		else if (a->status != CTL_PENDING)
			return (0);
		else
			(void)poll(NULL, 0, AGAIN_STEP);
	}
}

/*
 * The parent's complaints about the configuration come line by line before the
 * end, and are printed as they come.
 */
int
cmd_reload(struct conn *c, const struct config *conf)
{
	struct answer	a;
	char		ticket[CTL_TICKET_MAX];	/* 32 digits and a NUL */
	uint64_t	n[2];

	memset(&a, 0, sizeof(a));
	arc4random_buf(n, sizeof(n));
	snprintf(ticket, sizeof(ticket), "%016" PRIx64 "%016" PRIx64, n[0],
	    n[1]);
	conn_quiet(c);
	if (ask_ticket(c, CTL_RELOAD, ticket, &a) == -1 &&
	    (!conn_lost(c) || wait_outcome(c, conf, ticket, &a) == -1))
		return (1);
	if (a.status == CTL_OK)
		return (0);
	out_error("%s", a.text);
	return (1);
}
