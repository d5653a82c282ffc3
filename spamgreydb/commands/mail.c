/*
 * Entries by mail address: tuples with this sender or recipient, spamtraps,
 * and hosts that became WHITE by a message of it.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/ascii.h"
#include "lib/base/clock.h"
#include "lib/smtp/mailaddr.h"
#include "spamgreydb/spamgreydb.h"

/* What was found so far. */
struct mail_show {
	const char	*mail;		/* the address, or @domain */
	json_t		*entries;	/* an array; NULL: text is printed */
	int64_t		 now;		/* seconds since 1970 */
	uint32_t	 tuples, hosts;
	int		 spamtrap;
};

/*
 * Brings an address to one form: without brackets, in lower case.  What is not
 * a valid address, for example <>, is only cut and lowered.
 */
static void
fold_address(const char *from, char *dst, size_t size)
{
	size_t	len;

	if (mailaddr_rcpt(from, dst, size) == 0)
		return;
	strlcpy(dst, from + (*from == '<'), size);
	len = strlen(dst);
	if (len > 0 && dst[len - 1] == '>')
		dst[len - 1] = '\0';
	ascii_lower_str(dst);
}

/*
 * Says whether a sender or recipient is the address that is looked for.  mail
 * may be @ and a domain: then any address of it fits.
 */
static int
is_this(const char *text, const char *mail)
{
	char		 have[MAILADDR_KEY_MAX], want[MAILADDR_KEY_MAX];
	const char	*at;

	fold_address(text, have, sizeof(have));
	if (*mail != '@') {
		fold_address(mail, want, sizeof(want));
		return (strcmp(have, want) == 0);
	}
	return ((at = strrchr(have, '@')) != NULL && strcasecmp(at, mail) == 0);
}

/*
 * Sender and recipient count for tuples, and for hosts that became WHITE by
 * one, whose entry keeps them.
 */
int
mail_is(const struct entry *e, const char *mail)
{
	if (e->type == ENTRY_SPAMTRAP)
		return (is_this(e->rcpt, mail));
	if (e->type == ENTRY_GREY || (e->type == ENTRY_WHITE &&
	    e->from[0] != '\0'))
		return (is_this(e->from, mail) || is_this(e->to, mail));
	return (0);
}

/* Counts and prints one entry of the answer.  Expired entries are left out. */
static int
show_one(const struct entry *e, void *arg)
{
	struct mail_show	*s = arg;

	if (!mail_is(e, s->mail) || (e->expire != 0 && e->expire <= s->now))
		return (0);
	s->tuples += e->type == ENTRY_GREY;
	s->hosts += e->type == ENTRY_WHITE;
	s->spamtrap |= e->type == ENTRY_SPAMTRAP;
	if (s->entries == NULL)
		return (out_entry(e));
	return (json_array_append_new(s->entries, out_entry_object(e)));
}

/*
 * The database has no index by mail address, so all entries are read and
 * compared here.
 */
int
cmd_show_mail(struct conn *c, const struct args *args)
{
	struct mail_show s = {args->mail, NULL, clock_wall(), 0, 0, 0};
	struct answer		 a;
	struct ctl_list		 req;
	json_t			*o;

	memset(&a, 0, sizeof(a));
	memset(&req, 0, sizeof(req));
	req.types = CTL_T_GREY | CTL_T_SPAMTRAP | CTL_T_WHITE;
	a.entry = show_one;
	a.arg = &s;
	if (args->json && (s.entries = json_array()) == NULL)
		return (1);
	if (proto_put_list(conn_ipc(c), 1, &req) == -1 ||
	    conn_send(c) == -1 || request_wait(c, &a) == -1) {
		json_decref(s.entries);
		return (1);
	}
	if (a.status != CTL_OK) {
		out_error("%s", a.text);
		json_decref(s.entries);
		return (1);
	}
	if (s.entries != NULL) {
		o = json_pack("{s:s,s:b,s:I,s:I,s:o}", "address", args->mail,
		    "spamtrap", s.spamtrap, "tuples", (json_int_t)s.tuples,
		    "hosts", (json_int_t)s.hosts, "entries", s.entries);
		return (out_json(o) == -1);
	}
	printf("%-20s %s\n%-20s %s\n%-20s %u\n%-20s %u\n", "address",
	    args->mail, "spamtrap", s.spamtrap ? "yes" : "no", "tuples",
	    s.tuples, "white hosts", s.hosts);
	return (0);
}
