/*
 * The pass role: the proxy for hosts that passed, from the client to the mail
 * server, with the modules between them.  This file wires the role to the
 * process: configurations, the parent's sockets, start and end.
 *
 * Pass decides nothing about hosts (that is store's), opens no file but those
 * of its spool once it is unprivileged, and never waits for anything but its
 * event loop.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <stdlib.h>
#include <string.h>

#include "lib/dns/dns.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"
#include "spamgreyd/pass/scan/scan.h"

#define EXPIRY_CHECK	86400	/* s */
#define SPOOL_FILES_MIN	(64 * 1024 * 1024)	/* the disk may be cleared */

struct pass	pass;

static struct event	*expiry_ev;

/*
 * `sessions', held within what the descriptors allow. The parent has lowered
 * the number and logged it, with the file's name; this holds it within the
 * limit that the process really has.
 */
static uint32_t
max_sessions(const struct config *conf)
{
	unsigned int	each = config_session_descriptors(conf);
	uint64_t	room = 1;

	if (pass.rlimit > CONF_FD_RESERVE + each)
		room = (pass.rlimit - CONF_FD_RESERVE) / each;
	if (room > CONF_CONNECTIONS_MAX)
		room = CONF_CONNECTIONS_MAX;
	return (conf->pass->sessions == 0 || conf->pass->sessions > room ?
	    (uint32_t)room : conf->pass->sessions);
}

/*
 * Half of what the disk has free when pass starts, or what is configured.  The
 * disk is asked at the first configuration, whatever that says: later the
 * process neither sees the directory nor may ask.
 */
static uint64_t
spool_files_max(const struct config *conf)
{
	static uint64_t	 half;
	struct statvfs	 sv;

	if (half == 0) {
		half = UINT64_MAX;
		if (statvfs(conf->statedir, &sv) == -1)
			log_warn("pass: %s: cannot find out the free disk "
			    "space, so spooled messages may fill the "
			    "disk", conf->statedir);
		else if ((half = (uint64_t)sv.f_bavail * sv.f_frsize / 2) <
		    SPOOL_FILES_MIN)
			half = SPOOL_FILES_MIN;
		if (conf->pass->spool_files == 0)
			log_info("pass: spooled messages in files may use %llu "
			    "MB, half of the free disk space",
			    (unsigned long long)(half >> 20));
	}
	return (conf->pass->spool_files != 0 ? conf->pass->spool_files : half);
}

/*
 * The derived parts of a configuration; old: the one before, whose certificate
 * stays in use if the new one fails. NULL: logged.
 */
static struct pass_conf *
pass_conf_new(struct config *conf, struct pass_conf *old)
{
	struct pass_conf	*live;

	if ((live = calloc(1, sizeof(*live))) == NULL)
		return (NULL);
	live->refs = 1;
	live->conf = conf;
	conf->refs++;
	live->black = config_mask(conf, LIST_BLACK);
	live->white = config_mask(conf, LIST_WHITE);
	live->no_scan = config_mask_no_scan(conf);
	live->max = max_sessions(conf);
	live->per_host = conf->pass->per_host;
	if (live->per_host == 0)
		live->per_host = live->max / 10 > PASS_PER_HOST ?
		    live->max / 10 : PASS_PER_HOST;
	live->per_network = conf->pass->per_network != 0 ?
	    conf->pass->per_network : 4 * live->per_host;
	scan_set_budget(conf->pass->scan * 1000);
	if ((live->chain = chain_new(conf)) == NULL) {
		pass_conf_unref(live);
		return (NULL);
	}
	if (conf->tls != NULL)
		live->tls = tlsctx_renew(conf->tls, old != NULL ? old->tls :
		    NULL);
	return (live);
}

void
pass_conf_unref(struct pass_conf *live)
{
	if (live == NULL || --live->refs > 0)
		return;
	chain_free(live->chain);
	tlsctx_unref(live->tls);
	config_free(live->conf);
	free(live);
}

/* Which relay and target of the configuration in force, as the parent has
 * it: a session may still use those of an older one. */
static int
target_index(const struct conf_relay *relay, unsigned int target,
    unsigned int *ri, unsigned int *ti)
{
	const struct conf_target	*t, *u;
	const struct conf_relay		*r;

	t = TAILQ_FIRST(&relay->targets);
	while (t != NULL && target-- > 0)
		t = TAILQ_NEXT(t, entry);
	*ri = 0;
	TAILQ_FOREACH(r, &pass.live->conf->pass->relays, entry) {
		*ti = 0;
		TAILQ_FOREACH(u, &r->targets, entry) {
			if (t != NULL && r->client == CLIENT_TRANSPARENT &&
			    u->port == t->port &&
			    addr_cmp(&u->addr, &t->addr) == 0)
				return (0);
			(*ti)++;
		}
		(*ri)++;
	}
	return (-1);
}

/*
 * mta asks for a socket with the client's address, which only the parent can
 * make.
 */
static int
ask_socket(uint64_t id, const struct conf_relay *relay, unsigned int target,
    const struct addr *addr, uint16_t port)
{
	struct ipc	*ipc = chan_ipc(pass.child->parent);
	unsigned int	 ri, ti;

	if (target_index(relay, target, &ri, &ti) == -1)
		return (-1);
	ipc_begin(ipc, MSG_SOCK_ASK, id);
	ipc_put_u16(ipc, (uint16_t)ri);
	ipc_put_u16(ipc, (uint16_t)ti);
	ipc_put_addr(ipc, addr);
	ipc_put_u16(ipc, port);
	return (chan_send(pass.child->parent, -1));
}

static const struct mta_calls mta_calls = { .ask_socket = ask_socket };

/* The path's index among the module's servers, as the parent counts them: the
 * session may have another configuration than the one in force. */
static int
server_index(const char *module, const char *path, unsigned int *index)
{
	const struct conf_module	*m;
	const struct conf_option	*o;

	*index = 0;
	TAILQ_FOREACH(m, &pass.live->conf->pass->modules, entry)
		if (strcmp(m->name, module) == 0)
			break;
	if (m == NULL)
		return (-1);
	TAILQ_FOREACH(o, &m->options, entry) {
		if (!config_is_server(o))
			continue;
		if (strcmp(o->keyword, "socket") == 0 && o->nwords > 0 &&
		    strcmp(o->words[0].text, path) == 0)
			return (0);
		(*index)++;
	}
	return (-1);
}

/*
 * A module asks for a connection to a scanner's unix socket, which only the
 * parent can reach.
 */
static int
ask_scanner(uint64_t id, const char *module, const char *path)
{
	struct ipc	*ipc = chan_ipc(pass.child->parent);
	unsigned int	 index;

	if (server_index(module, path, &index) == -1)
		return (-1);
	ipc_begin(ipc, MSG_CONN_ASK, id);
	ipc_put_str(ipc, module);
	ipc_put_u16(ipc, (uint16_t)index);
	return (chan_send(pass.child->parent, -1));
}

static void
on_scanner_conn(struct chan *ch, struct msg *m, void *arg)
{
	uint32_t	error = msg_get_u32(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == 0)
		scan_socket(m->id, error, msg_take_fd(m));
}

static void
on_mta_socket(struct chan *ch, struct msg *m, void *arg)
{
	uint32_t	error = msg_get_u32(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == 0)
		mta_socket(m->id, error, msg_take_fd(m));
}

static void
pass_peer(struct child *c, enum role role, unsigned int instance, int fd)
{
	if (role == ROLE_STORE)
		pass_store_peer(c, fd);
	else if (role == ROLE_FRONT)
		pass_front_peer(c, instance, fd);
	else
		fatalx("pass: unexpected channel to another role");
}

static void
expiry_check(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	listeners_expiry(&pass.listeners);
}

/*
 * At the first configuration, while there still is privilege: opens what
 * cannot be opened later.
 */
static void
pass_first(struct child *c)
{
	struct timeval	day = { EXPIRY_CHECK, 0 };
	struct rlimit	rl;

	pass.child = c;
	pass.base = c->base;
	LIST_INIT(&pass.sessions);
	pass.by_host = limit_new();
	pass.by_net = limit_new();
	if (pass.by_host == NULL || pass.by_net == NULL)
		fatalx("pass: out of memory");
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	pass.rlimit = (uint64_t)rl.rlim_cur;
	pass_accept_init(c);
	runner_init(c->base, &pass_runner);
	tlsctx_init();
	mta_init(&mta_calls);
	scan_init(c->base, ask_scanner);
	/* (c-ares reads what the system's resolver is) */
	if (chain_open() == -1)
		child_fatal(c, "pass: a module cannot be used; see the line "
		    "above");
	expiry_ev = event_new(c->base, -1, EV_PERSIST, expiry_check, NULL);
	if (expiry_ev == NULL || event_add(expiry_ev, &day) == -1)
		fatalx("pass: out of memory");
}

/* The parent has filled in the system's name servers if the file names none. */
static void
pass_dns(const struct config *conf, int first)
{
	const struct conf_string	*s;
	struct buf			 b = { 0 };
	int				 r = -1;

	TAILQ_FOREACH(s, &conf->resolvers, entry)
		if (buf_printf(&b, "%s%s", buf_len(&b) > 0 ? "," : "",
		    s->text) == -1)
			fatal("pass");
	if (buf_len(&b) > 0 && buf_add(&b, "", 1) == 0)
		r = first ? dns_init(pass.base, (char *)buf_ptr(&b)) :
		    dns_servers((char *)buf_ptr(&b));
	if (r == -1)
		log_warnx("pass: the name servers cannot be used%s",
		    first ? "" : "; the previous ones stay in use");
	buf_free(&b);
}

static void
pass_configure(struct child *c, struct config *old)
{
	struct pass_conf	*live;
	int			 first = pass.live == NULL;

	(void)old;
	if (first)
		pass_first(c);
	if (c->conf->pass == NULL)
		fatalx("pass: the configuration has no pass block");
	if ((live = pass_conf_new(c->conf, pass.live)) == NULL)
		fatalx("pass: the configuration cannot be used");
	if (c->conf->tls != NULL && live->tls == NULL && first)
		child_fatal(c, "tls certificate %s key %s cannot be used; "
		    "see the line above, or take the tls line out",
		    c->conf->tls->cert_file, c->conf->tls->key_file);
	pass_conf_unref(pass.live);
	pass.live = live;
	spool_limits((size_t)c->conf->pass->spool_message,
	    (size_t)c->conf->pass->spool_memory);
	spool_files(spool_files_max(c->conf));
	spool_readers(config_scanners(c->conf) > 0);
	pass_dns(c->conf, first);
	pass_accept_configure(c->conf);
	caps_configure(live);
}

static void
pass_run(struct child *c)
{
	(void)c;
	log_debug("pass: %u sessions at most", pass.live->max);
}

static void
pass_start(struct child *c)
{
	(void)c;
	caps_start();
	pass_accept_start();
}

/* Every client is told 421: the process is about to end. */
static void
pass_stop(struct child *c)
{
	struct session	*s, *next;
	uint32_t	 n = pass.count;

	(void)c;
	/* So many lines would be lost in the queue to the parent. */
	pass.silent = n > PASS_STOP_LINES;
	pass.stopping = 1;
	pass_accept_stop();
	for (s = LIST_FIRST(&pass.sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, entry);
		pass_expel(s, PE_SHUTDOWN, "4.3.2",
		    "Service is shutting down, please try again later");
		pass_last_words(s);
	}
	if (n > 0)
		log_info("pass: %u sessions ended with 421", n);
}

static const struct chan_rule pass_parent_rules[] = {
	{ MSG_SOCK, CHAN_FD, on_mta_socket },
	{ MSG_CONN, CHAN_FD, on_scanner_conn },
	{ 0, 0, NULL }
};

static void
pass_lists(struct child *c)
{
	pass.live->black = config_mask(c->conf, LIST_BLACK);
	pass.live->white = config_mask(c->conf, LIST_WHITE);
}

const struct role_def role_pass = {
	.name = "pass",
	.user = CONF_USER,
	.root = ROOT_SPOOL,
	.keep_memory = 1,
	.peers = 1 << ROLE_FRONT | 1 << ROLE_STORE,
	.parent_rules = pass_parent_rules,
	.peer = pass_peer,
	.configure = pass_configure,
	.lists = pass_lists,
	.run = pass_run,
	.start = pass_start,
	.stop = pass_stop
};
