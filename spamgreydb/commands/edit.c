/*
 * Changing entries: spamdb's -a and -d, with spamdb's exit status, and the
 * words add, delete and trap.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "spamgreydb/spamgreydb.h"

#define EXIT_NOT_A_TRAP	255		/* as spamdb, which ends at once */

/*
 * Sends one edit and waits for its answer.  0: the answer is in *a; -1: there
 * was none, which is reported.  A key that does not fit into a message is
 * answered here.
 */
static int
edit(struct conn *c, uint16_t type, const struct ctl_edit *ed,
    struct answer *a)
{
	memset(a, 0, sizeof(*a));
	if (proto_put_edit(conn_ipc(c), type, 1, ed) == -1) {
		out_error("the key is too long");
		a->status = CTL_BADARG;
		return (0);
	}
	if (conn_send(c) == -1)
		return (-1);
	return (request_wait(c, a));
}

/*
 * spamdb -a and -d.  All keys are tried, and the exit status is the number of
 * failures, as spamdb has it.  A spamtrap without @ ends the command at once.
 */
int
cmd_spamdb(struct conn *c, const struct args *args)
{
	struct ctl_edit	 ed;
	struct answer	 a;
	int		 i, failures = 0;
	int		 add = args->command == CMD_DB_ADD;

	memset(&ed, 0, sizeof(ed));
	ed.type = args->type;
	ed.flags = CTL_EDIT_SPAMDB;
	for (i = 0; i < args->nkeys; i++) {
		ed.key = args->keys[i];
		if (add && ed.type == CTL_T_SPAMTRAP &&
		    strchr(ed.key, '@') == NULL) {
			out_error("%s: not a mail address", ed.key);
			return (EXIT_NOT_A_TRAP);
		}
		if (edit(c, add ? CTL_ADD : CTL_DELETE, &ed, &a) == -1)
			return (1);
		if (a.status == CTL_OK)
			continue;
		out_error("%s: %s", ed.key, a.text);
		failures++;
	}
	return (failures);
}

/*
 * Warns when the firewall's table is full, so that a host that is WHITE now
 * does not reach the mail server yet.  The unspecified address asks for that.
 */
static void
warn_full(struct conn *c)
{
	static const struct addr	none;
	struct answer			a;

	memset(&a, 0, sizeof(a));
	ipc_begin(conn_ipc(c), CTL_TABLE, 1);
	ipc_put_addr(conn_ipc(c), &none);
	if (conn_send(c) == 0 && request_wait(c, &a) == 0 &&
	    a.status == CTL_NOTFOUND)
		out_error("%s", a.text);
}

/*
 * The words add, delete and trap: the exit status is 0, or 1 when any key
 * failed.  trap makes a trapped host of an address and a spamtrap of a mail
 * address.
 */
int
cmd_edit(struct conn *c, const struct args *args)
{
	struct ctl_edit	 ed;
	struct answer	 a;
	struct addr	 addr;
	uint16_t	 type = CTL_ADD;
	int		 i, status = 0;

	memset(&ed, 0, sizeof(ed));
	ed.type = args->type;
	ed.comment = args->comment;
	if (args->lasting != 0)
		ed.until = args->lasting == HOST_FOREVER ? HOST_FOREVER :
		    clock_wall() + args->lasting;
	if (args->command == CMD_DELETE)
		type = CTL_DELETE;
	for (i = 0; i < args->nkeys; i++) {
		ed.key = args->keys[i];
		if (args->command == CMD_TRAP)
			ed.type = addr_parse(ed.key, &addr) == 0 ?
			    CTL_T_TRAPPED : CTL_T_SPAMTRAP;
		if (edit(c, type, &ed, &a) == -1)
			return (1);
		if (a.status == CTL_OK)
			continue;
		out_error("%s: %s", ed.key, a.text);
		status = 1;
	}
	if (args->command == CMD_ADD && ed.type == CTL_T_WHITE)
		warn_full(c);
	return (status);
}
