/*
 * front_driver: the front role under the orders of standard input, one a
 * line; each is answered by "ok" once its effect is there.  What front logs
 * and what it tells store and pass is printed as "log …", "store …", "pass …".  The clock
 * stands unless it is told to advance (or its wall clock to jump).  run.t speaks to it.
 */
/* LINK: spamgreyd/front spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "regress/lib/barrier.h"
#include "regress/lib/pass_fixture.h"

struct setting {
	const char	*name;
	enum { NUM8, NUM32, NUM64, NUMI, TEXT } kind;
	size_t		 off;
};
#define S(name, kind, field)	{ name, kind, offsetof(struct config, field) }
static const struct setting settings[] = {
	S("hostname", TEXT, hostname), S("contact", TEXT, contact),
	S("grey-reply", TEXT, grey_reply),
	S("trap-message", TEXT, trap_message),
	S("trap-reply", NUMI, trap_reply),
	S("stutter-ms", NUM64, stutter_ms),
	S("stutter-grey", NUM64, stutter_grey),
	S("message-size", NUM64, limit.message_size),
	S("connections", NUM32, limit.connections),
	S("per-host", NUM32, limit.per_host),
	S("per-network", NUM32, limit.per_network),
	S("tls", NUM32, limit.tls),
	S("bad-commands", NUM32, limit.bad_commands),
	S("line", NUM32, limit.line), S("recipients", NUM32, limit.recipients),
	S("idle", NUM64, limit.idle), S("idle-stress", NUM64, limit.idle_stress),
	S("session-grey", NUM64, limit.session_grey),
	S("session-trapped", NUM64, limit.session_trapped),
	S("admit-ip4", NUM8, grey.admit.ip4),
	S("match-ip4", NUM8, grey.match.ip4),
	S("network-ip4", NUM8, limit.network.ip4),
	S("tls-per-network", NUM32, limit.tls_per_network),
	S("local-routes", NUMI, local_routes),
	S("handover", NUMI, handover), S("firewall", NUMI, fw)
};

static struct config	*next;		/* being made by the orders */
static unsigned int	 nlisten, nlists;
static struct addrset_build *builds[ADDRSET_LISTS_MAX];
static char		 pending[65536];
static size_t		 npending;
static char		 held_to[64];

static void
say(const char *line)
{
	/* of store_busy() */
	if (strcmp(line, "VISIT 192.0.2.1") == 0)
		return;
	printf("store %s\n", line);
	fflush(stdout);
}

static void
say_pass(const char *line)
{
	printf("pass %s\n", line);
	fflush(stdout);
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)arg;
	printf("log %d %s\n", priority, line);
	fflush(stdout);
}

static void
die(const char *what)
{
	printf("fatal %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
order_set(const char *name, const char *value)
{
	size_t	i;
	void	*p;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			break;
	if (i == sizeof(settings) / sizeof(settings[0]))
		die(name);
	p = (char *)next + settings[i].off;
	switch (settings[i].kind) {
	case NUM8:
		*((uint8_t *)next + settings[i].off) = (uint8_t)atoi(value);
		break;
	case NUM32:
		*(uint32_t *)p = (uint32_t)atol(value);
		break;
	case NUM64:
		*(int64_t *)p = atoll(value);
		break;
	case NUMI:
		*(int *)p = atoi(value);
		break;
	case TEXT:
		free(*(char **)p);
		*(char **)p = strdup(value);
		break;
	}
}

static uint8_t *
slurp(const char *file, size_t *len)
{
	struct stat	st;
	uint8_t		*p = NULL;
	int		fd;

	if ((fd = open(file, O_RDONLY)) == -1 || fstat(fd, &st) == -1 ||
	    (p = malloc((size_t)st.st_size + 1)) == NULL ||
	    read(fd, p, (size_t)st.st_size) != st.st_size)
		die(file);
	close(fd);
	*len = (size_t)st.st_size;
	return (p);
}

static struct conf_tls *
load_cert(const char *cert, const char *key)
{
	struct conf_tls	*t = calloc(1, sizeof(*t));

	t->cert_file = strdup(cert);
	t->key_file = strdup(key);
	t->cert = slurp(cert, &t->cert_len);
	t->key = slurp(key, &t->key_len);
	return (t);
}

/* listen ADDRESS [lowmx] [notls]: a port of the system's choice. */
static void
order_listen(char *arg)
{
	struct conf_listen	*l = calloc(1, sizeof(*l));
	char			*addr = strsep(&arg, " "), *word;

	if (addr_parse(addr, &l->addr) == -1)
		die(addr);
	while ((word = strsep(&arg, " ")) != NULL) {
		if (strcmp(word, "lowmx") == 0)
			l->low_priority_mx = 1;
		if (strcmp(word, "notls") == 0)
			l->no_tls = 1;
	}
	l->id = ++nlisten;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&next->listens, l, entry);
}

/* list black|white NAME REPLY PREFIX MESSAGE…; a name twice: one more prefix */
static void
order_list(char *arg)
{
	struct conf_list	*l;
	struct prefix		 p;
	char			*kind = strsep(&arg, " ");
	char			*name = strsep(&arg, " ");
	char			*code = strsep(&arg, " ");
	char			*prefix = strsep(&arg, " ");

	if (prefix == NULL || prefix_parse(prefix, &p) == -1)
		die("list");
	TAILQ_FOREACH(l, &next->lists, entry)
		if (strcmp(l->name, name) == 0)
			break;
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		TAILQ_INIT(&l->except);
		l->kind = strcmp(kind, "white") == 0 ? LIST_WHITE : LIST_BLACK;
		l->name = strdup(name);
		l->reply = atoi(code);
		l->message = arg == NULL ? NULL : strdup(arg);
		l->index = nlists++;
		builds[l->index] = addrset_build_new();
		TAILQ_INSERT_TAIL(&next->lists, l, entry);
	}
	if (addrset_build_add(builds[l->index], &p) == -1)
		die("list");
}

static void
lists_compile(void)
{
	char	name[] = "/tmp/front_driver.XXXXXX";
	int	fd;

	if (nlists == 0)
		return;
	if ((fd = mkstemp(name)) == -1)
		die(name);
	unlink(name);
	if (addrset_write(fd, builds, nlists) == -1 ||
	    (next->set = addrset_map(fd)) == NULL)
		die("addrset");
	next->set_fd = fd;
	while (nlists > 0)
		addrset_build_free(builds[--nlists]);
}

/* What the parent does: a socket for each listener that has none yet. */
static void
listeners_open(void)
{
	static int		 fds[64];
	struct conf_listen	*l;
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	uint16_t		 port;
	int			 fd;

	TAILQ_FOREACH(l, &next->listens, entry) {
		if (fds[l->id] != 0)
			continue;
		len = addr_to_sa(&l->addr, 0, &ss);
		fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1 || bind(fd, (struct sockaddr *)&ss, len) == -1 ||
		    listen(fd, 128) == -1)
			die("listen");
		len = sizeof(ss);
		getsockname(fd, (struct sockaddr *)&ss, &len);
		addr_from_sa((struct sockaddr *)&ss, &l->addr, &port);
		l->port = port;
		l->fd = fd;
		fds[l->id] = 1;
		printf("port %u\n", port);
	}
}

static void
order_apply(void)
{
	lists_compile();
	listeners_open();
	fixture_configure(next);
	nlisten = 0;
	if ((next = config_new()) == NULL)
		die("config");
}

/* host ADDRESS white|trapped|gone [SECONDS [REASON]] */
static void
order_host(char *arg)
{
	struct addr	 a;
	char		*addr = strsep(&arg, " "), *what = strsep(&arg, " ");
	char		*secs = strsep(&arg, " ");
	int64_t		 until;

	if (addr_parse(addr, &a) == -1)
		die(addr);
	until = clock_wall() + (secs == NULL ? 3600 : atoll(secs));
	if (strcmp(what, "gone") == 0)
		fixture_host(&a, 0, 0, 0);
	else
		fixture_host(&a, strcmp(what, "white") == 0 ? until : 0,
		    strcmp(what, "trapped") == 0 ? until : 0,
		    arg == NULL ? TRAP_SPAMTRAP : (uint8_t)atoi(arg));
}

/* caps store|pass KEYWORDS SIZE: what the MTA offers, in hexadecimal */
static void
order_caps(char *arg)
{
	struct mta_caps	 c = { .relays = "127.0.0.1:25" };
	char		*who = strsep(&arg, " ");
	char		*keywords = strsep(&arg, " ");
	struct chan	*ch;

	c.keywords = (uint32_t)strtoul(keywords, NULL, 16);
	c.known = c.keywords != 0;
	c.size = arg == NULL ? 0 : strtoull(arg, NULL, 10);
	ch = strcmp(who, "pass") == 0 ? played.chan : fixture.store;
	if (proto_put_caps(chan_ipc(ch), &c) == -1 || chan_send(ch, -1) == -1)
		die("caps");
}

/* pass ok|silent|lost|no WHY; say TEXT, close: to the last session's client;
 * late: its OK after silence; refuse N: of those that it was silent about, the oldest; dies; hold, free: reads no more, and again; to,
 * from FILE: where its client's octets go, what it is sent */
static void
order_pass(char *arg)
{
	static char	 why[200];
	char		*word = strsep(&arg, " "), line[1100];

	if (strcmp(word, "ok") == 0)
		played.mode = PASS_OK;
	else if (strcmp(word, "silent") == 0)
		played.mode = PASS_SILENT;
	else if (strcmp(word, "lost") == 0)
		played.mode = PASS_LOST;
	else if (strcmp(word, "no") == 0) {
		played.mode = PASS_NO;
		snprintf(why, sizeof(why), "%s", arg);
		played.why = why;
	} else if (strcmp(word, "late") == 0)
		played_ok();
	else if (strcmp(word, "refuse") == 0)
		played_refuse((size_t)atoi(arg));
	else if (strcmp(word, "close") == 0)
		played_close();
	else if (strcmp(word, "hold") == 0)
		event_del(played.ev);
	else if (strcmp(word, "free") == 0)
		event_add(played.ev, NULL);
	else if (strcmp(word, "to") == 0)
		played.to = fopen(arg, "w");
	else if (strcmp(word, "from") == 0)
		played_send(arg);
	else if (strcmp(word, "dies") == 0) {
		played_close();
		chan_free(played.chan);
		played.chan = NULL;
	} else if (strcmp(word, "say") == 0) {
		snprintf(line, sizeof(line), "%s\r\n", arg);
		if (send(played.fd, line, strlen(line), MSG_NOSIGNAL) == -1)
			say_pass("cannot say it");
	} else
		die(word);
}

/* What is kept of each connection's two directions. */
static void
order_kept(void)
{
	size_t	i;

	for (i = 0; i < front.nconns; i++)
		if (front.conns[i] != NULL)
			printf("kept in=%zu out=%zu\n",
			    buf_len(&front.conns[i]->io.in),
			    buf_len(&front.conns[i]->io.out));
}

/* Store reads no more, and has much to read. */
static void
store_busy(void)
{
	struct addr	a;

	if (addr_parse("192.0.2.1", &a) == -1)
		die("addr");
	chan_pause(fixture.store);
	while (chan_queued(front.store) <= FRONT_STORE_HIGH + 1024 * 1024)
		tell_visit(&a);
}

static void
order(char *line)
{
	char		*arg = line, *word = strsep(&arg, " ");
	struct rlimit	 rl;

	if (strcmp(word, "set") == 0) {
		word = strsep(&arg, " ");
		order_set(word, arg);
	} else if (strcmp(word, "listen") == 0)
		order_listen(arg);
	else if (strcmp(word, "list") == 0)
		order_list(arg);
	else if (strcmp(word, "cert") == 0) {
		word = strsep(&arg, " ");
		next->tls = load_cert(word, arg);
	} else if (strcmp(word, "apply") == 0)
		order_apply();
	else if (strcmp(word, "host") == 0)
		order_host(arg);
	else if (strcmp(word, "hosts-end") == 0)
		fixture_hosts_end();
	else if (strcmp(word, "hosts-begin") == 0)
		fixture_hosts_begin();
	else if (strcmp(word, "clock") == 0)
		fixture_clock(arg);
	else if (strcmp(word, "jump") == 0)
		clock_fake_jump(atoll(arg));
	else if (strcmp(word, "advance") == 0)
		clock_fake_advance(atoll(arg));
	else if (strcmp(word, "release") == 0)
		fixture_release();
	else if (strcmp(word, "store-dies") == 0) {
		chan_free(fixture.store);
		fixture.store = NULL;
	} else if (strcmp(word, "store-busy") == 0)
		store_busy();
	else if (strcmp(word, "pass-block") == 0)
		next->pass = conf_pass_new();
	else if (strcmp(word, "pass-here") == 0) {
		played.heard = say_pass;
		played_init(&fixture.child);
	} else if (strcmp(word, "pass") == 0)
		order_pass(arg);
	else if (strcmp(word, "caps") == 0)
		order_caps(arg);
	else if (strcmp(word, "kept") == 0)
		order_kept();
	else if (strcmp(word, "hold-as") == 0) {
		snprintf(held_to, sizeof(held_to), "%s", arg);
		fixture.held_to = held_to;
	} else if (strcmp(word, "store-free") == 0)
		chan_resume(fixture.store);
	else if (strcmp(word, "stats") == 0)
		(void)chan_send_empty(fixture.store, MSG_STAT_ASK, 7);
	else if (strcmp(word, "descriptors") == 0) {
		/* So many more than are open now. */
		getrlimit(RLIMIT_NOFILE, &rl);
		rl.rlim_cur = (rlim_t)(dup(0) + atoi(arg));
		close((int)rl.rlim_cur - atoi(arg));
		setrlimit(RLIMIT_NOFILE, &rl);
	} else if (strcmp(word, "stop") == 0) {
		role_front.stop(&fixture.child);
		printf("ok\n");
		exit(0);
	} else
		die(word);
}

static void
confirm(void)
{
	printf("ok\n");
	fflush(stdout);
}

/* "ok" when frames are through and the wheel has turned. */
static void
orders(evutil_socket_t fd, short what, void *arg)
{
	struct rlimit	 rl;
	ssize_t		 n;
	char		*nl;

	(void)what;
	(void)arg;
	n = read(fd, pending + npending, sizeof(pending) - npending - 1);
	if (n <= 0) {
		/* A leak checker needs descriptors at the end. */
		getrlimit(RLIMIT_NOFILE, &rl);
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		exit(0);
	}
	npending += (size_t)n;
	pending[npending] = '\0';
	while ((nl = strchr(pending, '\n')) != NULL) {
		*nl++ = '\0';
		order(pending);
		npending -= (size_t)(nl - pending);
		memmove(pending, nl, npending + 1);
		barrier();
	}
}

int
main(void)
{
	log_init("front");
	log_set_sink(sink, NULL);
	if (getenv("VERBOSE") != NULL)
		log_set_verbose(1);
	clock_fake(1700000000, 5000000);
	fixture.heard = say;
	if ((fixture.child.base = event_base_new()) == NULL)
		die("event_base_new");
	barrier_init(fixture.child.base, confirm);
	fixture_init();
	if ((next = config_new()) == NULL)
		die("config");
	event_add(event_new(fixture.child.base, 0, EV_READ | EV_PERSIST,
	    orders, NULL), NULL);
	event_base_dispatch(fixture.child.base);
	return (1);
}
