/*
 * Compares what was read with what spamgreyd.conf(5) can hold.  Anything else
 * is removed and becomes a problem, so that the output is a valid file.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/smtp/mailaddr.h"
#include "spamgreydb/convert/convert.h"

/* The limits of spamgreyd.conf(5), in bytes; those of names are RFC 1035's and
 * RFC 5321's. */
#define LABEL_MAX	63
#define NAME_MAX_	253		/* NAME_MAX is the system's */
#define LOCAL_MAX	64		/* before the @ */
#define LIST_NAME_MAX	63
#define IFNAME_MAX	15
#define FILE_LONG	1023
#define MESSAGE_LONG	1500		/* see check_list */
#define TTL_MAX		255		/* hops of a multicast datagram */
#define LETTERS		"abcdefghijklmnopqrstuvwxyz" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/*
 * Frees a string that spamgreyd.conf cannot hold; convert_print then leaves its
 * keyword out.
 */
static void
drop_string(char **s)
{
	free(*s);
	*s = NULL;
}

/*
 * The same check as the configuration makes: labels of letters, digits, - and
 * _.
 */
static int
is_domain(const char *s)
{
	size_t	n, len = strlen(s);

	if (len == 0 || len > NAME_MAX_)
		return (0);
	for (;; s += n + 1) {
		n = strspn(s, LETTERS "_-");
		if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return (0);
		if (s[n] != '.')
			return (s[n] == '\0');
	}
}

/* The same check as the configuration makes. */
static int
is_ifname(const char *s)
{
	size_t	len = strlen(s);

	return (len > 0 && len <= IFNAME_MAX && strspn(s, LETTERS "_.-@") ==
	    len);
}

/* Says whether it is an IPv4 or IPv6 address. */
static int
is_addr(const char *s)
{
	struct addr	a;

	return (addr_parse(s, &a) == 0);
}

/*
 * An interface is a name without a dot that begins with a letter and has a
 * digit or :ttl in it.
 */
int
convert_is_interface(const char *s)
{
	return (strchr(s, '.') == NULL && isalpha((unsigned char)*s) &&
	    strcspn(s, "0123456789:") < strlen(s));
}

/* Says whether interface and TTL of a multicast group are valid. */
static int
group_good(const char *s)
{
	char	name[IFNAME_MAX + 1];
	size_t	n = strcspn(s, ":");
	long	ttl = 1;
	char	*end = NULL;

	if (n > IFNAME_MAX)
		return (0);
	memcpy(name, s, n);
	name[n] = '\0';
	if (s[n] == ':') {
		if (!isdigit((unsigned char)s[n + 1]))
			return (0);
		ttl = strtol(s + n + 1, &end, 10);
	}
	return (is_ifname(name) && ttl >= 1 && ttl <= TTL_MAX &&
	    (end == NULL || *end == '\0'));
}

/* Says whether it is an address or a multicast group. */
static int
target_good(const char *s)
{
	return (convert_is_interface(s) ? group_good(s) : is_addr(s));
}

/*
 * Checks what the flags of spamd have set.  The times of -G must be in order,
 * or no tuple could ever pass: pass is in minutes, grey and white in hours.
 */
static void
check_spamd(struct convert *cv)
{
	const char	*f = "spamd";

	if (cv->listen != NULL && strcmp(cv->listen, "localhost") == 0) {
		drop_string(&cv->listen);
		cv->listen = strdup("127.0.0.1");
	}
	if (cv->listen != NULL && !is_addr(cv->listen)) {
		convert_problem(cv, f, 0,
		    "-l %s: only an IP address can be used", cv->listen);
		drop_string(&cv->listen);
	}
	if (cv->hostname != NULL && !is_domain(cv->hostname)) {
		convert_problem(cv, f, 0, "-h %s is not a host name",
		    cv->hostname);
		drop_string(&cv->hostname);
	}
	if ((cv->certificate == NULL) != (cv->key == NULL))
		convert_problem(cv, f, 0, "-C and -K go together");
	if (cv->pass != -1 && (cv->pass >= cv->grey * 60 ||
	    cv->grey >= cv->white)) {
		convert_problem(cv, f, 0,
		    "-G %ld:%ld:%ld: nothing could ever pass; the first time "
		    "must be the shortest, the last one the longest",
		    cv->pass, cv->grey, cv->white);
		cv->pass = cv->grey = cv->white = -1;
	}
}

/*
 * Checks the interfaces of spamlogd.  nflog is not an interface: in
 * spamgreyd.conf this word names another kind of device.
 */
static void
check_track(struct convert *cv)
{
	const char	*f = "spamlogd";

	if (cv->pflog != NULL && (!is_ifname(cv->pflog) ||
	    strcmp(cv->pflog, "nflog") == 0)) {
		convert_problem(cv, f, 0, "-l %s is not an interface",
		    cv->pflog);
		drop_string(&cv->pflog);
	}
	if (cv->log_interface != NULL && !is_ifname(cv->log_interface)) {
		convert_problem(cv, f, 0, "-i %s is not an interface",
		    cv->log_interface);
		drop_string(&cv->log_interface);
	}
}

/*
 * Names of peers would have to be looked up, which this program does not do, so
 * they become problems.
 */
static void
check_sync(struct convert *cv)
{
	size_t	i, n;

	if (cv->sync_listen != NULL && !target_good(cv->sync_listen)) {
		convert_problem(cv, "spamd", 0, "-y %s: neither an address nor "
		    "an interface", cv->sync_listen);
		drop_string(&cv->sync_listen);
	}
	for (i = n = 0; i < cv->ntargets; i++) {
		if (target_good(cv->targets[i])) {
			cv->targets[n++] = cv->targets[i];
			continue;
		}
		convert_problem(cv, "spamd", 0, "-Y %s: neither an address nor "
		    "an interface with a TTL from 1 to 255; a name must be "
		    "looked up first", cv->targets[i]);
		free(cv->targets[i]);
	}
	cv->ntargets = n;
}

/* Removes the file of a list that cannot be used, which leaves the list out. */
static void
check_list(struct convert *cv, struct convert_list *l)
{
	const char	*f = "spamd.conf";
	size_t		 len = strlen(l->name);

	if (l->file == NULL) {
		convert_problem(cv, f, 0, "list %s has no file= (is it "
		    "defined at all?)", l->name);
		return;
	}
	/* Half of what the configuration allows: quoting may double it. */
	if (l->message != NULL && strlen(l->message) > MESSAGE_LONG) {
		convert_problem(cv, f, 0, "list %s: its message is cut at %d "
		    "characters", l->name, MESSAGE_LONG);
		l->message[MESSAGE_LONG] = '\0';
	}
	if (len > LIST_NAME_MAX || strspn(l->name, LETTERS "_.-") != len)
		convert_problem(cv, f, 0, "list %s: a name holds letters, "
		    "digits and _ . - only and has at most %d characters",
		    l->name, LIST_NAME_MAX);
	else if (!convert_printable(l->file) || *l->file == '\0' ||
	    strlen(l->file) > FILE_LONG)
		convert_problem(cv, f, 0,
		    "list %s: the name of its file is not valid", l->name);
	else if (l->method == CV_COMMAND && *l->file != '/')
		convert_problem(cv, f, 0, "list %s: the program's name must "
		    "begin with /", l->name);
	else
		return;
	drop_string(&l->file);
}

/*
 * Checks the lists that `all' names, in its order.  spamd-setup would not load
 * the others; they only become a comment in the output.
 */
static void
check_lists(struct convert *cv)
{
	struct convert_list	*l;
	size_t			 i, n = 0;

	if (cv->nlists > 0 && !cv->has_all)
		convert_problem(cv, "spamd.conf", 0,
		    "there is no `all', so spamd-setup loaded no list");
	for (i = 0; i < cv->norder; i++) {
		l = &cv->lists[cv->order[i]];
		check_list(cv, l);
		if (l->file != NULL && ++n > CONVERT_LISTS_PRINT) {
			convert_problem(cv, "spamd.conf", 0, "list %s: more "
			    "than %d lists", l->name, CONVERT_LISTS_PRINT);
			drop_string(&l->file);
		}
	}
}

/*
 * Says whether it is a domain, also with @ or a dot before it, or a mail
 * address.  A dot at the end means nothing here and is removed.
 */
static int
domain_good(char *s)
{
	char	 box[MAILADDR_MAX];
	size_t	 len = strlen(s);
	char	*at = strrchr(s, '@');

	if (len > 1 && s[len - 1] == '.')
		s[len - 1] = '\0';
	if (at != NULL && at != s)
		return (at - s <= LOCAL_MAX && is_domain(at + 1) &&
		    mailaddr_box(s, box, sizeof(box)) == 0);
	return (is_domain(*s == '@' || *s == '.' ? s + 1 : s));
}

/* Removes what is neither a domain nor an address. */
static void
check_allowed_domains(struct convert *cv)
{
	size_t	i, n;

	for (i = n = 0; i < cv->ndomains; i++) {
		if (domain_good(cv->domains[i])) {
			cv->domains[n++] = cv->domains[i];
			continue;
		}
		convert_problem(cv, "spamd.alloweddomains", 0, "\"%s\" is "
		    "neither a domain nor an address", cv->domains[i]);
		free(cv->domains[i]);
	}
	cv->ndomains = n;
}

/* Parses the flags first, since what they set must be checked too. */
void
convert_finish(struct convert *cv)
{
	static void	(*const fn[CONVERT_PROGRAMS])(struct convert *,
			    const char *, int, const char *) = {
		convert_spamd, convert_spamlogd, convert_setup
	};
	size_t	i;

	for (i = 0; i < CONVERT_PROGRAMS; i++)
		if (cv->flags[i].value != NULL && cv->flags[i].file != NULL)
			fn[i](cv, cv->flags[i].file, cv->flags[i].line,
			    cv->flags[i].value);
	check_spamd(cv);
	check_track(cv);
	check_sync(cv);
	check_lists(cv);
	check_allowed_domains(cv);
}
