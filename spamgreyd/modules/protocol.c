/*
 * Module protocol: notices what a client does that a mail server does not do:
 * it sends commands before the reply that they need, commands of other
 * protocols, or lines that end in a bare LF; or it gives our own name or
 * address, or an unbracketed address, in HELO.  By default each of these is
 * logged and nothing more, because some legitimate hosts do it too.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/module.h"

#define NAME_MAX_OCTETS	255

/* The kinds of abuse, in the order of names[]. */
enum abuse {
	ABUSE_PIPELINING, ABUSE_FOREIGN, ABUSE_BARE_LF, ABUSE_OWN_NAME,
	ABUSE_OWN_ADDRESS, ABUSE_BARE_IP, ABUSE_MAX
};
/* ACTION_NONE is `KEYWORD no': it is not even counted. */
enum action { ACTION_LOG, ACTION_POINTS, ACTION_REJECT, ACTION_NONE };

/* What the configuration says about one kind.  points are in thousandths. */
struct rule {
	enum action	 action;
	int32_t		 points;
};
/* The settings; the names are allocated and freed by protocol_clear. */
struct conf {
	struct rule	 rule[ABUSE_MAX];
	char		**names;	/* ours, besides the host name */
	size_t		 nnames;
};
struct data {
	unsigned int	 seen;		/* bits 1 << enum abuse */
};

/* The options' keywords, and the counters' names. */
static const char *const names[ABUSE_MAX + 1] = {
	"pipelining", "foreign-command", "bare-lf", "helo-own-name",
	"helo-own-address", "helo-bare-ip", NULL
};

#define RULE(keyword, help) \
	{ keyword, "%w [ %p ]", "log|points|reject", -100000, 100000, "log", \
	    0, 1, help }
static const struct module_option options[] = {
	RULE("pipelining", "commands sent before the reply that they need"),
	RULE("foreign-command", "commands of other protocols"),
	RULE("bare-lf", "lines that end in LF without CR"),
	RULE("helo-own-name", "HELO with our own name"),
	RULE("helo-own-address", "HELO with our own address"),
	RULE("helo-bare-ip", "HELO with an address without brackets"),
	{ "own-names", "%*", NULL, 0, 0, "", 0, 0,
	    "names that are ours, besides the host name" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

extern const struct module mod_protocol;

/*
 * Takes the names of own-names.  Returns -1 and sets *error if one is empty or
 * too long.
 */
static int
option_names(struct conf *c, const struct module_arg *a, size_t n,
    const char **error)
{
	size_t	i;

	if ((c->names = calloc(n + 1, sizeof(*c->names))) == NULL)
		fatal("protocol");
	for (i = 0; i < n; i++) {
		if (a[i].s[0] == '\0' || strlen(a[i].s) > NAME_MAX_OCTETS) {
			*error = "a name must have 1 to 255 bytes";
			return (-1);
		}
		if ((c->names[c->nnames++] = strdup(a[i].s)) == NULL)
			fatal("protocol");
	}
	return (0);
}

/*
 * One option.  Each kind of abuse has a keyword of its own; the remaining
 * keyword is own-names.  Points are given exactly when the action is `points'.
 */
static int
protocol_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct conf	*c = conf;
	struct rule	*r = NULL;
	size_t		 i;

	for (i = 0; i < ABUSE_MAX; i++)
		if (strcmp(keyword, names[i]) == 0)
			r = &c->rule[i];
	if (r == NULL)
		return (option_names(c, a, n, error));
	if (off) {
		r->action = ACTION_NONE;
		return (0);
	}
	r->action = strcmp(a[0].s, "log") == 0 ? ACTION_LOG :
	    strcmp(a[0].s, "points") == 0 ? ACTION_POINTS : ACTION_REJECT;
	if ((r->action == ACTION_POINTS) != (n == 2)) {
		*error = "must be log, points and their number, reject, or no";
		return (-1);
	}
	r->points = n == 2 ? (int32_t)a[1].n : 0;
	return (0);
}

static void
protocol_clear(void *conf)
{
	struct conf	*c = conf;
	size_t		 i;

	for (i = 0; i < c->nnames; i++)
		free(c->names[i]);
	free(c->names);
}

/*
 * The reply for one kind of abuse.  Only foreign commands close the session at
 * once.
 */
static struct verdict
refusal(enum abuse what)
{
	switch (what) {
	case ABUSE_PIPELINING:
		return (verdict_reject(554, "5.5.0", "SMTP protocol "
		    "synchronization error; wait for each reply"));
	case ABUSE_FOREIGN:
		return (verdict_close(0, 554, "5.5.1", "Not an SMTP command"));
	case ABUSE_BARE_LF:
		return (verdict_reject(554, "5.5.2", "Lines must end in CR "
		    "LF, not in LF alone"));
	case ABUSE_OWN_NAME:
		return (verdict_reject(550, "5.7.1", "The name in HELO is the "
		    "name of this server"));
	case ABUSE_OWN_ADDRESS:
		return (verdict_reject(550, "5.7.1", "The address in HELO is "
		    "the address of this server"));
	default:
		return (verdict_reject(550, "5.7.1", "HELO needs a host name, "
		    "or an address in brackets"));
	}
}

/*
 * The client did something.  Points, log lines and counters come once for each
 * kind and session; a refusal comes each time, because each such command is
 * refused.
 */
static struct verdict
noticed(struct msession *s, const struct conf *c, enum abuse what)
{
	const struct rule	*r = &c->rule[what];
	struct data		*d = module_data(s, &mod_protocol);
	int			 first = !(d->seen & 1U << what);
	char			 enc[256];

	if (r->action == ACTION_NONE)
		return (verdict_next());
	d->seen |= 1U << what;
	if (first)
		module_count(&mod_protocol, what);
	if (r->action == ACTION_REJECT)
		return (refusal(what));
	if (first && r->action == ACTION_POINTS)
		module_session_points(s, &mod_protocol, r->points, "%s",
		    names[what]);
	if (first && r->action == ACTION_LOG)
		module_log(s, &mod_protocol, "%s helo=%s", names[what],
		    s->helo == NULL ? "" : log_encode_str(enc, sizeof(enc),
		    s->helo));
	return (verdict_next());
}

/*
 * Returns 1 if HELO gives the name of this server or one of own-names.  A final
 * dot, which makes a name absolute in the DNS, does not matter.
 */
static int
is_own_name(const struct msession *s, const struct conf *c)
{
	size_t	i, len = strlen(s->helo);

	if (len > 0 && s->helo[len - 1] == '.')
		len--;
	if (s->hostname != NULL && ascii_equal(s->helo, len, s->hostname))
		return (1);
	for (i = 0; i < c->nnames; i++)
		if (ascii_equal(s->helo, len, c->names[i]))
			return (1);
	return (0);
}

/*
 * Parses an address in HELO: "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]".
 * Returns 2 for an address in brackets, 1 for one without, 0 if it is not an
 * address.
 */
static int
helo_address(const char *helo, struct addr *a)
{
	char	text[ADDR_STRLEN];
	size_t	len = strlen(helo);

	if (helo[0] != '[')
		return (addr_parse(helo, a) == 0 ? 1 : 0);
	if (len < 3 || helo[len - 1] != ']')
		return (0);
	helo++;
	len -= 2;
	if (len > 5 && ascii_begins(helo, len, "IPv6:")) {
		helo += 5;
		len -= 5;
	}
	if (len >= sizeof(text))
		return (0);
	memcpy(text, helo, len);
	text[len] = '\0';
	return (addr_parse(text, a) == 0 ? 2 : 0);
}

static struct verdict
protocol_helo(struct msession *s, void *conf)
{
	const struct conf	*c = conf;
	struct verdict		 v = verdict_next();
	struct addr		 a;
	int			 literal;

	/*
	 * Connections from this machine may use its name: either the loopback
	 * interface, or the client has the address that it connected to.
	 */
	if (s->helo == NULL || s->loopback ||
	    addr_cmp(&s->client, &s->dst) == 0)
		return (v);
	if (is_own_name(s, c))
		return (noticed(s, c, ABUSE_OWN_NAME));
	if ((literal = helo_address(s->helo, &a)) == 0)
		return (v);
	/*
	 * A refusal for our own address takes precedence; a bare address is
	 * only looked at if that was not refused.
	 */
	if (addr_cmp(&a, &s->dst) == 0)
		v = noticed(s, c, ABUSE_OWN_ADDRESS);
	if (v.kind == VERDICT_NEXT && literal == 1)
		v = noticed(s, c, ABUSE_BARE_IP);
	return (v);
}

/*
 * The events that the dialogue reports.  HTTP commands are foreign commands
 * too, but are events of their own for the store process.
 */
static struct verdict
protocol_event(struct msession *s, void *conf)
{
	const struct conf	*c = conf;

	switch (s->event) {
	case EVENT_PIPELINING:
		return (noticed(s, c, ABUSE_PIPELINING));
	case EVENT_FOREIGN_COMMAND:
	case EVENT_HTTP_COMMAND:
		return (noticed(s, c, ABUSE_FOREIGN));
	case EVENT_BARE_LF:
		return (noticed(s, c, ABUSE_BARE_LF));
	default:
		return (verdict_next());
	}
}

const struct module mod_protocol = {
	.name = "protocol",
	.says = "behaviour of the client",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.spares_whitelisted = 1,
	.counters = names,
	.option = protocol_option,
	.conf_clear = protocol_clear,
	.hook = {
		[STAGE_HELO] = protocol_helo,
		[STAGE_EVENT] = protocol_event
	}
};
