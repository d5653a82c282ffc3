/*
 * The command line: spamdb's options, or a word (a command) and what belongs
 * to it.  It is a function of argv alone, but for the state of getopt.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "lib/base/hosts.h"
#include "lib/base/value.h"
#include "spamgreydb/spamgreydb.h"

/* Exit status of a wrong command line: spamdb's two, and that of the words. */
#define EXIT_SPAMDB_USAGE	1
#define EXIT_SPAMDB_KEYS	2
#define EXIT_WORD_USAGE		2

#define DAYS_MAX	36500		/* list -r --days */
#define BAD_MAX		1000000		/* --bad, --networks */
#define BOTH		'!'		/* verdict: -s and -h were given */

static const struct {
	const char	*name;
	uint8_t		 type;
} types[] = {
	{ "grey", CTL_T_GREY },
	{ "white", CTL_T_WHITE },
	{ "trapped", CTL_T_TRAPPED },
	{ "spamtrap", CTL_T_SPAMTRAP },
	{ "repute", CTL_T_REPUTE }		/* delete only */
};

static int	word_error(struct args *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));

/* Sets the error of a word, and returns its exit status. */
static int
word_error(struct args *a, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(a->error, sizeof(a->error), fmt, ap);
	va_end(ap);
	return (EXIT_WORD_USAGE);
}

/* The CTL_T_* of a word; 0: it is not a type. */
static uint8_t
type_find(const char *name)
{
	size_t	i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].name, name) == 0)
			return (types[i].type);
	}
	return (0);
}

/* Says whether it looks like a mail address, or like @domain. */
static int
is_mail(const char *key)
{
	const char	*at = strrchr(key, '@');

	return (at != NULL && at[1] != '\0');
}

/* IPv4 or IPv6, without a prefix length. */
static int
is_addr(const char *key)
{
	struct addr	addr;

	return (addr_parse(key, &addr) == 0);
}

/*
 * The operands of `list', and the functions below those of other words: 0, or
 * the exit status.
 */
static int
word_list(struct args *a)
{
	if (a->repute)
		a->command = CMD_REPUTE;
	else if (a->pools)
		a->command = CMD_POOLS;
	else if (a->nkeys > 0 && strcmp(a->keys[0], "repute") == 0)
		return (word_error(a, "list: to list what was learned, use "
		    "list -r"));
	else if (a->nkeys > 0 && (a->type = type_find(a->keys[0])) != 0) {
		a->keys++;
		a->nkeys--;
	}
	if (!a->repute && (a->bad > 0 || a->days > 0))
		return (word_error(a, "list: --bad and --days need -r"));
	if (a->pools ? a->repute : a->networks > 0)
		return (word_error(a, "list: %s",
		    a->pools ? "use either --pools or -r" :
			       "--networks needs --pools"));
	if (a->nkeys > 1)
		return (word_error(a, "list: only one address or network is "
		    "allowed"));
	if (a->nkeys == 1 && !a->repute && !a->pools && is_mail(a->keys[0]))
		a->mail = a->keys[0];
	else if (a->nkeys == 1 && prefix_parse(a->keys[0], &a->within) == -1)
		return (word_error(a,
		    "list: %s: neither a type (grey, white, trapped, spamtrap) "
		    "nor an IP address or network (for example 192.0.2.0/24; "
		    "no bits may be set behind the prefix)%s",
		    a->keys[0],
		    a->repute || a->pools ? "" : ", nor a mail address"));
	return (0);
}

/* -s and -h are given by letter; both together are an error. */
static int
word_learn(struct args *a)
{
	if (a->verdict == 0)
		return (word_error(a,
		    "learn: -s (it is spam) or -h (it is not spam) is "
		    "missing"));
	if (a->verdict == BOTH)
		return (word_error(a,
		    "learn: use either -s (it is spam) or -h (it is not "
		    "spam)"));
	if (a->nkeys != 0)
		return (word_error(a,
		    "learn: %s: the message is read from standard input",
		    a->keys[0]));
	return (0);
}

/* One address, or a mail address. */
static int
word_show(struct args *a)
{
	if (a->nkeys != 1)
		return (word_error(a, "show: one address is needed"));
	if (is_mail(a->keys[0]))
		a->mail = a->keys[0];
	else if (!is_addr(a->keys[0]))
		return (word_error(a, "show: %s: not an IP address",
		    a->keys[0]));
	return (0);
}

/* A time, for example 7d, in seconds; 0: it is malformed. */
static int64_t
duration(const char *text)
{
	char	why[VALUE_WHY];
	int64_t	v;

	return (value_read(VALUE_SECONDS, text, 1, VALUE_SECONDS_MAX, &v,
	    why) == 0 ? v : 0);
}

/*
 * Takes off what may stand behind the addresses: "for TIME" or "permanent",
 * and "comment TEXT".
 */
static int
terms(struct args *a, const char *word)
{
	int	i, n;

	for (n = 0; n < a->nkeys; n++)
		if (strcmp(a->keys[n], "for") == 0 ||
		    strcmp(a->keys[n], "permanent") == 0 ||
		    strcmp(a->keys[n], "comment") == 0)
			break;
	for (i = n; i < a->nkeys; i++) {
		const char	*term = a->keys[i];
		const char	*value = i + 1 < a->nkeys ? a->keys[i + 1] : "";

		if (strcmp(term, "permanent") == 0 && a->lasting == 0)
			a->lasting = HOST_FOREVER;
		else if (strcmp(term, "for") == 0 && a->lasting == 0) {
			if ((a->lasting = duration(value)) <= 0)
				return (word_error(a,
				    "%s: for %s: not a time; write for example "
				    "30m, 12h, 7d or 4w, at most ten years",
				    word, value));
			i++;
		} else if (strcmp(term, "comment") == 0 &&
		    a->comment == NULL) {
			if (*value == '\0' || strlen(value) > ENTRY_STR_MAX)
				return (word_error(a,
				    "%s: comment: a text of 1 to %d bytes is "
				    "needed",
				    word, ENTRY_STR_MAX));
			a->comment = value;
			i++;
		} else
			return (word_error(a,
			    "%s: unexpected word \"%s\"; write the addresses "
			    "first, then \"for time\" or \"permanent\", then "
			    "comment \"text\"",
			    word, term));
	}
	a->nkeys = n;
	return (0);
}

/* Addresses only: a network belongs into the configuration. */
static int
word_add(struct args *a)
{
	int	i;

	a->type = CTL_T_WHITE;
	if (terms(a, "add") != 0)
		return (EXIT_WORD_USAGE);
	if (a->nkeys == 0)
		return (word_error(a, "add: an address is missing"));
	for (i = 0; i < a->nkeys; i++) {
		if (!is_addr(a->keys[i]))
			return (word_error(a,
			    "add: %s: not an IP address (put networks into a "
			    "whitelist of spamgreyd.conf)",
			    a->keys[i]));
	}
	return (0);
}

/* For delete and trap. */
static int
word_keys(struct args *a)
{
	const char	*word = a->command == CMD_TRAP ? "trap" : "delete";
	int		 i;

	if (a->command == CMD_TRAP && terms(a, word) != 0)
		return (EXIT_WORD_USAGE);
	if (a->command == CMD_DELETE && a->nkeys > 0 &&
	    (a->type = type_find(a->keys[0])) != 0) {
		a->keys++;
		a->nkeys--;
	}
	if (a->nkeys == 0)
		return (word_error(a, "%s: an address is missing", word));
	for (i = 0; i < a->nkeys; i++) {
		if (!is_addr(a->keys[i]) && !is_mail(a->keys[i]))
			return (word_error(a,
			    "%s: %s: neither an IP address nor a mail address",
			    word, a->keys[i]));
		if (a->lasting != 0 && !is_addr(a->keys[i]))
			return (word_error(a,
			    "%s: %s: no time can be given for a spamtrap; it "
			    "stays until it is deleted",
			    word, a->keys[i]));
	}
	return (0);
}

/* At least one domain, or - for standard input. */
static int
word_spf(struct args *a)
{
	if (a->nkeys == 0)
		return (word_error(a,
		    "spf: a domain is missing (- reads domains from standard "
		    "input)"));
	return (0);
}

/* At least one file. */
static int
word_convert(struct args *a)
{
	if (a->nkeys == 0)
		return (word_error(a,
		    "convert: a file is missing: rc.conf.local, spamd.conf, "
		    "spamd.alloweddomains"));
	return (0);
}

/*
 * Says whether a text can go to ssh as it is: it is not an option, and a
 * shell on the other side takes it as one word.  more: characters that are
 * allowed beside letters and digits.
 */
static int
is_plain(const char *s, const char *more)
{
	if (*s == '-' || *s == '\0')
		return (0);
	for (; *s != '\0'; s++)
		if (!ascii_is_alnum(*s) && strchr(more, *s) == NULL)
			return (0);
	return (1);
}

/* Hosts are checked strictly, since they become arguments of ssh. */
static int
word_sync(struct args *a)
{
	int	i;

	if (a->answer) {
		if (a->nkeys > 0 || a->dry || a->rsh != NULL ||
		    a->program != NULL || a->json)
			return (word_error(a,
			    "sync: --server takes no other arguments; the "
			    "other side runs it"));
		return (0);
	}
	if (a->nkeys == 0)
		return (word_error(a, "sync: a host is missing"));
	for (i = 0; i < a->nkeys; i++)
		if (!is_plain(a->keys[i], "@.-_:%[]"))
			return (word_error(a, "sync: %s: not [user@]host",
			    a->keys[i]));
	if (a->program != NULL && !is_plain(a->program, "./-_+"))
		return (word_error(a,
		    "sync: --program %s: the path may have no blanks and no "
		    "special characters of the shell",
		    a->program));
	if (a->rsh != NULL && *a->rsh == '\0')
		return (word_error(a, "sync: -e: a program is missing"));
	return (0);
}

/* One file, or - for standard input. */
static int
word_import(struct args *a)
{
	if (a->nkeys != 1)
		return (word_error(a, "import: one file is needed, or - for "
		    "standard input"));
	return (0);
}

/* Sets verbose to 1 or 0. */
static int
word_log(struct args *a)
{
	if (a->nkeys == 1 && strcmp(a->keys[0], "verbose") == 0)
		a->verbose = 1;
	else if (a->nkeys != 1 || strcmp(a->keys[0], "brief") != 0)
		return (word_error(a, "log: verbose or brief is needed"));
	return (0);
}

/* No operand means all lists. */
static int
word_load(struct args *a)
{
	if (a->nkeys > 1)
		return (word_error(a, "load: only one list can be named"));
	return (0);
}

/* For words without operands. */
static int
word_alone(struct args *a)
{
	if (a->nkeys != 0)
		return (word_error(a, "unexpected word \"%s\"", a->keys[0]));
	return (0);
}

/* All words, in the order in which near.c offers them. */
static const struct word {
	const char	*name;
	enum command	 command;
	int		(*check)(struct args *);
} words[] = {
	{ "list", CMD_LIST, word_list },
	{ "learn", CMD_LEARN, word_learn },
	{ "show", CMD_SHOW, word_show },
	{ "add", CMD_ADD, word_add },
	{ "whitelist", CMD_ADD, word_add },
	{ "delete", CMD_DELETE, word_keys },
	{ "trap", CMD_TRAP, word_keys },
	{ "expire", CMD_EXPIRE, word_alone },
	{ "import", CMD_IMPORT, word_import },
	{ "export", CMD_EXPORT, word_alone },
	{ "convert", CMD_CONVERT, word_convert },
	{ "spf", CMD_SPF, word_spf },
	{ "stats", CMD_STATS, word_alone },
	{ "status", CMD_STATUS, word_alone },
	{ "stop", CMD_STOP, word_alone },
	{ "help", CMD_HELP, word_alone },
	{ "version", CMD_VERSION, word_alone },
	{ "sync", CMD_SYNC, word_sync },
	{ "reload", CMD_RELOAD, word_alone },
	{ "load", CMD_LOAD, word_load },
	{ "log", CMD_LOG, word_log }
};

/* For near.c. */
const char *
args_word(size_t n)
{
	return (n < sizeof(words) / sizeof(words[0]) ? words[n].name : NULL);
}

/*
 * "NAME number" or "NAME=number".  Returns how many arguments it took; 0: it
 * is another option; -1: the number is malformed.
 */
static int
number_option(const char *name, int argc, char **argv, int i, uint32_t max,
    uint32_t *n)
{
	size_t		 len = strlen(name);
	const char	*text = argv[i] + len;
	int64_t		 v;

	if (strncmp(argv[i], name, len) != 0 || (*text != '\0' && *text != '='))
		return (0);
	if (*text == '\0')
		text = i + 1 < argc ? argv[i + 1] : "";
	else
		text++;
	if (entry_get_number(text, max, &v) == -1 || v < 1)
		return (-1);
	*n = (uint32_t)v;
	return (argv[i][len] == '=' ? 1 : 2);
}

/* -s, -h, -n and -j, also several in one argument. */
static int
learn_option(const char *opt, struct args *a)
{
	const char	*p;

	if (opt[strspn(opt, "-shnj")] != '\0' || opt[1] == '-')
		return (0);
	for (p = opt + 1; *p != '\0'; p++) {
		if (*p == 'n')
			a->dry = 1;
		else if (*p == 'j')
			a->json = 1;
		else
			a->verdict = a->verdict == 0 || a->verdict == *p ?
			    *p : BOTH;
	}
	return (1);
}

/* The options of `list'; returns as number_option does. */
static int
list_option(int argc, char **argv, int i, struct args *a)
{
	int	r;

	if (strcmp(argv[i], "-r") == 0)
		a->repute = 1;
	else if (strcmp(argv[i], "--pools") == 0)
		a->pools = 1;
	else if ((r = number_option("--bad", argc, argv, i, BAD_MAX,
	    &a->bad)) != 0 || (r = number_option("--days", argc, argv, i,
	    DAYS_MAX, &a->days)) != 0)
		return (r);
	else
		return (number_option("--networks", argc, argv, i, BAD_MAX,
		    &a->networks));
	return (1);
}

/* -e and --program take the next argument. */
static int
sync_option(int argc, char **argv, int i, struct args *a)
{
	const char	*opt = argv[i];

	if (strcmp(opt, "-n") == 0 || strcmp(opt, "--dry-run") == 0)
		a->dry = 1;
	else if (strcmp(opt, "--server") == 0)
		a->answer = 1;
	else if (strcmp(opt, "-e") == 0 && i + 1 < argc) {
		a->rsh = argv[i + 1];
		return (2);
	} else if (strcmp(opt, "--program") == 0 && i + 1 < argc) {
		a->program = argv[i + 1];
		return (2);
	} else
		return (0);
	return (1);
}

/* An option of one word.  Returns as number_option does. */
static int
word_option(enum command command, int argc, char **argv, int i,
    struct args *a)
{
	const char	*opt = argv[i];

	if (command == CMD_LEARN)
		return (learn_option(opt, a));
	if (command == CMD_LIST)
		return (list_option(argc, argv, i, a));
	if (command == CMD_SYNC)
		return (sync_option(argc, argv, i, a));
	if (command == CMD_SPF && strcmp(opt, "--server") == 0 &&
	    i + 1 < argc) {
		a->server = argv[i + 1];
		return (2);
	}
	if (command != CMD_EXPIRE || strcmp(opt, "--clock-ok") != 0)
		return (0);
	a->clock_ok = 1;
	return (1);
}

/*
 * An option that is unknown or malformed.  Users of relaydb are told what its
 * options are called here.
 */
static int
bad_option(const struct word *w, const char *opt, int r, struct args *a)
{
	if (r == -1)
		return (word_error(a, "%s: %s: not a number from 1 to %d",
		    w->name, opt,
		    strncmp(opt, "--days", 6) == 0 ? DAYS_MAX : BAD_MAX));
	if (w->command == CMD_LEARN &&
	    (strcmp(opt, "-b") == 0 || strcmp(opt, "-w") == 0))
		return (word_error(a,
		    "learn: unknown option %s; use -s for relaydb's -b, and -h "
		    "for its -w",
		    opt));
	return (word_error(a, "%s: unknown option %s", w->name, opt));
}

/*
 * Options may stand anywhere behind a word; argv is rearranged so that the
 * operands follow each other.  A lone - is an operand, and so is everything
 * behind --.
 */
static int
parse_word(const struct word *w, int argc, char **argv, struct args *a)
{
	int	i, r, n = 0, only = 0;

	a->command = w->command;
	for (i = 0; i < argc; i++) {
		if (only || argv[i][0] != '-' || argv[i][1] == '\0')
			argv[n++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			only = 1;
		else if (strcmp(argv[i], "-j") == 0)
			a->json = 1;
		else if ((r = word_option(w->command, argc, argv, i, a)) > 0)
			i += r - 1;
		else
			return (bad_option(w, argv[i], r, a));
	}
	a->keys = argv;
	a->nkeys = n;
	return (w->check(a));
}

/*
 * spamdb's options: the last of -a and -d counts, and the last of -t, -T and
 * -G.
 */
static int
parse_spamdb(int action, int type, int argc, char **argv, struct args *a)
{
	a->keys = argv;
	a->nkeys = argc;
	a->type = type == 't' ? CTL_T_TRAPPED : type == 'T' ? CTL_T_SPAMTRAP :
	    type == 'G' ? CTL_T_GREY : CTL_T_WHITE;
	if (action == 0) {
		if (type != 0)
			return (EXIT_SPAMDB_USAGE);
		a->type = 0;
		a->command = argc > 0 ? CMD_GET : CMD_DUMP;
		return (0);
	}
	a->command = action == 'a' ? CMD_DB_ADD : CMD_DB_DELETE;
	if (argc == 0) {
		(void)word_error(a, "-%c: no key to %s", action,
		    action == 'a' ? "add" : "delete");
		return (EXIT_SPAMDB_KEYS);
	}
	if (action == 'a' && type == 'G') {
		(void)word_error(a,
		    "a GREY entry cannot be added; only a delivery attempt "
		    "makes one");
		return (EXIT_SPAMDB_KEYS);
	}
	return (0);
}

/*
 * spamdb's options come first.  A first operand that is a word is a command,
 * but not after -a, -d, -t, -T or -G.
 */
int
args_parse(int argc, char **argv, struct args *a)
{
	size_t	i;
	int	ch, action = 0, type = 0;

	memset(a, 0, sizeof(*a));
	if (argc > 1 && (strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "--help") == 0)) {
		a->command = CMD_HELP;
		return (0);
	}
	/* The + keeps the C library from looking for options among keys. */
	while ((ch = getopt(argc, argv, "+adf:GjtT")) != -1) {
		switch (ch) {
		case 'a':
		case 'd':
			action = ch;
			break;
		case 't':
		case 'T':
		case 'G':
			type = ch;
			break;
		case 'f':
			a->file = optarg;
			break;
		case 'j':
			a->json = 1;
			break;
		default:
			return (EXIT_SPAMDB_USAGE);
		}
	}
	argc -= optind;
	argv += optind;
	if (action == 0 && type == 0 && argc > 0) {
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (strcmp(words[i].name, argv[0]) == 0)
				return (parse_word(&words[i], argc - 1,
				    argv + 1, a));
		}
	}
	return (parse_spamdb(action, type, argc, argv, a));
}
