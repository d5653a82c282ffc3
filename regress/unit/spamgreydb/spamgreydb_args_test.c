/*
 * The command line of spamgreydb: spamdb's options with spamdb's exit status,
 * and the commands with theirs.
 */
/* LINK: spamgreydb */
#include <unistd.h>

#include "lib/base/hosts.h"
#include "spamgreydb/spamgreydb.h"
#include "regress/lib/tap.h"

static struct args	a;

#define LINES	200

/* The arguments behind the program's name, separated by blanks.  They stay
 * where they are: getopt keeps a pointer into the last of them. */
static int
parse(const char *line)
{
	static char	*argv[32], lines[LINES][256], name[] = "spamgreydb";
	static int	 n;
	char		*p = lines[n];
	int		 argc = 0;

	if (n == LINES || strlen(line) >= sizeof(lines[0]))
		abort();
	strcpy(lines[n++], line);
	argv[argc++] = name;
	while ((argv[argc] = strsep(&p, " ")) != NULL) {
		if (argv[argc][0] != '\0')
			argc++;
	}
	optind = 1;
	opterr = 0;
	return (args_parse(argc, argv, &a));
}

static void
learn(void)
{
	is_int(parse("list -r"), 0, "list -r");
	ok(a.command == CMD_REPUTE && a.bad == 0 && a.days == 0 &&
	    a.within.len == 0, "all of them");
	is_int(parse("list --bad 5 192.0.2.0/24 -j --days 30 -r"), 0,
	    "with everything, in any order");
	ok(a.command == CMD_REPUTE && a.bad == 5 && a.days == 30 && a.json &&
	    a.within.len == 120, "and understood");
	is_int(parse("list --bad 5"), 2, "--bad without -r");
	is_int(parse("list -r --bad"), 2, "--bad of nothing");
	is_int(parse("list -r --bad 0"), 2, "--bad 0");
	is_int(parse("list -r --bad -1"), 2, "--bad -1");
	is_int(parse("list -r --days 5x"), 2, "--days 5x");
	is_str(a.error, "list: --days: not a number from 1 to 36500",
	    "which it says");
	is_int(parse("list -r --days 36501"), 2, "too many days");
	is_int(parse("list -r --bad=7 --days=9"), 0, "--bad=7 --days=9");
	ok(a.bad == 7 && a.days == 9, "are understood");
	is_int(parse("list -r --bad="), 2, "--bad= of nothing");
	is_int(parse("list -r --bad=0"), 2, "--bad=0");
	is_int(parse("list -r --badly 3"), 2, "--badly");
	is_str(a.error, "list: unknown option --badly", "is no option");
	is_int(parse("list -r white"), 2, "list -r has no types");
	is_int(parse("list repute"), 2, "repute is no type of list");
	ok(strstr(a.error, "list -r") != NULL, "and what is meant is said");
	is_int(parse("export -r"), 2, "-r is of list");
	is_int(parse("delete repute 192.0.2.1"), 0, "delete repute");
	ok(a.command == CMD_DELETE && a.type == CTL_T_REPUTE && a.nkeys == 1,
	    "and nothing else of it");

	is_int(parse("learn -s"), 0, "learn -s");
	ok(a.command == CMD_LEARN && a.verdict == 's' && !a.dry, "is spam");
	is_int(parse("learn -n -j -h -h"), 0, "learn -h, dry");
	ok(a.verdict == 'h' && a.dry && a.json, "is not spam");
	is_int(parse("learn"), 2, "learn what?");
	is_int(parse("learn -sn"), 0, "learn -sn");
	ok(a.verdict == 's' && a.dry && !a.json, "two in one word");
	is_int(parse("learn -jnh"), 0, "learn -jnh");
	ok(a.verdict == 'h' && a.dry && a.json, "three");
	is_int(parse("learn -s -h"), 2, "both");
	ok(strstr(a.error, "either -s") != NULL, "which it says");
	is_int(parse("learn -hsh"), 2, "both, in one word");
	is_int(parse("learn -sx"), 2, "an unknown one among them");
	is_int(parse("learn --s"), 2, "not with two dashes");
	is_int(parse("learn -b"), 2, "relaydb's -b");
	ok(strstr(a.error, "-s for relaydb's -b") != NULL, "is explained");
	is_int(parse("learn -s file"), 2, "a file");
	is_int(parse("learn -x"), 2, "an unknown option");
	is_int(parse("list -s"), 2, "-s is of learn");
}

static void
bulk(void)
{
	is_int(parse("sync mx2.example.org"), 0, "sync");
	ok(a.command == CMD_SYNC && a.nkeys == 1 && a.rsh == NULL &&
	    a.program == NULL && !a.dry && !a.answer, "by ssh");
	is_int(parse("sync -e /bin/rsh root@a -n -j b --program /opt/s/x"), 0,
	    "with everything, in any order");
	ok(a.nkeys == 2 && strcmp(a.rsh, "/bin/rsh") == 0 && a.dry && a.json &&
	    strcmp(a.program, "/opt/s/x") == 0, "and understood");
	is_int(parse("sync --server"), 0, "sync --server");
	ok(a.answer && a.nkeys == 0, "the other side");
	is_int(parse("sync --server a"), 2, "which asks nobody");
	is_int(parse("sync --server -n"), 2, "and decides nothing");
	is_int(parse("sync"), 2, "with whom?");
	is_int(parse("sync -- -oProxyCommand=x"), 2, "an option of ssh");
	is_int(parse("sync a;b"), 2, "a shell's");
	is_int(parse("sync a --program $x"), 2, "also there");
	is_int(parse("sync a --program -x"), 2, "nor an option");
	is_int(parse("sync [2001:db8::1] a_b%eth0"), 0, "odd names");
	is_int(parse("export -e x"), 2, "-e is of sync");
}

static void
terms(void)
{
	is_int(parse("add 192.0.2.1 192.0.2.2 for 7d comment x"), 0, "add for");
	ok(a.nkeys == 2 && a.lasting == 7 * 86400 &&
	    strcmp(a.comment, "x") == 0, "a week, and why");
	is_int(parse("trap comment why 192.0.2.1"), 2, "terms come last");
	is_int(parse("trap 192.0.2.1 comment why permanent"), 0, "permanent");
	ok(a.nkeys == 1 && a.lasting == HOST_FOREVER, "for ever");
	is_int(parse("add 192.0.2.1"), 0, "neither");
	ok(a.lasting == 0 && a.comment == NULL, "as usual");
	is_int(parse("add for 7d"), 2, "no address");
	is_int(parse("add 192.0.2.1 for"), 2, "for nothing");
	is_int(parse("add 192.0.2.1 for 7"), 2, "a time without a unit");
	is_int(parse("add 192.0.2.1 for 0d"), 2, "no time");
	is_int(parse("add 192.0.2.1 for -1d"), 2, "a time before");
	is_int(parse("add 192.0.2.1 for 3651d"), 2, "more than ten years");
	is_int(parse("add 192.0.2.1 for 521w"), 0, "ten years in weeks");
	is_int(parse("add 192.0.2.1 for 99999999999999999w"), 2, "a long one");
	is_int(parse("add 192.0.2.1 for 7d permanent"), 2, "one or the other");
	ok(strstr(a.error, "permanent") != NULL, "which it names");
	is_int(parse("add 192.0.2.1 comment"), 2, "a comment that is none");
	is_int(parse("add 192.0.2.1 comment a comment b"), 2, "two comments");
	is_int(parse("trap a@example.org for 7d"), 2, "a spamtrap has no time");
	is_int(parse("trap a@example.org comment why"), 0, "but a comment");
	is_int(parse("delete 192.0.2.1 for 7d"), 2, "delete has no terms");
}

static void
spamdb(void)
{
	is_int(parse(""), 0, "no argument");
	is_int(a.command, CMD_DUMP, "is the dump");
	is_int(parse("192.0.2.1 a@example.org"), 0, "keys");
	is_int(a.command, CMD_GET, "are looked up");
	is_int(a.nkeys, 2, "both of them");
	is_int(parse("-a 192.0.2.1"), 0, "-a key");
	ok(a.command == CMD_DB_ADD && a.type == CTL_T_WHITE, "adds WHITE");
	is_int(parse("-a -t -T x@example.org"), 0, "two types");
	is_int(a.type, CTL_T_SPAMTRAP, "the last type counts");
	is_int(parse("-d -a -T -t 192.0.2.1"), 0, "two actions");
	ok(a.command == CMD_DB_ADD && a.type == CTL_T_TRAPPED,
	    "the last action counts");
	is_int(parse("-adG 192.0.2.1"), 0, "options in one word");
	ok(a.command == CMD_DB_DELETE && a.type == CTL_T_GREY, "-adG is -d -G");
	is_int(parse("-G -a 192.0.2.1"), 2, "-G -a is 2");
	ok(a.error[0] != '\0', "and says why");
	is_int(parse("-G -t -a 192.0.2.1"), 0, "-G -t -a adds");
	is_int(a.type, CTL_T_TRAPPED, "TRAPPED");
	is_int(parse("-t"), 1, "-t alone is a usage error, 1");
	is_str(a.error, "", "which shows the usage");
	is_int(parse("-T"), 1, "-T alone");
	is_int(parse("-G 192.0.2.1"), 1, "-G with a key but no action");
	is_int(parse("-a"), 2, "-a without keys is 2");
	is_int(parse("-d -t"), 2, "-d -t without keys is 2");
	is_int(parse("-x"), 1, "an unknown option is a usage error");
	is_int(parse("-a 192.0.2.1 -t"), 0, "an option behind a key");
	is_int(a.nkeys, 2, "is a key, as in spamdb");
	is_int(a.type, CTL_T_WHITE, "and no option");
	is_int(parse("-a list"), 0, "a word behind -a");
	is_int(a.command, CMD_DB_ADD, "is a key");
}

static void
global(void)
{
	is_int(parse("-f /etc/x.conf"), 0, "-f");
	is_str(a.file, "/etc/x.conf", "its file");
	is_int(a.command, CMD_DUMP, "and the dump");
	is_int(parse("-f"), 1, "-f without a file");
	is_int(parse("-j"), 0, "-j");
	ok(a.json && a.command == CMD_DUMP, "the dump in JSON");
	is_int(parse("-f x -a -t 192.0.2.1"), 0, "-f with -a");
	ok(a.command == CMD_DB_ADD && a.file != NULL, "both are seen");
}

static void
list(void)
{
	struct prefix	p;

	is_int(parse("list"), 0, "list");
	ok(a.command == CMD_LIST && a.type == 0 && a.within.len == 0,
	    "everything");
	is_int(parse("list white -j 192.0.2.0/24"), 0, "list, type and -j");
	is_int(a.type, CTL_T_WHITE, "its type");
	ok(a.json, "JSON");
	(void)prefix_parse("192.0.2.0/24", &p);
	ok(memcmp(&p, &a.within, sizeof(p)) == 0, "its network");
	is_int(parse("-j list 2001:db8::1 -j"), 0, "list of an address");
	is_int(a.within.len, 128, "a whole address");
	is_int(parse("list 192.0.2.1/24"), 2, "bits behind the prefix: 2");
	ok(strstr(a.error, "192.0.2.1/24") != NULL, "the message names it");
	is_int(parse("list whit"), 2, "an unknown type: 2");
	is_int(parse("list grey 192.0.2.1 192.0.2.2"), 2, "two addresses: 2");
	is_int(parse("list -x"), 2, "an unknown option of a word: 2");
}

static void
edits(void)
{
	is_int(parse("add 192.0.2.1 2001:db8::1"), 0, "add");
	ok(a.command == CMD_ADD && a.nkeys == 2, "two addresses");
	is_int(parse("whitelist 192.0.2.1"), 0, "whitelist");
	is_int(a.command, CMD_ADD, "is add");
	is_int(parse("add"), 2, "add nothing: 2");
	is_int(parse("add 192.0.2.0/24"), 2, "add a network: 2");
	is_int(parse("add 192.0.2.1 a@example.org"), 2,
	    "add with one that is no address: 2, before anything is done");
	is_int(parse("delete white 192.0.2.1"), 0, "delete by type");
	ok(a.type == CTL_T_WHITE && a.nkeys == 1, "the type is no key");
	is_int(parse("delete a@example.org 192.0.2.1"), 0, "delete both kinds");
	is_int(a.type, 0, "of any type");
	is_int(parse("delete grey"), 2, "delete a type: 2");
	is_int(parse("trap 192.0.2.1 a@example.org"), 0, "trap both kinds");
	is_int(parse("trap word"), 2, "trap a word: 2");
	is_int(parse("trap a@"), 2, "trap an empty domain: 2");
	is_int(parse("trap -- -x@example.org"), 0, "-- ends the options");
	is_str(a.keys[0], "-x@example.org", "its key");
}

static void
others(void)
{
	is_int(parse("show 192.0.2.1 -j"), 0, "show");
	ok(a.command == CMD_SHOW && a.json, "in JSON");
	is_int(parse("show"), 2, "show nothing: 2");
	is_int(parse("show example.org"), 2, "show a name: 2");
	is_int(parse("expire"), 0, "expire");
	is_int(a.clock_ok, 0, "by the clock's rule");
	is_int(parse("expire --clock-ok"), 0, "expire --clock-ok");
	is_int(a.clock_ok, 1, "overrides it");
	is_int(parse("stats --clock-ok"), 2, "which is expire's alone");
	is_int(parse("expire 192.0.2.1"), 2, "expire an address: 2");
	is_int(parse("import -"), 0, "import -");
	is_str(a.keys[0], "-", "is standard input");
	is_int(parse("import"), 2, "import nothing: 2");
	is_int(parse("import a b"), 2, "import two files: 2");
	is_int(parse("export -j"), 0, "export");
	is_int(parse("stats"), 0, "stats");
	is_int(parse("reload"), 0, "reload");
	is_int(parse("reload now"), 2, "reload now: 2");
	is_int(parse("load"), 0, "load");
	is_int(parse("load list"), 0, "load of one");
	is_int(parse("load two lists"), 2, "load of two: 2");
	is_int(parse("log verbose"), 0, "log verbose");
	is_int(a.verbose, 1, "is 1");
	is_int(parse("log brief"), 0, "log brief");
	is_int(a.verbose, 0, "is 0");
	is_int(parse("log loud"), 2, "log loud: 2");
	is_int(parse("lst"), 0, "a word that is none");
	is_int(a.command, CMD_GET, "is a key, as in spamdb");
}

int
main(void)
{
	learn();
	terms();
	bulk();
	spamdb();
	global();
	list();
	edits();
	others();
	return (done());
}
