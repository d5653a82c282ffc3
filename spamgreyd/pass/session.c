/*
 * Pass: a session made, found again and freed. Only pass_settle frees one,
 * which every callback ends in.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

static struct session	**by_fd;
static size_t		  nby_fd;	/* size of the array */
static uint64_t		  next_key;

/*
 * The counter begins at a random number, so that a log has no session twice
 * after a restart.
 */
uint64_t
pass_next_key(int fd)
{
	if (next_key == 0)
		arc4random_buf(&next_key, sizeof(next_key));
	return (next_key++ << SESSION_FD_BITS |
	    ((uint64_t)fd & SESSION_FD_MASK));
}

struct session *
pass_session_by_key(uint64_t key)
{
	size_t		 fd = key & SESSION_FD_MASK;
	struct session	*s;

	if (fd >= nby_fd || (s = by_fd[fd]) == NULL || s->ms.key != key)
		return (NULL);
	return (s);
}

/*
 * The array of sessions by descriptor grows as descriptors do. -1: no memory.
 */
static int
by_fd_insert(struct session *s)
{
	struct session	**p;
	size_t		  n;

	if ((size_t)s->io.fd >= nby_fd) {
		n = nby_fd == 0 ? 64 : nby_fd * 2;
		while ((size_t)s->io.fd >= n)
			n *= 2;
		if ((p = reallocarray(by_fd, n, sizeof(*p))) == NULL)
			return (-1);
		memset(p + nby_fd, 0, (n - nby_fd) * sizeof(*p));
		by_fd = p;
		nby_fd = n;
	}
	by_fd[s->io.fd] = s;
	return (0);
}

/* What front knows of the session already. -1: no memory. */
static int
take_over(struct session *s, const struct handover *h)
{
	s->handed_tls = h->tls_version[0] != '\0';
	s->bad = h->bad;
	s->offered = h->offered;
	s->ms.events = h->events;
	s->ms.handed = (h->flags & HANDOVER_BANNER) != 0;
	s->ms.esmtp = (h->flags & HANDOVER_ESMTP) != 0;
	if (h->start < s->ms.start)
		s->ms.start = h->start;
	if (h->helo[0] != '\0') {
		if ((s->helo = strdup(h->helo)) == NULL)
			return (-1);
		s->ms.helo = s->helo;
	}
	if (!s->handed_tls)
		return (0);
	s->tls_version = strdup(h->tls_version);
	s->tls_cipher = strdup(h->tls_cipher);
	s->ms.tls_version = s->tls_version;
	s->ms.tls_cipher = s->tls_cipher;
	return (s->tls_version == NULL || s->tls_cipher == NULL ? -1 : 0);
}

/* A session in the lists, with nothing known of it. NULL: no memory. */
static struct session *
session_alloc(int fd)
{
	struct session	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->io.fd = fd;
	if (by_fd_insert(s) == -1) {
		free(s);
		return (NULL);
	}
	s->ms.key = s->ms.id = pass_next_key(fd);
	s->live = pass.live;
	s->live->refs++;
	LIST_INSERT_HEAD(&pass.sessions, s, entry);
	if (pass.count++ == 0)
		pass_wake();
	return (s);
}

struct session *
pass_session_new(int fd, const struct addr *client, uint16_t port,
    const struct addr *dst, uint16_t dport, struct tlsctx *cert,
    enum handover_kind kind, const struct handover *h)
{
	struct client_io	 none = { .fd = fd };
	struct session		*s;

	if ((s = session_alloc(fd)) == NULL) {
		log_warn("pass: session");
		/* Front tells a client that it has handed over. */
		if (h == NULL)
			client_no_memory(&none);
		close(fd);
		return (NULL);
	}
	s->ms.client = *client;
	s->ms.port = port;
	s->ms.dst = *dst;
	s->ms.dport = dport;
	s->ms.hostname = s->live->conf->hostname;
	s->ms.whitelisted = kind == HANDOVER_WHITELISTED;
	s->ms.no_scan = s->ms.whitelisted && addrset_lookup_mask(
	    s->live->conf->set, client, s->live->no_scan) != 0;
	s->ms.loopback = addr_is_loopback(client);
	s->ms.white = kind == HANDOVER_WHITE;
	s->ms.start = s->last = clock_mono();
	s->io.cert = tlsctx_ref(cert);
	s->kind = (uint8_t)kind;
	if ((h != NULL && take_over(s, h) == -1) || run_attach(&s->ms,
	    s, s->live->chain) == -1) {
		log_warn("pass: session");
		pass_die(s, h != NULL ? PE_ERROR : PE_MEMORY);
		pass_session_free(s);
		return (NULL);
	}
	pass_count(s);
	name_start(s);
	return (s);
}

/* A refusal for talking early may have taken the banner's place. */
void
pass_begin(struct session *s)
{
	pass_read(s);
	if (s->state == PS_GREET && s->dialogue.closes == PE_NONE)
		pass_greet(s);
}

void
pass_session_free(struct session *s)
{
	if (!pass.silent)
		pass_log_end(s);
	if (s->end == PE_TRAPPED)
		pass.stat[PSTAT_TRAPPED]++;
	run_cancel(&s->ms);
	name_cancel(s);
	run_detach(&s->ms);
	ptx_free(s);
	relay_drop(s);
	buf_free(&s->dialogue.head);
	if (s->flags & PF_TIMER)
		event_del(&s->timer);
	if (event_initialized(&s->more))
		event_del(&s->more);
	by_fd[s->io.fd] = NULL;
	client_end(&s->io);
	free(s->helo);
	free(s->tls_version);
	free(s->tls_cipher);
	name_end(s);
	free(s->log_from);
	free(s->log_to);
	pass_uncount(s);
	pass_conf_unref(s->live);
	LIST_REMOVE(s, entry);
	pass.count--;
	free(s);
}
