/*
 * learn: reads the header of a message on standard input and sends the way that
 * the message came, as its Received lines tell, to the process that has the
 * database and knows which relays can be believed.  list -r shows the counts.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/base/domain.h"
#include "spamgreydb/commands/received.h"
#include "spamgreydb/spamgreydb.h"

#define HEADER_MAX	(256 * 1024)	/* bytes that are read */
#define DAY		86400

/* The header, from learn_read until cmd_learn. */
static char	header[HEADER_MAX];
static size_t	header_len;

/*
 * Reads the header before the daemon is asked, since the program that writes it
 * may be slow.  The rest of the message is read too, so that this program does
 * not get a closed pipe.  0, or -1: reported.
 */
int
learn_read(FILE *fp)
{
	char	rest[8192];

	header_len = fread(header, 1, sizeof(header), fp);
	while (fread(rest, 1, sizeof(rest), fp) > 0)
		continue;
	if (ferror(fp)) {
		out_error("standard input: %s", strerror(errno));
		return (-1);
	}
	if (header_len == 0) {
		out_error("learn: there is no message on standard input");
		return (-1);
	}
	return (0);
}

/* Says whether it is an address of this machine.  ifs may be NULL: no. */
static int
is_self(const struct ifaddrs *ifs, const struct addr *addr)
{
	const struct ifaddrs	*i;
	struct addr		 own;

	for (i = ifs; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && addr_from_sa(i->ifa_addr, &own,
		    NULL) == 0 && addr_cmp(&own, addr) == 0)
			return (1);
	return (0);
}

/*
 * Returns the enum hop_kind of a Received line.  A name without an address is
 * believed only if it is the name of this machine, and only in a line that is
 * otherwise clear: in others it may be a HELO that hides the address.
 */
static uint8_t
hop_kind(const struct received *r, const struct ifaddrs *ifs,
    const char *hostname)
{
	switch (r->kind) {
	case RECEIVED_ADDR:
		return (!addr_is_loopback(&r->addr) && is_self(ifs, &r->addr) ?
		    HOP_SELF : HOP_ADDR);
	case RECEIVED_LOCAL:
		return (HOP_LOCAL);
	case RECEIVED_UNCLEAR:
		break;
	}
	return (!r->odd && (domain_same(r->from, hostname) ||
	    domain_same(r->from, "localhost")) ? HOP_SELF : HOP_UNCLEAR);
}

/* Collects the hops of the header, the newest first, up to CTL_HOPS_MAX. */
static void
collect_hops(const char *hostname, struct ctl_learn *l)
{
	const char	*end = header + header_len, *value;
	const char	*pos = received_header(header, end);
	struct ifaddrs	*ifs;
	struct received	 r;
	size_t		 n;

	if (getifaddrs(&ifs) == -1)
		ifs = NULL;
	while (l->n < CTL_HOPS_MAX &&
	    received_next(&pos, end, &value, &n)) {
		received_parse(value, n, &r);
		l->hop[l->n].kind = hop_kind(&r, ifs, hostname);
		l->hop[l->n++].addr = r.addr;
	}
	if (ifs != NULL)
		freeifaddrs(ifs);
}

/*
 * Facts are printed only with -n or -j: a filter that calls this program
 * expects no output.
 */
static void
learn_fact_text(const char *name, const char *value, void *arg)
{
	(void)arg;
	printf("%-12s %s\n", name, value);
}

/*
 * Adds a fact to the object.  Relays that were passed over become an array,
 * since there may be several.
 */
static void
learn_fact_json(const char *name, const char *value, void *arg)
{
	json_t	*o = arg, *a;

	if (strcmp(name, "passed over") == 0) {
		if ((a = json_object_get(o, "passed_over")) == NULL) {
			a = json_array();
			(void)json_object_set_new(o, "passed_over", a);
		}
		(void)json_array_append_new(a, json_string(value));
	} else
		(void)json_object_set_new(o, name,
		    strcmp(name, "good") == 0 || strcmp(name, "bad") == 0 ?
		    json_integer(strtoll(value, NULL, 10)) :
		    json_string(value));
}

/* Sends the request and prints its answer.  Returns the exit status. */
static int
send_learn(struct conn *c, const struct args *args, const struct ctl_learn *l)
{
	struct answer	 a;
	json_t		*o = NULL;

	memset(&a, 0, sizeof(a));
	if (args->json) {
		if ((o = json_object()) == NULL) {
			out_error("no memory");
			return (1);
		}
		a.fact = learn_fact_json;
		a.arg = o;
	} else if (args->dry)
		a.fact = learn_fact_text;
	if (proto_put_learn(conn_ipc(c), 1, l) == -1 || conn_send(c) == -1 ||
	    request_wait(c, &a) == -1) {
		json_decref(o);
		return (1);
	}
	if (o != NULL && out_json(o) == -1)
		return (1);
	if (a.status == CTL_OK)
		return (0);
	out_error("%s", a.text);
	return (1);
}

/*
 * learn_read has read the header before the connection was opened.  The
 * structure is static because it is large.
 */
int
cmd_learn(struct conn *c, const struct args *args, const char *hostname)
{
	static struct ctl_learn	l;

	l.bad = args->verdict == 's';
	l.dry = args->dry != 0;
	collect_hops(hostname, &l);
	return (send_learn(c, args, &l));
}

/* Prints an entry with its counts; *arg says whether as JSON. */
static int
print_repute(const struct entry *e, void *arg)
{
	const int	*json = arg;

	return (*json ? out_json_entry(e) : out_repute(e));
}

/*
 * list -r.  The daemon sends the counts as they are now, not as they were when
 * they were last written.
 */
int
cmd_repute(struct conn *c, const struct args *args)
{
	struct ctl_repute	r;
	struct answer		a;
	int			json = args->json;

	memset(&a, 0, sizeof(a));
	memset(&r, 0, sizeof(r));
	r.bad = args->bad;
	if (args->days > 0)
		r.since = clock_wall() - (int64_t)args->days * DAY;
	if (r.since < 0)
		r.since = 0;
	r.within = args->within;
	if (!json && isatty(STDOUT_FILENO))
		(void)out_repute_head();
	a.entry = print_repute;
	a.arg = &json;
	if (proto_put_repute(conn_ipc(c), 1, &r) == -1 ||
	    conn_send(c) == -1 || request_wait(c, &a) == -1)
		return (1);
	if (a.status == CTL_OK)
		return (0);
	out_error("%s", a.text);
	return (1);
}
