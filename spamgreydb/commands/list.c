/*
 * Commands that print entries: the dump without arguments, list, export, and
 * spamdb's lookup by key.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "spamgreydb/spamgreydb.h"

/* Which entries of the answer are printed, and how. */
struct list {
	int		(*print)(const struct entry *);
	struct hosts	*trapped;	/* hosts whose WHITE entry is hidden;
					   NULL: nothing is hidden */
	uint8_t		 types;		/* CTL_T_* to be printed; 0: all */
	const char	*mail;		/* only of this address; NULL: all */
	int64_t		 now;		/* seconds since 1970 */
};

/*
 * Returns the CTL_T_* bit of a type; 0 for types that spamdb does not know,
 * which are never asked for alone.
 */
static uint8_t
type_bit(enum entry_type type)
{
	switch (type) {
	case ENTRY_GREY:
		return (CTL_T_GREY);
	case ENTRY_WHITE:
		return (CTL_T_WHITE);
	case ENTRY_TRAPPED:
		return (CTL_T_TRAPPED);
	case ENTRY_SPAMTRAP:
		return (CTL_T_SPAMTRAP);
	default:
		return (0);
	}
}

/*
 * Says whether an entry is hidden, since spamdb prints one line per host: 1, 0,
 * or -1 without memory.  TRAPPED entries come before WHITE ones, in the order
 * of their keys, so the trapped hosts are known by then.  A trap that has
 * expired hides nothing, and is not printed.
 */
static int
hidden(struct list *l, const struct entry *e)
{
	struct host	h;

	if (e->type == ENTRY_TRAPPED) {
		if (e->expire != 0 && e->expire <= l->now)
			return (1);
		memset(&h, 0, sizeof(h));
		h.key = e->net;
		h.trapped = HOST_FOREVER;
		if (hosts_set(l->trapped, &h) == -1)
			return (-1);
	} else if (e->type == ENTRY_WHITE)
		return (hosts_get(l->trapped, &e->net) != NULL);
	return (0);
}

/* Called for each entry of the answer.  0, or -1: output failed. */
static int
print_entry(const struct entry *e, void *arg)
{
	struct list	*l = arg;

	if (l->trapped != NULL) {
		switch (hidden(l, e)) {
		case 0:
			break;
		case 1:
			return (0);
		default:
			out_error("no memory");
			return (-1);
		}
	}
	if (l->mail != NULL && !mail_is(e, l->mail))
		return (0);
	if (l->types != 0 && (l->types & type_bit(e->type)) == 0)
		return (0);
	return (l->print(e));
}

/*
 * Asks for all types that are needed to decide what is hidden, and prints only
 * those that the user wants.
 */
int
cmd_list(struct conn *c, const struct args *args)
{
	struct list	 l;
	struct answer	 a;
	struct ctl_list	 req;
	int		 failed;

	memset(&l, 0, sizeof(l));
	memset(&a, 0, sizeof(a));
	memset(&req, 0, sizeof(req));
	l.now = clock_wall();
	l.types = req.types = args->type;
	/* Only these have a mail address. */
	if ((l.mail = args->mail) != NULL && args->type == 0)
		req.types = CTL_T_GREY | CTL_T_SPAMTRAP | CTL_T_WHITE;
	req.within = args->within;
	if (args->command == CMD_EXPORT)
		req.types = CTL_T_GREY | CTL_T_WHITE | CTL_T_TRAPPED |
		    CTL_T_SPAMTRAP | CTL_T_STAMP | CTL_T_VISIT | CTL_T_REPUTE;
	if (args->json)
		l.print = out_json_entry;
	else if (args->command == CMD_EXPORT)
		l.print = out_backup;
	else {
		l.print = out_entry;
		if ((l.trapped = hosts_new()) == NULL) {
			out_error("no memory");
			return (1);
		}
		if (args->type == CTL_T_WHITE)
			req.types |= CTL_T_TRAPPED;
	}
	a.entry = print_entry;
	a.arg = &l;
	failed = proto_put_list(conn_ipc(c), 1, &req) == -1 ||
	    conn_send(c) == -1 || request_wait(c, &a) == -1;
	hosts_free(l.trapped);
	if (failed || out_backup_end() == -1)
		return (1);
	if (a.status != CTL_OK) {
		out_error("%s", a.text);
		return (1);
	}
	return (0);
}

/* Prints an entry of any type in the form that was asked for. */
static int
print_any(const struct entry *e, void *arg)
{
	const struct args	*args = arg;

	return (args->json ? out_json_entry(e) : out_entry(e));
}

/*
 * spamdb with keys: prints the entries that are found.  The exit status is the
 * number of the other keys, as with spamdb.
 */
int
cmd_get(struct conn *c, const struct args *args)
{
	struct args	 copy = *args;
	struct answer	 a;
	struct addr	 addr;
	char		 near[160] = "";
	int		 i, missing = 0;

	for (i = 0; i < args->nkeys; i++) {
		memset(&a, 0, sizeof(a));
		a.entry = print_any;
		a.arg = &copy;
		/* It cannot be a key, so it may be a misspelled command. */
		if (addr_parse(args->keys[i], &addr) == -1 &&
		    strchr(args->keys[i], '@') == NULL)
			out_error("%s: neither a command nor an address; %s%s",
			    args->keys[i], i == 0 && args_near(args->keys[i],
			    near, sizeof(near)) ? "did you mean: " :
			    "`spamgreydb help' lists the commands",
			    i == 0 ? near : "");
		ipc_begin(conn_ipc(c), CTL_GET, (uint64_t)i + 1);
		ipc_put_str(conn_ipc(c), args->keys[i]);
		if (conn_send(c) == -1 || request_wait(c, &a) == -1)
			return (1);
		if (a.status == CTL_OK)
			continue;
		if (a.status != CTL_NOTFOUND)
			out_error("%s: %s", args->keys[i], a.text);
		missing++;
	}
	return (missing);
}
