/*
 * pass_driver: the pass role under the orders of standard input, one a line;
 * each is answered by "ok" once its effect is there.  What pass logs, what it
 * tells store and front, and what its module "play" is asked is printed as
 * "log …", "store …", "front …" and "mod …".  The clock stands unless it is
 * told to advance.  run.t speaks to it.
 *
 *	set NAME VALUE		a setting; see the table
 *	domain, not-to, recipient TEXT
 *	relay [xclient|proxy1|proxy2] [DOMAIN …]	then its targets:
 *	target ADDRESS PORT
 *	module			"play" is loaded
 *	whitelist PREFIX	cert FILE KEY	recipients
 *	no-scan			of the whitelist
 *	apply, hosts-begin, hosts-end, stop, stats, advance SECONDS
 *	jump SECONDS		the wall clock alone
 *	clock right|none	what store says of it
 *	caps KEYWORDS SIZE	what store had kept of the MTA
 *	host ADDRESS white|trapped|gone
 *	stranger ADDRESS	connections seem to come from this IPv4 address
 *	play STAGE [once] next|reject|tempfail|close|wait|delay …
 *	points STAGE MILLI	event STAGE NUMBER
 *	wants …			at EOM, see pass_play.h; nothing: no more
 *	resume next|reject|tempfail|close …
 *	hand begin KIND FLAGS OFFERED HELO FROM PARAMS	("-": none; flag 6: its
 *				address is IPv6's)
 *	hand rcpt TO PARAMS, hand input TEXT, hand end, hand lost: the end
 *				without the descriptor
 *	kept			logs how much input each session keeps
 *	spool-breaks
 */
/* LINK: spamgreyd/pass spamgreyd/pass/mta spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/pass/scan spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls -lcares */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "regress/lib/barrier.h"
#include "regress/lib/pass_play.h"

struct setting {
	const char	*name;
	enum { NUM32, NUM64, NUMI, TEXT } kind;
	int		 pass;		/* inside of conf->pass */
	size_t		 off;
};
#define S(name, kind, field)	\
	{ name, kind, 0, offsetof(struct config, field) }
#define P(name, kind, field)	\
	{ name, kind, 1, offsetof(struct conf_pass, field) }
static const struct setting settings[] = {
	S("hostname", TEXT, hostname), S("contact", TEXT, contact),
	P("subject", TEXT, subject_tag),
	S("message-size", NUM64, limit.message_size),
	S("bad-commands", NUM32, limit.bad_commands),
	S("line", NUM32, limit.line), S("idle", NUM64, limit.idle),
	S("local-routes", NUMI, local_routes),
	P("relay-check", NUMI, relay_check), P("early", NUMI, early),
	P("reject-newlines", NUMI, reject_newlines),
	P("reject-at", NUMI, reject_at), P("mark-at", NUMI, mark_at),
	P("received", NUM32, received), P("reply-rules", NUMI, reply_rules),
	P("sessions", NUM32, sessions), P("per-host", NUM32, per_host),
	P("per-network", NUM32, per_network), P("tries", NUM32, tries),
	P("session", NUM64, session), P("scan", NUM64, scan),
	P("spool-message", NUM64, spool_message),
	P("spool-memory", NUM64, spool_memory),
	P("t-connect", NUM64, timeout[PT_CONNECT]),
	P("t-banner", NUM64, timeout[PT_BANNER]),
	P("t-mail", NUM64, timeout[PT_MAIL]),
	P("t-rcpt", NUM64, timeout[PT_RCPT]),
	P("t-dot", NUM64, timeout[PT_DOT])
};

static struct config	*next;		/* being made by the orders */
static struct addrset_build *whites;
static int		 no_scan;
static int		 front_fd;	/* a listener: for hand-overs */
static char		 pending[65536];
static size_t		 npending;

static void
say(const char *who, const char *line)
{
	printf("%s %s\n", who, line);
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

static struct config *
new_config(void)
{
	struct config	*c = config_new();

	if (c == NULL || (c->pass = conf_pass_new()) == NULL)
		die("config");
	return (c);
}

static void
order_set(const char *name, const char *value)
{
	size_t	i;
	char	*p;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			break;
	if (i == sizeof(settings) / sizeof(settings[0]))
		die(name);
	p = settings[i].pass ? (char *)next->pass : (char *)next;
	p += settings[i].off;
	switch (settings[i].kind) {
	case NUM32:
		*(uint32_t *)(void *)p = (uint32_t)atol(value);
		break;
	case NUM64:
		*(int64_t *)(void *)p = atoll(value);
		break;
	case NUMI:
		*(int *)(void *)p = atoi(value);
		break;
	case TEXT:
		free(*(char **)(void *)p);
		*(char **)(void *)p = strdup(value);
		break;
	}
}

static void
add_string(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	if (s == NULL || (s->text = strdup(text)) == NULL)
		die(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

static void
order_relay(char *arg)
{
	struct conf_relay	*r = fixture_relay(next);
	char			*word;

	while ((word = strsep(&arg, " ")) != NULL) {
		if (strcmp(word, "xclient") == 0)
			r->client = CLIENT_XCLIENT;
		else if (strcmp(word, "proxy1") == 0)
			r->client = CLIENT_PROXY1;
		else if (strcmp(word, "proxy2") == 0)
			r->client = CLIENT_PROXY2;
		else
			add_string(&r->domains, word);
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

static void
order_cert(const char *cert, const char *key)
{
	struct conf_tls	*t = calloc(1, sizeof(*t));

	t->cert_file = strdup(cert);
	t->key_file = strdup(key);
	t->cert = slurp(cert, &t->cert_len);
	t->key = slurp(key, &t->key_len);
	next->tls = t;
}

/* A port of the system's choice. */
static int
listen_any(uint16_t *port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, 128) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	*port = ntohs(sin.sin_port);
	return (fd);
}

static void
listener_add(void)
{
	static struct conf_listen	 first;
	struct conf_listen		*l = calloc(1, sizeof(*l));

	if (l == NULL)
		die("listen");
	if (first.id == 0) {
		first.id = 1;
		first.pass = 1;
		first.fd = listen_any(&first.port);
		if (addr_parse("127.0.0.1", &first.addr) == -1)
			die("addr");
		printf("port %u\n", first.port);
		*l = first;
	} else {
		*l = first;
		l->fd = -1;
	}
	TAILQ_INSERT_TAIL(&next->listens, l, entry);
}

static void
whites_compile(void)
{
	struct conf_list	*l;
	char			 name[] = "/tmp/pass_driver.XXXXXX";
	int			 fd = -1;

	if (whites == NULL)
		return;
	if ((l = calloc(1, sizeof(*l))) == NULL || (fd = mkstemp(name)) == -1)
		die(name);
	unlink(name);
	TAILQ_INIT(&l->except);
	l->kind = LIST_WHITE;
	l->no_scan = no_scan;
	no_scan = 0;
	l->name = strdup("partners");
	TAILQ_INSERT_TAIL(&next->lists, l, entry);
	if (addrset_write(fd, &whites, 1) == -1 ||
	    (next->set = addrset_map(fd)) == NULL)
		die("addrset");
	next->set_fd = fd;
	addrset_build_free(whites);
	whites = NULL;
}

static void
order_apply(void)
{
	whites_compile();
	listener_add();
	if (conf_pass_index(next->pass) == -1)
		die("recipients");
	fixture_configure(next);
	next = new_config();
}

/* host ADDRESS white|trapped|gone */
static void
order_host(char *arg)
{
	struct addr	 a;
	char		*addr = strsep(&arg, " ");
	int64_t		 until = clock_wall() + 3600;

	if (addr_parse(addr, &a) == -1)
		die(addr);
	fixture_host(&a, strcmp(arg, "gone") == 0 ? 0 : until,
	    strcmp(arg, "trapped") == 0 ? until : 0, TRAP_SPAM);
}

/* The machine's own addresses need not be white. */
static struct sockaddr_storage	stranger;

int
accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	static int	(*next)(int, struct sockaddr *, socklen_t *, int);
	int		 client;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "accept4");
	if ((client = next(fd, sa, len, flags)) != -1 &&
	    stranger.ss_family != 0) {
		*len = sizeof(struct sockaddr_in);
		memcpy(sa, &stranger, *len);
	}
	return (client);
}

static void
order_stranger(const char *arg)
{
	struct addr	a;

	if (addr_parse(arg, &a) == -1 || !addr_is4(&a))
		die(arg);
	(void)addr_to_sa(&a, 2525, &stranger);
}

static enum stage
stage_of(const char *word)
{
	enum stage	st;

	for (st = 0; st < STAGE_MAX; st++)
		if (strcmp(stage_str(st), word) == 0)
			return (st);
	die(word);
	return (STAGE_MAX);
}

/* KIND [MS] [CODE ENHANCED TEXT] */
static struct verdict
verdict_of(char *arg)
{
	char	*kind = strsep(&arg, " "), *code, *enhanced;
	int64_t	 ms = 0;

	if (strcmp(kind, "next") == 0)
		return (verdict_next());
	if (strcmp(kind, "wait") == 0)
		return (verdict_wait(atoll(arg)));
	if (strcmp(kind, "delay") == 0)
		return (verdict_delay(atoll(arg)));
	if (strcmp(kind, "close") == 0)
		ms = atoll(strsep(&arg, " "));
	code = strsep(&arg, " ");
	enhanced = strsep(&arg, " ");
	if (code == NULL || enhanced == NULL || arg == NULL)
		die(kind);
	if (strcmp(kind, "close") == 0)
		return (verdict_close(ms, atoi(code), enhanced, "%s", arg));
	if (strcmp(kind, "reject") == 0)
		return (verdict_reject(atoi(code), enhanced, "%s", arg));
	return (verdict_tempfail(atoi(code), enhanced, "%s", arg));
}

static void
order_play(char *arg)
{
	struct play	*p = &fixture.play[stage_of(strsep(&arg, " "))];

	p->once = strncmp(arg, "once ", 5) == 0;
	p->v = verdict_of(p->once ? arg + 5 : arg);
}

static void
order_wants(const char *arg)
{
	if (arg != NULL && fixture.nwants < 16) {
		fixture.wants[fixture.nwants++] = strdup(arg);
		return;
	}
	while (fixture.nwants > 0)
		free(fixture.wants[--fixture.nwants]);
}

static void
order_resume(char *arg)
{
	uint64_t	key = fixture.waits;

	if (key == 0)
		die("nobody waits");
	fixture.waits = 0;
	module_resume(key, &mod_play, verdict_of(arg));
}

static const char *
text_or_none(const char *s)
{
	return (s == NULL || strcmp(s, "-") == 0 ? "" : s);
}

static void
unescape(char *s)
{
	char	*d = s;

	for (; *s != '\0'; s++) {
		if (*s != '\\' || s[1] == '\0') {
			*d++ = *s;
			continue;
		}
		s++;
		*d++ = *s == 'r' ? '\r' : *s == 'n' ? '\n' : *s;
	}
	*d = '\0';
}

/* The client that has connected to the front's port. */
static void
hand_end(struct ipc *ipc)
{
	int	fd = -1, i;

	for (i = 0; i < 3000 && fd == -1; i++) {
		fd = accept4(front_fd, NULL, NULL, SOCK_NONBLOCK |
		    SOCK_CLOEXEC);
		if (fd == -1)
			usleep(1000);
	}
	if (fd == -1)
		die("nobody has connected to front");
	ipc_begin(ipc, MSG_HANDOVER_END, 77);
	(void)chan_send(fixture.front, fd);
}

static void
hand_begin(struct ipc *ipc, char *arg)
{
	struct handover	 h;
	char		*flags;

	memset(&h, 0, sizeof(h));
	h.port = 1025;
	h.dport = 25;
	h.kind = (uint8_t)atoi(strsep(&arg, " "));
	flags = strsep(&arg, " ");
	if (addr_parse(strchr(flags, '6') != NULL ? "2001:db8::9" :
	    strchr(flags, 'n') != NULL ? "192.0.2.10" :
	    "192.0.2.9", &h.client) == -1 ||
	    addr_parse("198.51.100.1", &h.dst) == -1)
		die("addr");
	h.flags = (uint8_t)((strchr(flags, 'b') ? HANDOVER_BANNER : 0) |
	    (strchr(flags, 'e') ? HANDOVER_ESMTP : 0) |
	    (strchr(flags, 'p') ? HANDOVER_PENDING : 0));
	h.offered = (uint32_t)strtoul(strsep(&arg, " "), NULL, 0);
	h.start = clock_mono();
	h.helo = text_or_none(strsep(&arg, " "));
	h.from = text_or_none(strsep(&arg, " "));
	h.from_params = text_or_none(arg);
	h.tls_version = h.tls_cipher = "";
	if (proto_put_handover(ipc, 77, &h) == 0)
		(void)chan_send(fixture.front, -1);
}

static void
order_hand(char *arg)
{
	struct ipc	*ipc = chan_ipc(fixture.front);
	char		*what = strsep(&arg, " ");

	if (strcmp(what, "begin") == 0)
		hand_begin(ipc, arg);
	else if (strcmp(what, "rcpt") == 0) {
		ipc_begin(ipc, MSG_HANDOVER_RCPT, 77);
		ipc_put_str(ipc, strsep(&arg, " "));
		ipc_put_str(ipc, text_or_none(arg));
		(void)chan_send(fixture.front, -1);
	} else if (strcmp(what, "input") == 0) {
		unescape(arg);
		ipc_begin(ipc, MSG_HANDOVER_INPUT, 77);
		ipc_put_data(ipc, arg, strlen(arg));
		(void)chan_send(fixture.front, -1);
	} else if (strcmp(what, "lost") == 0)
		(void)chan_send_empty(fixture.front, MSG_HANDOVER_END, 77);
	else
		hand_end(ipc);
}

static void
order_kept(void)
{
	struct session	*s;

	LIST_FOREACH(s, &pass.sessions, entry)
		log_info("kept in=%zu", buf_len(&s->io.in));
}

static void
order_caps(char *arg)
{
	struct mta_caps	c;

	memset(&c, 0, sizeof(c));
	c.known = 1;
	c.keywords = (uint32_t)strtoul(strsep(&arg, " "), NULL, 0);
	c.size = strtoull(strsep(&arg, " "), NULL, 10);
	c.relays = arg == NULL ? "" : arg;
	if (proto_put_caps(chan_ipc(fixture.store), &c) == 0)
		(void)chan_send(fixture.store, -1);
}

static void
order_white(const char *text)
{
	struct prefix	p;

	if (whites == NULL)
		whites = addrset_build_new();
	if (prefix_parse(text, &p) == -1 || addrset_build_add(whites, &p) == -1)
		die(text);
}

/* 1: it was one of those for the next configuration. */
static int
order_config(const char *word, char *arg)
{
	struct conf_relay	*r;

	if (strcmp(word, "set") == 0) {
		word = strsep(&arg, " ");
		order_set(word, arg);
	} else if (strcmp(word, "domain") == 0)
		add_string(&next->domains, arg);
	else if (strcmp(word, "not-to") == 0)
		add_string(&next->not_to, arg);
	else if (strcmp(word, "recipients") == 0)
		next->pass->has_recipients = 1;
	else if (strcmp(word, "recipient") == 0) {
		next->pass->has_recipients = 1;
		add_string(&next->pass->recipients, arg);
	} else if (strcmp(word, "relay") == 0)
		order_relay(arg);
	else if (strcmp(word, "target") == 0) {
		r = TAILQ_LAST(&next->pass->relays, conf_relays);
		word = strsep(&arg, " ");
		fixture_target(r, word, (uint16_t)atoi(arg));
	} else if (strcmp(word, "module") == 0)
		fixture_module(next);
	else if (strcmp(word, "cert") == 0) {
		word = strsep(&arg, " ");
		order_cert(word, arg);
	} else if (strcmp(word, "no-scan") == 0)
		no_scan = 1;
	else if (strcmp(word, "whitelist") == 0)
		order_white(arg);
	else if (strcmp(word, "apply") == 0)
		order_apply();
	else
		return (0);
	return (1);
}

/* A disk that is full: no file may grow. */
static void
spool_breaks(void)
{
	struct rlimit	rl = { 0, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &rl);
}

static void
order(char *line)
{
	char	*arg = line, *word = strsep(&arg, " "), *w;

	if (order_config(word, arg))
		return;
	if (strcmp(word, "host") == 0)
		order_host(arg);
	else if (strcmp(word, "stranger") == 0)
		order_stranger(arg);
	else if (strcmp(word, "hosts-end") == 0)
		(void)chan_send_empty(fixture.store, MSG_HOSTS_END, 0);
	else if (strcmp(word, "hosts-begin") == 0)
		fixture_hosts_begin();
	else if (strcmp(word, "clock") == 0)
		fixture_clock(arg);
	else if (strcmp(word, "jump") == 0)
		clock_fake_jump(atoll(arg));
	else if (strcmp(word, "advance") == 0)
		fixture_advance(atoll(arg));
	else if (strcmp(word, "stats") == 0)
		(void)chan_send_empty(fixture.store, MSG_STAT_ASK, 7);
	else if (strcmp(word, "caps") == 0)
		order_caps(arg);
	else if (strcmp(word, "play") == 0)
		order_play(arg);
	else if (strcmp(word, "points") == 0) {
		w = strsep(&arg, " ");
		fixture.play[stage_of(w)].points = (int32_t)atol(arg);
	} else if (strcmp(word, "event") == 0) {
		w = strsep(&arg, " ");
		fixture.play[stage_of(w)].event = atoi(arg);
	} else if (strcmp(word, "wants") == 0)
		order_wants(arg);
	else if (strcmp(word, "resume") == 0)
		order_resume(arg);
	else if (strcmp(word, "hand") == 0)
		order_hand(arg);
	else if (strcmp(word, "kept") == 0)
		order_kept();
	else if (strcmp(word, "spool-breaks") == 0)
		spool_breaks();
	else if (strcmp(word, "stop") == 0) {
		role_pass.stop(&fixture.child);
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

/* "ok" when frames are through. */
static void
orders(evutil_socket_t fd, short what, void *arg)
{
	ssize_t		 n;
	char		*nl;

	(void)what;
	(void)arg;
	n = read(fd, pending + npending, sizeof(pending) - npending - 1);
	if (n <= 0)
		exit(0);
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

static char	spool_dir[] = "/tmp/pass_driver.XXXXXX";

static void
spool_gone(void)
{
	if (chdir("/") == 0)
		(void)rmdir(spool_dir);
}

int
main(void)
{
	uint16_t	port;

	log_init("pass");
	log_set_sink(sink, NULL);
	if (getenv("VERBOSE") != NULL)
		log_set_verbose(1);
	/* For the spool's files. */
	if (mkdtemp(spool_dir) == NULL || chdir(spool_dir) == -1)
		die(spool_dir);
	atexit(spool_gone);
	fixture.heard = say;
	if ((fixture.child.base = event_base_new()) == NULL)
		die("event_base_new");
	barrier_init(fixture.child.base, confirm);
	fixture_init();
	next = new_config();
	front_fd = listen_any(&port);
	printf("fport %u\n", port);
	event_add(event_new(fixture.child.base, 0, EV_READ | EV_PERSIST,
	    orders, NULL), NULL);
	event_base_dispatch(fixture.child.base);
	return (1);
}
