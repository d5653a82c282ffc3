/* spamgreydb: the beginning and the end of the command. */
#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreydb/spamgreydb.h"

/* In the order of the manual. */
static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: spamgreydb [-j] [-f file] [key ...]\n       spamgreydb [-f "
	    "file] -a [-t | -T] key ...\n       spamgreydb [-f file] -d [-G | "
	    "-t | -T] key ...\n       spamgreydb [-f file] list "
	    "[grey|white|trapped|spamtrap] [-j] [address|network]\n       "
	    "spamgreydb [-f file] list -r [-j] [--bad n] [--days n] "
	    "[address|network]\n       spamgreydb [-f file] list --pools [-j] "
	    "[--networks n] [address|network]\n       spamgreydb [-f file] "
	    "learn -s|-h [-j] [-n] < message\n       spamgreydb [-f file] show "
	    "[-j] address\n       spamgreydb [-f file] list|show [-j] "
	    "sender|recipient|@domain\n       spamgreydb [-f file] "
	    "add|whitelist address ... [for time|permanent] [comment text]\n   "
	    "    spamgreydb [-f file] delete "
	    "[grey|white|trapped|spamtrap|repute] address ...\n       "
	    "spamgreydb [-f file] trap address ... [for time|permanent] "
	    "[comment text]\n       spamgreydb [-f file] expire [-j] "
	    "[--clock-ok]\n       spamgreydb [-f file] import [-j] file|-\n    "
	    "   spamgreydb [-f file] export [-j]\n       spamgreydb convert "
	    "[-j] file|- ...\n       spamgreydb spf [-j] [--server "
	    "address[:port]] domain|- ...\n       spamgreydb [-f file] sync "
	    "[-j] [-n] [-e command] [--program path] [user@]host ...\n       "
	    "spamgreydb [-f file] sync --server\n       spamgreydb [-f file] "
	    "stats [-j]\n       spamgreydb [-f file] reload\n       spamgreydb "
	    "[-f file] load [list]\n       spamgreydb [-f file] log "
	    "verbose|brief\n       spamgreydb [-f file] status [-j]\n       "
	    "spamgreydb [-f file] stop\n       spamgreydb help | version\n");
}

/* For the libraries: warnings and errors go to standard error. */
static void
print_log(int priority, const char *line, void *arg)
{
	(void)arg;
	if (priority <= LOG_WARNING)
		out_error("%s", line);
}

/* Warnings about the configuration are the daemon's to report. */
static void
print_config_error(const char *line, void *arg)
{
	(void)arg;
	if (strstr(line, ": warning: ") == NULL)
		fprintf(stderr, "%s\n", line);
}

/*
 * Reads spamgreyd's configuration, for the socket and the directory.  If the
 * default file is missing, the defaults are used; a file that was named must
 * exist.  NULL: reported.
 */
static struct config *
configure(const char *file)
{
	if (file == NULL) {
		if (access(CONF_FILE, F_OK) == -1 && errno == ENOENT)
			return (config_new());
		file = CONF_FILE;
	}
	return (config_parse(file, NULL, 0, print_config_error, NULL));
}

/* Runs a command that needs the database. */
static int
run_command(struct conn *c, const struct args *args, const struct config *conf,
    FILE *fp)
{
	switch (args->command) {
	case CMD_DUMP:
	case CMD_LIST:
	case CMD_EXPORT:
		return (cmd_list(c, args));
	case CMD_GET:
		return (cmd_get(c, args));
	case CMD_DB_ADD:
	case CMD_DB_DELETE:
		return (cmd_spamdb(c, args));
	case CMD_SHOW:
		return (args->mail != NULL ? cmd_show_mail(c, args) :
		    cmd_show(c, args));
	case CMD_STATUS:
		return (cmd_status(c, args));
	case CMD_STOP:
		return (cmd_stop(c, conf));
	case CMD_ADD:
	case CMD_DELETE:
	case CMD_TRAP:
		return (cmd_edit(c, args));
	case CMD_EXPIRE:
		return (cmd_expire(c, args));
	case CMD_REPUTE:
		return (cmd_repute(c, args));
	case CMD_POOLS:
		return (cmd_pools(c, args));
	case CMD_LEARN:
		return (cmd_learn(c, args, conf->hostname));
	case CMD_IMPORT:
		return (cmd_import(c, args, fp));
	case CMD_STATS:
		return (cmd_stats(c, args));
	case CMD_RELOAD:
		return (cmd_reload(c, conf));
	case CMD_LOAD:
	case CMD_LOG:
		return (cmd_daemon(c, args));
	case CMD_HELP:
	case CMD_VERSION:
	case CMD_SPF:			/* run_alone runs these, */
	case CMD_CONVERT:
	case CMD_SYNC:			/* and cmd_sync opens it later */
		break;
	}
	return (1);
}

/*
 * The exit status is a number of failures, which may be more than fit into
 * it.
 */
static int
clamp(int status)
{
	return (status > 255 ? 254 : status);
}

/*
 * Ends as if by SIGPIPE, which is ignored so that the database is closed
 * first.
 */
static void
end_by_pipe(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)raise(SIGPIPE);
}

/* Runs a command that needs neither a daemon nor the database. */
static int
run_alone(const struct args *args)
{
	int	status = 0;

	if (args->command == CMD_HELP)
		usage(stdout);
	else if (args->command == CMD_VERSION)
		printf("spamgreydb: control protocol %d, database records "
		    "%d\n", PROTO_VERSION, ENTRY_VERSION);
	else
		status = args->command == CMD_SPF ? cmd_spf(args, stdin) :
		    cmd_convert(args, stdin);
	if (out_end() == -1)
		status = 1;
	if (out_broken_pipe())
		end_by_pipe();
	return (status);
}

/* What to do without a daemon.  Only a command that writes makes a database. */
static int
how(const struct args *args)
{
	switch (args->command) {
	case CMD_SHOW:
		return (CONN_LISTS);
	case CMD_LEARN:
		return (CONN_LISTS | CONN_MAKE);
	case CMD_DUMP:
	case CMD_GET:
		return (CONN_EMPTY);
	case CMD_DB_ADD:
	case CMD_DB_DELETE:
	case CMD_ADD:
	case CMD_TRAP:
	case CMD_IMPORT:
		return (CONN_MAKE);
	default:
		return (0);
	}
}

/* The exit status without a database: spamdb's lookups find nothing. */
static int
empty(const struct args *args)
{
	return (args->command == CMD_DUMP ? 0 : args->command == CMD_GET ?
	    args->nkeys : 1);
}

/*
 * Tells that there is no daemon.  spamdb's options print nothing that spamdb
 * does not.
 */
static void
say_direct(const struct args *args, const struct config *conf)
{
	switch (args->command) {
	case CMD_LIST:
	case CMD_SHOW:
	case CMD_REPUTE:
	case CMD_POOLS:
	case CMD_EXPORT:
	case CMD_STATS:
		out_error("no daemon; read from %s", conf->statedir);
		break;
	case CMD_ADD:
	case CMD_DELETE:
	case CMD_TRAP:
	case CMD_IMPORT:
		out_error("no daemon; changed in %s", conf->statedir);
		break;
	default:
		break;
	}
}

/*
 * Reads and opens what needs the rights of the user who called, then
 * connects.
 */
int
main(int argc, char **argv)
{
	struct args	 args;
	struct config	*conf;
	struct conn	*c;
	FILE		*fp = NULL;
	int		 status;

	log_std();
	log_init("spamgreydb");
	log_set_sink(print_log, NULL);
	if ((status = args_parse(argc, argv, &args)) != 0) {
		if (args.error[0] != '\0')
			out_error("%s", args.error);
		else
			usage(stderr);
		return (status);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	out_init();
	if (args.command == CMD_SPF || args.command == CMD_CONVERT ||
	    args.command == CMD_HELP || args.command == CMD_VERSION)
		return (run_alone(&args));
	/* Opened as the user who called: without a daemon, root's rights are
	 * dropped in conn_open. */
	if (args.command == CMD_IMPORT) {
		fp = strcmp(args.keys[0], "-") == 0 ? stdin :
		    fopen(args.keys[0], "r");
		if (fp == NULL) {
			out_error("%s: %s", args.keys[0], strerror(errno));
			return (1);
		}
	}
	if (args.command == CMD_LEARN && learn_read(stdin) == -1)
		return (1);
	if ((conf = configure(args.file)) == NULL)
		return (1);
	out_configure(conf);
	if (args.command == CMD_SYNC) {
		c = NULL;
		status = cmd_sync(&args, conf);
	} else {
		if ((c = conn_open(conf, how(&args))) == NULL)
			return (!direct_none() ? 1 : clamp(empty(&args)));
		if (conn_is_direct(c))
			say_direct(&args, conf);
		status = run_command(c, &args, conf, fp);
	}
	if (out_end() == -1)
		status = 1;
	conn_close(c);
	config_free(conf);
	if (out_broken_pipe())
		end_by_pipe();
	return (clamp(status));
}
