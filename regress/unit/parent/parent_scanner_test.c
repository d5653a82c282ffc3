/*
 * Which unix sockets the parent connects to for pass: only those of the
 * module's block in its own configuration, by their number there.  It never
 * waits for one.
 */
/* LINK: spamgreyd/parent */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spamgreyd/parent/parent.h"
#include "regress/lib/tap.h"

static char		 dir[] = "/tmp/parent_scanner_test.XXXXXX";
static struct parent	 parent;

/* (of a file for each system; it is not called here) */
int
os_socket_transparent(int family)
{
	(void)family;
	abort();
}

static void
option(struct conf_module *m, const char *keyword, const char *value)
{
	struct conf_option	*o = conf_option_new(m, NULL, keyword);

	if (o == NULL || (value != NULL &&
	    conf_option_add(o, value, 1) == -1))
		exit(1);
}

static int
listener(const char *path, int backlog)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, backlog) == -1)
		exit(1);
	return (fd);
}

/* 0: connected; else errno. */
static int
ask(const char *module, unsigned int server)
{
	int	fd, error;

	errno = 0;
	fd = open_scanner(&parent, module, server);
	error = errno;
	if (fd == -1)
		return (error == 0 ? -1 : error);
	error = (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 ||
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0 ? -1 : 0;
	close(fd);
	return (error);
}

int
main(void)
{
	struct conf_module	*m;
	char			 there[100], absent[100], lost[100], lng[200];
	int			 a, b, i, error = 0, held[64];

	alarm(60);
	if (mkdtemp(dir) == NULL || (parent.conf = config_new()) == NULL)
		return (1);
	snprintf(there, sizeof(there), "%s/there", dir);
	snprintf(absent, sizeof(absent), "%s/absent", dir);
	snprintf(lost, sizeof(lost), "%s/lost", dir);
	memset(lng, 'x', sizeof(lng) - 1);
	lng[0] = '/';
	lng[sizeof(lng) - 1] = '\0';
	is_int(ask("clamav", 0), EPERM, "there is no pass block");
	if ((parent.conf->pass = conf_pass_new()) == NULL ||
	    (m = conf_module_new("clamav")) == NULL)
		return (1);
	TAILQ_INSERT_TAIL(&parent.conf->pass->modules, m, entry);
	option(m, "timeout", "5s");
	option(m, "socket", absent);		/* 0 */
	option(m, "server", "127.0.0.1");	/* 1 */
	option(m, "tries", "2");
	option(m, "socket", there);		/* 2 */
	option(m, "socket", "relative");	/* 3 */
	option(m, "socket", lng);		/* 4 */
	option(m, "socket", NULL);		/* 5 */
	option(m, "socket", lost);		/* 6 */
	a = listener(there, 16);
	close(listener(lost, 16));
	is_int(ask("clamav", 2), 0, "one that stands there");
	is_int(ask("clamav", 0), ENOENT, "one where nobody has made it yet");
	is_int(ask("clamav", 6), ECONNREFUSED, "one that nobody listens to");
	is_int(ask("clamav", 1), EPERM, "a server is no socket");
	is_int(ask("clamav", 3), EPERM, "a path that is relative");
	is_int(ask("clamav", 4), ENAMETOOLONG, "one that is too long");
	is_int(ask("clamav", 5), EPERM, "none at all");
	is_int(ask("clamav", 7), EPERM, "a number too many");
	is_int(ask("clamav", 65535), EPERM, "far too many");
	is_int(ask("spamassassin", 0), EPERM, "a module that is not there");
	close(a);
	unlink(there);
	b = listener(there, 1);
	is_int(ask("clamav", 2), 0, "made anew");
	for (i = 0; i < 64; i++)
		if ((held[i] = open_scanner(&parent, "clamav", 2)) == -1) {
			error = errno;
			break;
		}
	is_int(error, EAGAIN, "a full backlog is said, not waited for");
	while (i-- > 0)
		close(held[i]);
	close(b);
	config_free(parent.conf);
	unlink(there);
	unlink(lost);
	if (rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
