/*
 * The command line of spamgreyd(8): checking a configuration (-n), reading a
 * capture (-r), running as a child (-x), and otherwise the daemon.
 *
 * The parent executes this program again for each child, with -x and the name
 * of the role, so that a child has its own address space.  The socket to the
 * parent is then descriptor 3, and everything else that it needs comes over it.
 */
#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/list/lists.h"
#include "spamgreyd/runner/conf.h"
#include "spamgreyd/fw/fw.h"
#include "spamgreyd/list/job.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/conf/conf.h"
#include "spamgreyd/parent/parent.h"
#include "spamgreyd/track/track.h"

#define DEFINES_MAX	64		/* -D */

/*
 * Ends the program with that exit status: 0 for -h, 2 for a wrong command line.
 */
static void __attribute__((__noreturn__))
usage(FILE *to, int status)
{
	fprintf(to,
	    "usage: spamgreyd [-dnv] [-D name=value] [-f file] "
	    "[-r capture]\n");
	exit(status);
}

/* Prints a complaint about the configuration to standard error. */
static void
report(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

/*
 * Finds the file of this program for execv(2): argv[0] if it has a slash,
 * otherwise by PATH.  The caller owns the string.  NULL with errno.
 */
static char *
find_program(const char *argv0)
{
	const char	*path, *end;
	char		 name[PATH_MAX];

	if (strchr(argv0, '/') != NULL)
		return (realpath(argv0, NULL));
	for (path = getenv("PATH"); path != NULL && *path != '\0';
	    path = *end == ':' ? end + 1 : end) {
		end = path + strcspn(path, ":");
		if (snprintf(name, sizeof(name), "%.*s/%s",
		    (int)(end - path), path, argv0) < (int)sizeof(name) &&
		    access(name, X_OK) == 0)
			return (realpath(name, NULL));
	}
	return (NULL);
}

/* Parses -D name=value.  text is changed, and must live as long as d. */
static void
define(struct conf_define *d, char *text)
{
	char	*eq;

	if ((eq = strchr(text, '=')) == NULL || eq == text) {
		fprintf(stderr, "spamgreyd: -D %s: name=value is needed\n",
		    text);
		exit(2);
	}
	*eq = '\0';
	d->name = text;
	d->value = eq + 1;
}

/*
 * -x NAME: this process is a child of the daemon.  The process that reads lists
 * is not among the roles: it lives for one job.  Returns the exit status.
 */
static int
child(const char *name)
{
	unsigned int	r;

	if (strcmp(name, "list") == 0)
		return (list_job_main());
	for (r = ROLE_PARENT + 1; r < ROLE_MAX; r++)
		if (roles[r] != NULL && strcmp(roles[r]->name, name) == 0)
			return (child_main(r));
	usage(stderr, 2);
}

/*
 * -n: reports what is wrong, or with -v prints how the configuration was
 * understood.  Certificates, keys and lists are read too.  Returns the exit
 * status.
 */
static int
check(const char *file, const struct conf_define *defines, size_t ndefines,
    int verbose)
{
	struct config	*conf;

	if ((conf = config_parse(file, defines, ndefines, report, NULL)) ==
	    NULL || config_load(conf, report, NULL) == -1 ||
	    tls_check(conf, report, NULL) == -1 ||
	    sync_key_load(conf, report, NULL) == -1) {
		config_free(conf);
		return (1);
	}
	if (verbose)
		config_print(conf);
	else {
		fw_check(conf);
		fprintf(stderr, "configuration OK\n");
	}
	config_free(conf);
	return (0);
}

/*
 * -x ends the parsing of options: a child gets nothing else on its command
 * line.
 */
int
main(int argc, char **argv, char **envp)
{
	static struct conf_define	 defines[DEFINES_MAX];
	const char			*file = CONF_FILE, *capture = NULL;
	char				*absolute, *program;
	size_t				 ndefines = 0;
	int				 ch, foreground = 0, only = 0;
	int				 verbose = 0;

	log_std();		/* to standard error until there is a daemon */
	conf_use_modules(conf_module_split_full);
	os_init(argc, argv, envp);
	if (argc > 1 && (strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "--help") == 0))
		usage(stdout, 0);
	while ((ch = getopt(argc, argv, "D:df:nr:vx:")) != -1)
		switch (ch) {
		case 'D':
			if (ndefines == DEFINES_MAX)
				usage(stderr, 2);
			define(&defines[ndefines++], optarg);
			break;
		case 'd':
			foreground = 1;
			break;
		case 'f':
			file = optarg;
			break;
		case 'n':
			only = 1;
			break;
		case 'r':
			capture = optarg;
			break;
		case 'v':
			verbose = 1;
			break;
		case 'x':
			return (child(optarg));
		default:
			usage(stderr, 2);
		}
	if (optind != argc)
		usage(stderr, 2);
	if (only)
		return (check(file, defines, ndefines, verbose));
	if (capture != NULL)
		return (track_replay(file, defines, ndefines, capture));
	/* Absolute, since the children are executed after a change to /. */
	if ((program = find_program(argv[0])) == NULL) {
		fprintf(stderr, "spamgreyd: %s: cannot find its own program "
		    "file: %s\n", argv[0], strerror(errno));
		return (1);
	}
	/* Absolute too: daemon(3) changes to /, and a reload opens it again. */
	if ((absolute = realpath(file, NULL)) == NULL) {
		fprintf(stderr, "spamgreyd: configuration file %s: %s\n",
		    file, strerror(errno));
		return (1);
	}
	return (parent_main(program, absolute, defines, ndefines,
	    foreground, verbose));
}
