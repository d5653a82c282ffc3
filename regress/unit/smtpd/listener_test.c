/* Where a client wanted to go, and what the kernel is asked for that. */
/* LINK: spamgreyd/smtpd */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "regress/lib/tap.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/smtpd/smtpd.h"

static struct child	 child = { .pf = -1 };
static unsigned int	 asked;			/* origdst() */
static struct addr	 got;			/* by it: the local address */
static struct addr	 wanted;		/* of the last connection */
static uint16_t		 wanted_port;
static unsigned int	 accepted;

void
child_fatal(struct child *c, const char *fmt, ...)
{
	(void)c;
	fatalx("%s", fmt);
}

/* A firewall that redirects port 25 of 192.0.2.1. */
int
origdst(int fd, int pf, const struct addr *client, uint16_t cport,
    const struct addr *local, uint16_t lport, struct addr *dst,
    uint16_t *port)
{
	(void)fd;
	(void)pf;
	(void)client;
	(void)cport;
	(void)lport;
	asked++;
	got = *local;
	addr_parse("192.0.2.1", dst);
	*port = 25;
	return (0);
}

static void
on_batch(void)
{
}

static void
on_accepted(struct listener *l, int fd, const struct addr *client,
    uint16_t port)
{
	listener_dst(l, fd, client, port, &wanted, &wanted_port);
	accepted++;
	close(fd);
}

static const struct listener_role role = {
	.name = "test", .batch = on_batch, .accepted = on_accepted
};

/* A client connects to 127.0.0.5; the listener is bound to that address. */
static uint16_t
visit(enum conf_fw fw, const char *bound)
{
	struct listeners	 ls;
	struct config		*conf = config_new(), *none = config_new();
	struct conf_listen	*cl;
	struct addr		 a;
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*sin = (struct sockaddr_in *)&ss;
	socklen_t		 len;
	uint16_t		 port;
	int			 s, on = 1;

	asked = accepted = 0;
	conf->fw = fw;
	if ((cl = calloc(1, sizeof(*cl))) == NULL)
		fatal("listen");
	TAILQ_INSERT_TAIL(&conf->listens, cl, entry);
	addr_parse(bound, &a);
	len = addr_to_sa(&a, 0, &ss);
	cl->fd = socket(ss.ss_family, SOCK_STREAM, 0);
	setsockopt(cl->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(cl->fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(cl->fd, 5) == -1 ||
	    getsockname(cl->fd, (struct sockaddr *)&ss, &len) == -1)
		fatal("listen");
	addr_from_sa((struct sockaddr *)&ss, &cl->addr, &cl->port);
	listeners_init(&ls, &role, &child);
	listeners_configure(&ls, conf, NULL);
	addr_parse("127.0.0.5", &a);
	(void)addr_to_sa(&a, cl->port, &ss);
	if ((s = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(s, (struct sockaddr *)&ss, sizeof(*sin)) == -1)
		fatal("connect");
	listeners_start(&ls);
	listeners_hosts_ready(&ls);
	event_base_loop(child.base, EVLOOP_ONCE);
	listeners_stop(&ls);
	is_int(accepted, 1, "a client is accepted");
	close(s);
	port = cl->port;
	/* Without a configuration of theirs, they are freed. */
	listeners_configure(&ls, none, NULL);
	event_free(ls.pause_ev);
	config_free(none);
	config_free(conf);
	return (port);
}

static void
is_addr(const struct addr *a, const char *want, const char *name)
{
	char	s[ADDR_STRLEN];

	is_str(addr_str(a, s), want, name);
}

int
main(void)
{
	uint16_t	port;

	log_init("test");
	child.base = event_base_new();

	port = visit(FW_NONE, "127.0.0.5");
	is_addr(&wanted, "127.0.0.5", "no firewall: the listener's address");
	is_int(wanted_port, port, "... and port");
	is_int(asked, 0, "... no firewall is asked");

	port = visit(FW_NONE, "0.0.0.0");
	is_addr(&wanted, "127.0.0.5", "of all addresses the client's one");
	is_int(wanted_port, port, "... and port");
	is_int(asked, 0, "... no firewall is asked");

	visit(FW_NFT, "127.0.0.5");
	is_addr(&wanted, "192.0.2.1", "what the firewall tells");
	is_int(wanted_port, 25, "... and its port");
	is_int(asked, 1, "... is asked for");
	is_addr(&got, "127.0.0.5", "... with the socket's address");
	return (done());
}
