/*
 * Single entries for the command engine: add, delete, and look up by key.
 * Each change is a transaction of its own; its answer comes after the commit.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/control/ctl_int.h"

#define KEY_LOG_MAX	256	/* bytes of a key in the log, encoded */
#define ROWS_STEP	16	/* entries in one call of db_walk */

/* A type for the log. */
static const char *
type_name(unsigned int type)
{
	switch (type) {
	case CTL_T_GREY:
		return ("grey");
	case CTL_T_WHITE:
		return ("white");
	case CTL_T_TRAPPED:
		return ("trapped");
	case CTL_T_SPAMTRAP:
		return ("spamtrap");
	case CTL_T_REPUTE:
		return ("repute");
	default:
		return ("any");
	}
}

/*
 * Makes the key of a spamtrap from what a client gave.  Old versions accepted
 * more than add does now; whatever is in the database can be deleted.
 */
static int
trap_key(const char *text, char *key, size_t size)
{
	const char	*at;

	if (mailaddr_rcpt(text, key, size) == -1)
		return (-1);
	if ((at = strchr(key, '@')) == NULL || at[1] == '\0')
		return (-1);
	return (0);
}

/* Adds within the open transaction. */
static enum db_result
add_entry(struct ctl *c, const struct ctl_edit *ed, const struct addr *addr,
    const char *rcpt)
{
	struct policy	*p = c->env.policy;
	enum db_result	 rc;

	switch (ed->type) {
	case CTL_T_WHITE:
		/* A trap would overrule WHITE, so it is deleted. */
		rc = policy_delete_trapped(p, addr);
		if (rc != DB_OK && rc != DB_NONE)
			return (rc);
		return (policy_white(p, addr, ed->until, ed->comment));
	case CTL_T_TRAPPED:
		return (policy_trap(p, addr, ed->until, TRAP_MANUAL,
		    ed->comment));
	default:
		return (policy_spamtrap(p, rcpt, 1, ed->comment));
	}
}

/* Ends the transaction by its result, and the request with it. */
static void
end_edit(struct ctl *c, struct msg *m, const struct ctl_edit *ed,
    const char *verb, enum db_result rc, size_t n)
{
	char	key[KEY_LOG_MAX];

	if (rc == DB_OK)
		rc = policy_commit(c->env.policy);
	if (rc != DB_OK) {
		policy_abort(c->env.policy);
		ctl_end_db(c, m->id, rc);
		return;
	}
	ctl_note(c, "%s type=%s key=%s", verb, type_name(ed->type),
	    log_encode_str(key, sizeof(key), ed->key));
	ctl_end(c, m->id, CTL_OK, (uint32_t)n, "");
}

/*
 * When WHITE or TRAPPED of the host ends: 0 when none is in force, or
 * HOST_FOREVER.
 */
static int64_t
host_expiry(struct ctl *c, uint8_t type, const struct addr *addr)
{
	struct host	h;
	int64_t		in_table;

	if (policy_lookup(c->env.policy, addr, &h, &in_table) != DB_OK)
		return (0);
	return (type == CTL_T_WHITE ? h.white : h.trapped);
}

/*
 * Tells the client when a new end is earlier than the one that was in force:
 * it did what it was told, but that may not be what was meant.
 */
static void
warn_shorter(struct ctl *c, uint64_t id, const struct ctl_edit *ed,
    int64_t was, int64_t is)
{
	char		text[200], from[40], to[40];
	time_t		t = (time_t)was, u = (time_t)is;
	struct tm	tm;

	if (is >= was || was <= clock_wall() || is == 0)
		return;
	strlcpy(from, "for ever", sizeof(from));
	if (was != HOST_FOREVER && gmtime_r(&t, &tm) != NULL)
		(void)strftime(from, sizeof(from), "until %Y-%m-%dT%H:%M:%SZ",
		    &tm);
	if (gmtime_r(&u, &tm) == NULL ||
	    strftime(to, sizeof(to), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return;
	snprintf(text, sizeof(text), "%.60s: shortened: it was %s %s, now it "
	    "is until %s", ed->key, ed->type == CTL_T_WHITE ? "WHITE" :
	    "TRAPPED", from, to);
	ctl_text(c, id, CTL_TEXT_ERR, text);
}

/*
 * Adds an address or a spamtrap.  The key is checked here, because spamdb's
 * options send whatever the user typed.
 */
int
ctl_req_add(struct ctl *c, struct msg *m)
{
	struct ctl_edit	 ed;
	struct addr	 addr;
	char		 rcpt[MAILADDR_KEY_MAX];
	enum db_result	 rc;
	int64_t		 was = 0;

	if (proto_get_edit(m, &ed) == -1)
		return (-1);
	c->count = 0;
	memset(&addr, 0, sizeof(addr));
	rcpt[0] = '\0';
	switch (ed.type) {
	case CTL_T_WHITE:
	case CTL_T_TRAPPED:
		if (addr_parse(ed.key, &addr) == -1) {
			ctl_end(c, m->id, CTL_BADARG, 0,
			    "not an IP address");
			return (0);
		}
		break;
	case CTL_T_SPAMTRAP:
		if (mailaddr_box(ed.key, rcpt, sizeof(rcpt)) == -1) {
			ctl_end(c, m->id, CTL_BADARG, 0,
			    "not a mail address");
			return (0);
		}
		break;
	default:
		return (-1);
	}
	if ((rc = policy_begin(c->env.policy)) != DB_OK) {
		ctl_end_db(c, m->id, rc);
		return (0);
	}
	if (ed.type != CTL_T_SPAMTRAP && !(ed.flags & CTL_EDIT_SPAMDB))
		was = host_expiry(c, ed.type, &addr);
	rc = add_entry(c, &ed, &addr, rcpt);
	if (rc == DB_OK && was != 0)
		warn_shorter(c, m->id, &ed, was, host_expiry(c, ed.type,
		    &addr));
	end_edit(c, m, &ed, "add", rc, 1);
	return (0);
}

/* Counts what one step deleted; that there was nothing is no error yet. */
static enum db_result
add_deleted(enum db_result rc, size_t k, size_t *n)
{
	if (rc == DB_OK)
		*n += k;
	return (rc == DB_NONE ? DB_OK : rc);
}

/*
 * Deletes by address.  spamdb's -d takes the rows of the host and leaves its
 * tuples, and -G takes one tuple; the word `delete' takes everything of the
 * type or types that it names.
 */
static enum db_result
delete_host_rows(struct ctl *c, const struct ctl_edit *ed,
    const struct addr *addr, size_t *n)
{
	struct policy	*p = c->env.policy;
	enum db_result	 rc = DB_OK;
	size_t		 grey = 0;
	int		 spamdb = ed->flags & CTL_EDIT_SPAMDB;
	unsigned int	 types = ed->type;

	if (types == 0)
		types = CTL_T_WHITE | CTL_T_TRAPPED |
		    (spamdb ? 0 : CTL_T_GREY | CTL_T_REPUTE);
	else if (spamdb && types != CTL_T_GREY)
		types = CTL_T_WHITE | CTL_T_TRAPPED;
	if (types & CTL_T_WHITE)
		rc = add_deleted(policy_delete_white(p, addr), 1, n);
	if (rc == DB_OK && (types & CTL_T_TRAPPED))
		rc = add_deleted(policy_delete_trapped(p, addr), 1, n);
	if (rc == DB_OK && (types & CTL_T_GREY)) {
		rc = policy_delete_grey(p, addr, !spamdb, &grey);
		rc = add_deleted(rc, grey, n);
	}
	if (rc == DB_OK && (types & CTL_T_REPUTE))
		rc = add_deleted(policy_delete_repute(p, addr), 1, n);
	return (rc);
}

/*
 * Deletes by key.  With spamdb's options a key that is neither an address nor
 * a spamtrap is simply not found.
 */
int
ctl_req_delete(struct ctl *c, struct msg *m)
{
	struct ctl_edit	 ed;
	struct addr	 addr;
	char		 rcpt[MAILADDR_KEY_MAX];
	enum db_result	 rc;
	size_t		 n = 0;
	int		 is_addr, is_trap;

	if (proto_get_edit(m, &ed) == -1 || (ed.type != 0 &&
	    strcmp(type_name(ed.type), "any") == 0))
		return (-1);
	c->count = 0;
	is_addr = addr_parse(ed.key, &addr) == 0;
	is_trap = !is_addr && trap_key(ed.key, rcpt, sizeof(rcpt)) == 0;
	if (!(ed.flags & CTL_EDIT_SPAMDB) && !is_addr && !is_trap) {
		ctl_end(c, m->id, CTL_BADARG, 0,
		    "neither an IP address nor a mail address");
		return (0);
	}
	if ((rc = policy_begin(c->env.policy)) != DB_OK) {
		ctl_end_db(c, m->id, rc);
		return (0);
	}
	if (is_addr && (ed.type != CTL_T_SPAMTRAP ||
	    (ed.flags & CTL_EDIT_SPAMDB)))
		rc = delete_host_rows(c, &ed, &addr, &n);
	else if (is_trap && ed.type != CTL_T_GREY)
		rc = add_deleted(policy_spamtrap(c->env.policy, rcpt, 0, ""), 1,
		    &n);
	if (rc == DB_OK && n == 0)
		rc = DB_NONE;
	end_edit(c, m, &ed, "delete", rc, n);
	return (0);
}

/* The rows of a host, while they are looked up by key. */
struct rows {
	struct ctl	*ctl;
	int64_t		 now;
	int		 trapped;
};

/*
 * For db_walk.  TRAPPED comes first in the order of keys, and hides the WHITE
 * below it, as in spamdb.
 */
static int
send_row(const struct entry *e, void *arg)
{
	struct rows	*r = arg;

	if (e->type == ENTRY_TRAPPED) {
		if (e->expire != 0 && e->expire <= r->now)
			return (0);
		r->trapped = 1;
	} else if (r->trapped)
		return (0);
	return (ctl_entry(e, r->ctl));
}

/* Sends the row or rows of a host. */
static enum db_result
get_host(struct ctl *c, const struct addr *addr)
{
	struct rows	 r = { c, clock_wall(), 0 };
	struct prefix	 host = { *addr, 128 };
	struct db_pos	 pos;
	enum db_result	 rc = DB_OK;

	memset(&pos, 0, sizeof(pos));
	while (rc == DB_OK && !pos.done && !c->broken)
		rc = db_walk(c->env.db, &pos, "TW", &host, ROWS_STEP, send_row,
		    &r);
	return (rc);
}

/* Sends an entry by its exact key; only spamdb's options use it. */
int
ctl_req_get(struct ctl *c, struct msg *m)
{
	const char	*key = msg_get_str(m);
	struct entry	 want, e;
	struct addr	 addr;
	char		 rcpt[MAILADDR_KEY_MAX];
	enum db_result	 rc = DB_NONE;

	if (msg_end(m) == -1)
		return (-1);
	c->id = m->id;
	c->count = 0;
	if (addr_parse(key, &addr) == 0) {
		if ((rc = get_host(c, &addr)) == DB_OK && c->count == 0)
			rc = DB_NONE;
	} else if (trap_key(key, rcpt, sizeof(rcpt)) == 0) {
		entry_init(&want, ENTRY_SPAMTRAP);
		want.rcpt = rcpt;
		if ((rc = db_get(c->env.db, &want, &e)) == DB_OK)
			ctl_entry(&e, c);
	}
	ctl_end_db(c, m->id, rc);
	return (0);
}
