/*
 * A host's name with a name server (dnsd.pl): confirmed, forged, missing,
 * invalid, or too late; and what a valid hostname is.
 */
/* LIBS: -levent_core -lcares */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/clock.h"
#include "lib/dns/rdns.h"
#include "regress/lib/tap.h"

#define R	".2.0.192.in-addr.arpa"
static const char table[] =
    "1" R " PTR 300 mx.example.test\n"
    "mx.example.test A 300 192.0.2.1\n"
    "2" R " PTR 300 mx.example.test\n"
    "3" R " PTR 300 gone.example.test\n"
    "4" R " PTR 300 bad!name.test\n"
    "5" R " PTR 300 many.example.test\n"
    "many.example.test A 300 192.0.2.77\n"
    "many.example.test A 300 192.0.2.5\n"
    "6" R " servfail\n"
    "7" R " drop\n"
    "8" R " PTR 300 silent.example.test\n"
    "silent.example.test drop\n"
    "9" R " PTR 300 192.0.2.9\n"
    "10" R " PTR 300 six.example.test\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    " PTR 300 six.example.test\n"
    "six.example.test AAAA 300 2001:db8::1\n";

static struct event_base	*base;
static char			 dir[] = "/tmp/rdns_test.XXXXXX";
static pid_t			 server;
static unsigned int		 answers;
static enum rdns_status		 status;
static char			 name[DNS_NAME_MAX + 1];

static void
answered(enum rdns_status st, const char *text, void *arg)
{
	(void)arg;
	status = st;
	snprintf(name, sizeof(name), "%s", text);
	answers++;
	event_base_loopbreak(base);
}

/* "STATUS name" */
static const char *
who(const char *address, int64_t ms)
{
	static char	 text[300];
	struct addr	 a;
	unsigned int	 before = answers;

	if (addr_parse(address, &a) == -1 ||
	    rdns_ask(&a, ms, answered, NULL) == NULL)
		return ("not asked");
	if (answers != before)
		return ("from inside");
	event_base_dispatch(base);
	snprintf(text, sizeof(text), "%s %s", rdns_status_str(status), name);
	return (answers == before + 1 ? text : "more than one answer");
}

/* Questions that reached the server. */
static unsigned int
asked(void)
{
	char		 line[400];
	unsigned int	 n = 0;
	FILE		*f = fopen("asked", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n++;
	if (f != NULL)
		fclose(f);
	return (n);
}

static void
test_answers(void)
{
	unsigned int	before;

	is_str(who("192.0.2.1", 20000), "OK mx.example.test", "a name");
	before = asked();
	is_str(who("192.0.2.1", 20000), "OK mx.example.test", "again");
	is_int(asked(), before, "from the cache");
	is_str(who("192.0.2.2", 20000), "FORGED mx.example.test",
	    "a name of somebody else's");
	is_str(who("192.0.2.3", 20000), "FORGED gone.example.test",
	    "a name that is none");
	is_str(who("192.0.2.4", 20000), "FAIL ", "not a hostname");
	is_str(who("192.0.2.9", 20000), "FAIL ", "an address is no name");
	is_str(who("192.0.2.5", 20000), "OK many.example.test",
	    "one of several addresses");
	is_str(who("192.0.2.99", 20000), "FAIL ", "no name");
	is_str(who("2001:db8::1", 20000), "OK six.example.test", "IPv6");
	is_str(who("192.0.2.10", 20000), "FORGED six.example.test",
	    "the other family's address is none");
	is_str(who("192.0.2.6", 20000), "TEMP ", "SERVFAIL");
	is_str(who("192.0.2.7", 100), "TEMP ", "silence");
	is_str(who("192.0.2.8", 1000), "TEMP silent.example.test",
	    "silence about the name");
}

/* In each of its two questions. */
static void
test_cancel(void)
{
	struct rdns_query	*q;
	struct addr		 a;
	unsigned int		 before = answers;

	(void)addr_parse("192.0.2.7", &a);
	if ((q = rdns_ask(&a, 60000, answered, NULL)) == NULL)
		ok(0, "asked");
	event_base_loop(base, EVLOOP_NONBLOCK);
	rdns_cancel(q);
	(void)addr_parse("192.0.2.8", &a);	/* (its PTR is known) */
	q = rdns_ask(&a, 60000, answered, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	rdns_cancel(q);
	rdns_cancel(NULL);
	is_str(who("192.0.2.1", 20000), "OK mx.example.test", "another");
	is_int(answers, before + 1, "who was cancelled has no answer");
}

static void
test_hostname(void)
{
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a b",
		"a\tb", "a\nb", "-a.test", "a-.test", "a.test-", "a!b", "a.b..",
		"192.0.2.1", "1", "a.1", "x@y", "a/b", "\xc3\xa4.test", "a\\.b",
		"[192.0.2.1]", "a:b", "(x)", "a;b", NULL };
	char	dst[DNS_NAME_MAX + 1], text[300];
	size_t	i;

	for (i = 0; bad[i] != NULL; i++) {
		is_int(rdns_hostname(bad[i], dst), -1, "not a hostname");
		is_str(dst, "", "and nothing of it");
	}
	is_int(rdns_hostname("Mail-1.exa_mple.TEST.", dst), 0, "a hostname");
	is_str(dst, "Mail-1.exa_mple.TEST", "without the last dot");
	is_int(rdns_hostname("1.2.3.4.xn--p1ai", dst), 0, "numbers in it");
	is_int(rdns_hostname("localhost", dst), 0, "one label");
	memset(text, 'a', sizeof(text));
	memcpy(text + 64, ".test", 6);
	is_int(rdns_hostname(text, dst), -1, "a label of 64");
	is_int(rdns_hostname(text + 1, dst), 0, "one of 63");
	for (i = 0; i < 254; i++)
		text[i] = i % 50 == 49 ? '.' : 'a';
	text[254] = '\0';
	is_int(rdns_hostname(text, dst), -1, "254 octets");
	is_int(rdns_hostname(text + 1, dst), 0, "253");
}

static uint16_t
free_port(void)
{
	struct sockaddr_in	sin;
	socklen_t		len = sizeof(sin);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		exit(1);
	close(fd);
	return (ntohs(sin.sin_port));
}

/* Ready when it says so. */
static void
server_start(uint16_t port, const char *top)
{
	char	 script[1200], text[16];
	int	 p[2];
	FILE	*f = fopen("table", "w");

	if (f == NULL || fputs(table, f) == EOF || fclose(f) == EOF ||
	    pipe(p) == -1)
		exit(1);
	snprintf(script, sizeof(script), "%s/regress/lib/dnsd.pl", top);
	snprintf(text, sizeof(text), "%u", port);
	if ((server = fork()) == 0) {
		dup2(p[1], 1);
		close(p[0]);
		execlp("perl", "perl", script, text, "table", "asked", NULL);
		_exit(1);
	}
	close(p[1]);
	if (read(p[0], text, sizeof(text)) < 5) {
		printf("Bail out! no name server\n");
		exit(1);
	}
	close(p[0]);
}

int
main(void)
{
	struct addr	a;
	uint16_t	port = free_port();
	char		top[1024], servers[40];

	alarm(120);
	if (getcwd(top, sizeof(top)) == NULL || mkdtemp(dir) == NULL ||
	    chdir(dir) == -1)
		return (1);
	(void)addr_parse("192.0.2.1", &a);
	ok(rdns_ask(&a, 1000, answered, NULL) == NULL,
	    "without a name server nobody is asked");
	test_hostname();
	server_start(port, top);
	base = event_base_new();
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", port);
	is_int(dns_init(base, servers), 0, "a name server");
	test_answers();
	test_cancel();
	dns_free();
	event_base_free(base);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	unlink("table");
	unlink("asked");
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
