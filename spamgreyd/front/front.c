/*
 * The front role: the tarpitting, greylisting SMTP dialogue with hosts that
 * are not known yet. This file wires the role to the process; front.h lists
 * the others.
 *
 * Front opens nothing once it is unprivileged, decides nothing about hosts
 * (that is store's) and never waits for anything but its event loop.
 */
#include <sys/types.h>
#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

struct front	front;

/*
 * "451 4.7.1 text" to its parts; the configuration has checked the form. -1:
 * no memory.
 */
static int
split_grey_reply(struct front_conf *live)
{
	const char	*s = live->conf->grey_reply, *end;

	live->grey_code = 451;
	live->grey_text = s;
	if (strlen(s) < 4 || s[3] != ' ')
		return (0);
	live->grey_code = atoi(s);
	s += 4;
	live->grey_text = s;
	if ((end = strchr(s, ' ')) == NULL || s[0] != '4' || s[1] != '.')
		return (0);
	if ((live->grey_enhanced = strndup(s, (size_t)(end - s))) == NULL)
		return (-1);
	live->grey_text = end + 1;
	return (0);
}

/*
 * `limit connections', or as many as the descriptors allow when that is lower
 * or not set. CONF_FD_RESERVE is for all that is no connection.
 */
static uint32_t
max_connections(const struct config *conf)
{
	uint64_t	room = 1;

	if (front.rlimit > CONF_FD_RESERVE + 1)
		room = front.rlimit - CONF_FD_RESERVE;
	if (room > CONF_CONNECTIONS_MAX)
		room = CONF_CONNECTIONS_MAX;
	if (conf->limit.connections == 0 || conf->limit.connections > room)
		return ((uint32_t)room);
	return (conf->limit.connections);
}

/*
 * The derived parts of a configuration; old: the one before, whose certificate
 * stays in use if the new one fails. NULL: no memory.
 */
static struct front_conf *
front_conf_new(struct config *conf, struct front_conf *old)
{
	struct front_conf	*live;
	struct conf_listen	*l;

	if ((live = calloc(1, sizeof(*live))) == NULL)
		return (NULL);
	live->refs = 1;
	live->conf = conf;
	conf->refs++;
	live->black = config_mask(conf, LIST_BLACK);
	live->white = config_mask(conf, LIST_WHITE);
	live->max = max_connections(conf);
	TAILQ_FOREACH(l, &conf->listens, entry)
		if (l->low_priority_mx)
			live->lowmx = 1;
	if (split_grey_reply(live) == -1) {
		front_conf_unref(live);
		return (NULL);
	}
	if (conf->tls != NULL)
		live->tls = tlsctx_renew(conf->tls, old != NULL ? old->tls :
		    NULL);
	return (live);
}

void
front_conf_unref(struct front_conf *live)
{
	if (live == NULL || --live->refs > 0)
		return;
	tlsctx_unref(live->tls);
	free(live->grey_enhanced);
	config_free(live->conf);
	free(live);
}

static void
front_peer(struct child *c, enum role role, unsigned int instance, int fd)
{
	(void)instance;
	if (role == ROLE_PASS)
		handover_peer(c, fd);
	else if (role == ROLE_STORE)
		front_store_peer(c, fd);
	else
		fatalx("front: unexpected channel to another role");
}

/*
 * At the first configuration, while there still is privilege: opens what
 * cannot be opened later.
 */
static void
front_first(struct child *c)
{
	struct rlimit	rl;

	front.child = c;
	front.base = c->base;
	TAILQ_INIT(&front.parked);
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	front.rlimit = (uint64_t)rl.rlim_cur;
	accept_init(c);
	front.by_host = limit_new();
	front.by_net = limit_new();
	front.tls_net = limit_new();
	if (front.by_host == NULL || front.by_net == NULL ||
	    front.tls_net == NULL)
		fatalx("front: out of memory");
	/* Seeded, so that a log has no session twice after a restart. */
	arc4random_buf(&front.next_id, sizeof(front.next_id));
	tlsctx_init();
	wheel_init();
}

static void
front_configure(struct child *c, struct config *old)
{
	struct front_conf	*live;

	(void)old;
	if (front.live == NULL)
		front_first(c);
	if ((live = front_conf_new(c->conf, front.live)) == NULL)
		fatalx("front: out of memory");
	if (c->conf->tls != NULL && live->tls == NULL &&
	    !front.listeners.configured)
		child_fatal(c, "tls certificate %s key %s cannot be used; "
		    "see the line above, or take the tls line out",
		    c->conf->tls->cert_file, c->conf->tls->key_file);
	front_conf_unref(front.live);
	front.live = live;
	accept_configure(c->conf);
}

/*
 * Only the lists are others now. A host that is connected keeps what it was
 * when it came.
 */
static void
front_lists(struct child *c)
{
	front.live->black = config_mask(c->conf, LIST_BLACK);
	front.live->white = config_mask(c->conf, LIST_WHITE);
}

static void
front_run(struct child *c)
{
	(void)c;
	log_debug("front: %u connections at most", front.live->max);
}

static void
front_start(struct child *c)
{
	(void)c;
	accept_start();
}

/*
 * Every client is told 421 and is closed at once: the process is about to end.
 */
static void
front_stop(struct child *c)
{
	struct conn	*conn;
	size_t		 i;
	uint32_t	 n = front.count;

	(void)c;
	/* So many lines would be lost in the queue to the parent. */
	front.silent = n > FRONT_STOP_LINES;
	accept_stop();
	for (i = 0; i < front.nconns; i++) {
		if ((conn = front.conns[i]) == NULL)
			continue;
		conn_expel(conn, END_SHUTDOWN, "4.3.2",
		    "Service is shutting down, please try again later");
		conn_die(conn, END_SHUTDOWN);
		conn_free(conn);
	}
	if (n > 0)
		log_info("front: %u connections ended with 421", n);
}

const struct role_def role_front = {
	.name = "front",
	.user = CONF_USER,
	.root = ROOT_EMPTY,
	.peers = 1U << ROLE_STORE | 1U << ROLE_PASS,
	.parent_rules = NULL,
	.peer = front_peer,
	.configure = front_configure,
	.lists = front_lists,
	.run = front_run,
	.start = front_start,
	.stop = front_stop
};
