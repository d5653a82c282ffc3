/*
 * Prints what was read as a spamgreyd.conf(5) that does the same as spamd, with
 * a comment wherever spamgreyd can do better.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "spamgreydb/convert/convert.h"

#define SPAMD_PORT	8025	/* /etc/services: spamd */
#define LOWMX_PORT	8035	/* chosen here, for -M */
/* Columns of a message: past the first it is broken at the next blank, and at
 * the second in any case.  A reply line of SMTP has at most 512 bytes. */
#define LINE_LONG	400
#define LINE_MAX_	440

/* The defaults of spamd(8). */
#define SPAMD_PASS	25	/* minutes */
#define SPAMD_GREY	4	/* hours */
#define SPAMD_WHITE	864	/* hours */

/*
 * Prints a string of the configuration.  A control character becomes a blank,
 * since the file could not have it.
 */
static void
put_quoted(FILE *out, const char *s)
{
	putc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putc('\\', out);
		putc((unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s, out);
	}
	putc('"', out);
}

/* Prints a text that must stay on the line of its comment. */
static void
put_comment(FILE *out, const char *s)
{
	for (; *s != '\0'; s++)
		putc((unsigned char)*s < ' ' || (unsigned char)*s > '~' ? '?' :
		    *s, out);
}

/*
 * Prints a message in ASCII.  %A, the client's address, and %% stay; any other
 * percent sign is doubled.  Lines that are too long are broken at a blank.  A
 * backslash would escape what follows it and becomes a slash.
 */
static void
put_message(FILE *out, const char *s)
{
	size_t	n = strlen(s), col = 0;

	while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == ' '))
		n--;
	putc('"', out);
	for (; n > 0; s++, n--, col++) {
		if (*s == '\n' || (*s == ' ' && col >= LINE_LONG)) {
			fputs("\\n", out);
			col = 0;
			continue;
		}
		if (col >= LINE_MAX_) {
			fputs("\\n", out);
			col = 0;
		}
		if (*s == '%' && n > 1 && (s[1] == 'A' || s[1] == '%')) {
			fprintf(out, "%%%c", s[1]);
			if (s[1] == 'A')
				col += ADDR_STRLEN;
			s++;
			n--;
		} else if (*s == '%')
			fputs("%%", out);
		else if (*s == '"')
			fputs("\\\"", out);
		else
			putc(*s == '\\' ? '/' : *s == '\t' ? ' ' :
			    (unsigned char)*s < ' ' ||
			    (unsigned char)*s > '~' ? '?' : *s, out);
	}
	putc('"', out);
}

/* Prints what was not converted, and flags that have no keyword. */
static void
print_head(const struct convert *cv, FILE *out)
{
	size_t	i;

	fputs("# Made by spamgreydb convert; see the manual page "
	    "spamgreyd-spamd(7).\n", out);
	for (i = 0; i < cv->nproblems; i++) {
		fputs("# NOT CONVERTED: ", out);
		put_comment(out, cv->problems[i]);
		putc('\n', out);
	}
	if (cv->foreground)
		fputs("# spamd -d is spamgreyd -d, a flag of the command.\n",
		    out);
	if (cv->verbose)
		fputs("# spamd -v is spamgreyd -v; it can be changed while it "
		    "runs: spamgreydb log verbose|brief.\n", out);
	if (cv->banner != NULL) {
		fputs("# spamd -n (the banner's text): it cannot be chosen "
		      "here; it was ",
		    out);
		put_comment(out, cv->banner);
		putc('\n', out);
	}
	if (cv->window > 0)
		fputs("# spamd -w (the receive window of trapped hosts) has no "
		      "equivalent: what they send is not kept.\n",
		    out);
	fputs("# log spamd\t# its own log lines too, for programs that read "
	    "them\n\n", out);
}

/*
 * Prints addresses, ports and TLS.  The ports are spamd's, so that pf.conf need
 * not change.
 */
static void
print_listen(const struct convert *cv, FILE *out)
{
	long	port = cv->port == -1 ? SPAMD_PORT : cv->port;

	if (cv->hostname != NULL) {
		fputs("hostname ", out);
		put_quoted(out, cv->hostname);
		putc('\n', out);
	}
	if (cv->listen != NULL)
		fprintf(out, "listen on %s port %ld\n", cv->listen, port);
	else
		fprintf(out, "listen on 127.0.0.1 port %ld\n"
		    "# spamd has no IPv6; in pf.conf: pass in on egress inet6 "
		    "proto tcp to any port smtp divert-to ::1 port %ld\n"
		    "listen on ::1 port %ld\n", port, port, port);
	if (cv->low_mx != NULL) {
		fprintf(out,
		    "# -M: traps hosts that try the backup MX first.  In "
		    "pf.conf, behind the other divert-to:\n#\tpass in on "
		    "egress proto tcp to ");
		put_comment(out, cv->low_mx);
		fprintf(out, " port smtp divert-to 127.0.0.1 port %d\n"
		    "listen on 127.0.0.1 port %d low-priority-mx\n",
		    LOWMX_PORT, LOWMX_PORT);
	}
	if (cv->certificate != NULL && cv->key != NULL) {
		fputs("tls certificate ", out);
		put_quoted(out, cv->certificate);
		fputs(" key ", out);
		put_quoted(out, cv->key);
		fputs("\t# a reload takes a renewed one\n", out);
	}
	putc('\n', out);
}

/*
 * spamd compared the end of an address, so an entry without @ matched more than
 * its author meant.  Such an entry becomes the domain and, with a dot before
 * it, its subdomains.
 */
static void
print_domains(const struct convert *cv, FILE *out)
{
	const char	*d;
	size_t		 i;

	if (cv->ndomains == 0) {
		fputs("# If there is an /etc/mail/spamd.alloweddomains, name "
		      "it to convert too.  Without allowed\n# domains no "
		      "recipient's domain is a trap.\n\n",
		    out);
		return;
	}
	fputs("# spamd took a name without @ for the end of any address: "
	    "example.org let notexample.org in.\n# Here it is the domain, and "
	    "with a dot before it its subdomains.\nallowed domains {\n", out);
	for (i = 0; i < cv->ndomains; i++) {
		d = cv->domains[i];
		putc('\t', out);
		put_quoted(out, d);
		if (strchr(d, '@') == NULL && *d != '.') {
			fputs(" \".", out);
			put_comment(out, d);
			putc('"', out);
		}
		putc('\n', out);
	}
	fputs("} trap after 1 in 1h\t# at once, as spamd\n\n", out);
}

/*
 * Prints times, tarpit and limits, with better values as comments.  A time of 0
 * minutes is printed as one second, the shortest that the configuration has.
 */
static void
print_greylist(const struct convert *cv, FILE *out)
{
	long	pass = cv->pass == -1 ? SPAMD_PASS : cv->pass;
	long	grey = cv->grey == -1 ? SPAMD_GREY : cv->grey;
	long	white = cv->white == -1 ? SPAMD_WHITE : cv->white;

	if (cv->blacklist_only)
		fputs("# spamd -b: only hosts on a list are redirected, and so "
		      "it should stay in pf.conf.  Any other host\n# that "
		      "connects here is greylisted; nothing redirects it "
		      "afterwards.\n",
		    out);
	fprintf(out, "greylist {\n\tpass %ld%s\t\t# better: 3m; a retry at 5m "
	    "would do\n"
	    "\tgrey %ldh\t\t# better: 24h; slow queues come later than 4h\n"
	    "\twhite %ldh\n"
	    "\tmatch ip4 /32 ip6 /64\t# better: ip4 /24, for senders with "
	    "several hosts\n"
	    "\tmatch helo\t\t# better without\n"
	    "}\n", pass == 0 ? 1 : pass, pass == 0 ? "s" : "m", grey, white);
	if (cv->track_white != -1 && cv->track_white != white)
		fprintf(out,
		    "# spamlogd -W %ld: hosts that the tracker makes WHITE get "
		    "the time above.\n",
		    cv->track_white);
	fputs("tarpit { ", out);
	if (cv->stutter == 0)
		fputs("stutter no", out);
	else
		fprintf(out, "stutter %lds for %lds",
		    cv->stutter == -1 ? 1 : cv->stutter,
		    cv->stutter_for == -1 ? 10 : cv->stutter_for);
	fprintf(out, "  reply %d }\n", cv->reply);
	if (cv->connections != -1)
		fprintf(out, "limit { connections %ld }\t# better without: as "
		    "many as there are descriptors\n", cv->connections);
	if (cv->blacklisted != -1)
		fprintf(out,
		    "# spamd -B %ld: there is no separate limit for "
		    "blacklisted hosts; each one that is held costs 1 KB.\n",
		    cv->blacklisted);
	putc('\n', out);
}

/*
 * Prints which white lists are taken out of a black list: those behind it in
 * `all', up to the next black list, as spamd-setup does.  at is the place of
 * the black list.
 */
static void
print_except(const struct convert *cv, FILE *out, size_t at)
{
	const struct convert_list	*l;
	int				 any = 0;

	for (at++; at < cv->norder; at++) {
		l = &cv->lists[cv->order[at]];
		if (!l->white)
			break;
		if (l->file == NULL)
			continue;
		fputs(any ? ", " : " except { ", out);
		put_quoted(out, l->name);
		any = 1;
	}
	if (any)
		fputs(" }", out);
}

/* Prints one list; at is its place in the order of `all'. */
static void
print_list(const struct convert *cv, FILE *out, size_t at)
{
	static const char *const source[] = {"file", "url", "command"};
	const struct convert_list	*l = &cv->lists[cv->order[at]];

	if (l->file == NULL)
		return;		/* convert_finish removed it */
	if (l->method == CV_COMMAND)
		fputs("# spamd-setup ran this as root; here the user nobody "
		      "runs it.\n",
		    out);
	fputs(l->white ? "whitelist " : "blacklist ", out);
	put_quoted(out, l->name);
	fprintf(out, " %s ", source[l->method]);
	put_quoted(out, l->file);
	if (!l->white) {
		if (l->message != NULL && *l->message != '\0') {
			fputs(" \\\n    message ", out);
			put_message(out, l->message);
		}
		fprintf(out, " reply %d", cv->reply);
		print_except(cv, out, at);
		if (cv->setup_table || cv->blacklist_only)
			fputs(" table \"spamd\"", out);
	}
	putc('\n', out);
}

/*
 * White lists are printed first, since a list must stand before the list that
 * names it.
 */
static void
print_lists(const struct convert *cv, FILE *out)
{
	size_t	i;
	int	white = 0, first = 1;

	for (i = 0; i < cv->norder; i++)
		if (cv->lists[cv->order[i]].white)
			white = 1;
	if (white)
		fputs("# Addresses of a white list are taken out of the black "
		    "list before it, as spamd-setup did, and are\n# never "
		    "greylisted here, which spamd knew as <nospamd> only.\n",
		    out);
	for (i = 0; i < cv->norder; i++)
		if (cv->lists[cv->order[i]].white)
			print_list(cv, out, i);
	for (i = 0; i < cv->norder; i++) {
		if (cv->lists[cv->order[i]].white)
			continue;
		if (first)
			fputs("# Lists are read at start, at a reload, and by "
			    "spamgreydb load, which takes the place of\n# "
			    "spamd-setup in cron.\n", out);
		first = 0;
		print_list(cv, out, i);
	}
	for (i = 0; i < cv->nlists; i++)
		if (!cv->lists[i].used) {
			fputs("# List ", out);
			put_comment(out, cv->lists[i].name);
			fputs(" is not in `all'; spamd-setup left it out.\n",
			    out);
		}
	if (cv->norder > 0)
		putc('\n', out);
}

/* spamlogd(8) becomes the tracker. */
static void
print_track(const struct convert *cv, FILE *out)
{
	if (!cv->tracks)
		return;
	fprintf(out, "track %s", cv->pflog == NULL ? "pflog0" : cv->pflog);
	if (cv->log_interface != NULL)
		fprintf(out, " interface %s", cv->log_interface);
	if (cv->inbound_only)
		fputs(" outbound no", out);
	else
		fputs("\t# better: mta { addresses }; spamlogd took any "
		    "machine's outbound mail for ours", out);
	fputs("\n\n", out);
}

/* Prints a multicast group: an interface, perhaps with :ttl. */
static void
print_group(FILE *out, const char *s)
{
	size_t	n = strcspn(s, ":");

	fprintf(out, "\tmulticast \"%.*s\"", (int)n, s);
	if (s[n] == ':')
		fprintf(out, " ttl %s", s + n + 1);
	fputs(" spamd\n", out);
}

/*
 * Prints spamd's synchronisation.  The group of -y is printed only if -Y names
 * no group, since spamd used one.
 */
static void
print_sync(const struct convert *cv, FILE *out)
{
	size_t	i;
	int	group = 0;

	if (cv->sync_listen == NULL && cv->ntargets == 0)
		return;
	fputs("# spamd's own protocol, for as long as one of them is an "
	    "OpenBSD spamd.  Without the word spamd a peer\n# is told IPv6, "
	    "deletions and renewals too, and nothing can be replayed.\n"
	    "sync {\n", out);
	if (cv->sync_listen != NULL && !convert_is_interface(cv->sync_listen))
		fprintf(out, "\tlisten on %s port %d\n", cv->sync_listen,
		    SPAMD_PORT);
	fputs("\tkey \"/etc/mail/spamd.key\"\t# no such file: spamd used no "
	    "key; leave the line out\n", out);
	for (i = 0; i < cv->ntargets; i++)
		if (convert_is_interface(cv->targets[i])) {
			print_group(out, cv->targets[i]);
			group = 1;
		} else
			fprintf(out, "\tpeer %s spamd\n", cv->targets[i]);
	if (cv->sync_listen != NULL && convert_is_interface(cv->sync_listen) &&
	    !group)
		print_group(out, cv->sync_listen);
	if (cv->sync_listen != NULL)
		fputs("\taccept spamd\n", out);
	fputs("}\n", out);
}

/* The order is that of the sample file. */
void
convert_print(const struct convert *cv, FILE *out)
{
	print_head(cv, out);
	print_listen(cv, out);
	fputs("# pf.conf and what reads its table stay as they are.\n"
	    "firewall pf table \"spamd-white\"\n\n", out);
	print_domains(cv, out);
	print_greylist(cv, out);
	print_lists(cv, out);
	print_track(cv, out);
	print_sync(cv, out);
}
