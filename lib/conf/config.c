/*
 * The configuration as a structure: its life.  For every
 * process and for spamgreydb.  Defaults of single values are in schema.h,
 * those of reactions here; spamgreyd.conf(5) has their reasons.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/scalar.h"

/* What hosts are trapped or demoted for when the file says nothing. */
static void
reaction_defaults(struct conf_reaction *r)
{
	unsigned int	i;

	for (i = 0; i < EVENT_MAX; i++) {
		r[i].action = ACT_LOG;
		r[i].after = 1;
	}
	/* No mailer sends these: nothing legitimate can be hurt. */
	r[EVENT_HTTP_COMMAND].action = ACT_TRAP;
	r[EVENT_HTTP_COMMAND].trap_for = 3600;
	/* Trapping would hurt forwarders and list servers. */
	r[EVENT_VIRUS].action = ACT_DEMOTE;
	r[EVENT_VIRUS].after = 2;
	r[EVENT_VIRUS].within = 24 * 3600;
	r[EVENT_DICTIONARY].action = ACT_DEMOTE;
	r[EVENT_DICTIONARY].after = 25;
	r[EVENT_DICTIONARY].within = 3600;
}

/* Lists are empty, values have their defaults, descriptors are none. */
struct config *
config_new(void)
{
	struct config	*c;
	int		 b;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	TAILQ_INIT(&c->domains);
	TAILQ_INIT(&c->spamtraps);
	TAILQ_INIT(&c->not_to);
	TAILQ_INIT(&c->listens);
	TAILQ_INIT(&c->lists);
	TAILQ_INIT(&c->setups);
	TAILQ_INIT(&c->resolvers);
	TAILQ_INIT(&c->learn.trusted);
	TAILQ_INIT(&c->learn.except);
	c->set_fd = -1;
	reaction_defaults(c->reaction);
	for (b = CB_TOP; b < CB_BLOCKS; b++)
		if (conf_base(c, (enum conf_block)b) != NULL &&
		    conf_defaults(conf_base(c, (enum conf_block)b),
		    (enum conf_block)b) == -1) {
			config_free(c);
			return (NULL);
		}
	return (c);
}

/* A pass block as if it were empty in the file. */
struct conf_pass *
conf_pass_new(void)
{
	struct conf_pass	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	TAILQ_INIT(&p->relays);
	TAILQ_INIT(&p->recipients);
	TAILQ_INIT(&p->modules);
	if (conf_defaults(p, CB_PASS) == -1) {
		conf_pass_free(p);
		return (NULL);
	}
	return (p);
}

/* A block without sockets, peers and key. */
struct conf_sync *
conf_sync_new(void)
{
	struct conf_sync	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	TAILQ_INIT(&s->socks);
	TAILQ_INIT(&s->peers);
	return (s);
}

/* A datagram with a ttl of 1 stays on the network of the interface. */
struct conf_sync_sock *
conf_sync_sock_add(struct conf_sync *s, enum sync_kind kind)
{
	struct conf_sync_sock	*sock;

	if ((sock = calloc(1, sizeof(*sock))) == NULL)
		return (NULL);
	sock->kind = kind;
	sock->ttl = 1;
	sock->fd = -1;
	TAILQ_INSERT_TAIL(&s->socks, sock, entry);
	return (sock);
}

struct conf_sync_peer *
conf_sync_peer_add(struct conf_sync *s)
{
	struct conf_sync_peer	*peer;

	if ((peer = calloc(1, sizeof(*peer))) != NULL)
		TAILQ_INSERT_TAIL(&s->peers, peer, entry);
	return (peer);
}

/* The key is wiped, and the sockets are closed. */
void
conf_sync_free(struct conf_sync *s)
{
	struct conf_sync_sock	*sock;
	struct conf_sync_peer	*peer;

	if (s == NULL)
		return;
	while ((sock = TAILQ_FIRST(&s->socks)) != NULL) {
		TAILQ_REMOVE(&s->socks, sock, entry);
		if (sock->fd != -1)
			close(sock->fd);
		free(sock->ifname);
		free(sock);
	}
	while ((peer = TAILQ_FIRST(&s->peers)) != NULL) {
		TAILQ_REMOVE(&s->peers, peer, entry);
		free(peer);
	}
	explicit_bzero(&s->key, sizeof(s->key));
	conf_strings_clear(s, CB_SYNC);
	free(s->where);
	free(s);
}

/* A relay without targets; by default for every domain. */
struct conf_relay *
conf_relay_new(void)
{
	struct conf_relay	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	TAILQ_INIT(&r->domains);
	TAILQ_INIT(&r->targets);
	return (r);
}

/* A module without options, that takes the strategies of the pass block. */
struct conf_module *
conf_module_new(const char *name)
{
	struct conf_module	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	TAILQ_INIT(&m->except);
	TAILQ_INIT(&m->options);
	m->on_error = -1;
	memset(m->strategy, -1, sizeof(m->strategy));
	if ((m->name = strdup(name)) == NULL) {
		free(m);
		return (NULL);
	}
	return (m);
}

struct conf_option *
conf_option_new(struct conf_module *m, const char *where, const char *keyword)
{
	struct conf_option	*o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return (NULL);
	if ((o->keyword = strdup(keyword)) == NULL ||
	    (where != NULL && (o->where = strdup(where)) == NULL)) {
		free(o->keyword);
		free(o);
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&m->options, o, entry);
	return (o);
}

/* The words grow one by one: there are few. */
int
conf_option_add(struct conf_option *o, const char *word, int quoted)
{
	struct conf_word	*more;

	if ((more = reallocarray(o->words, o->nwords + 1,
	    sizeof(*more))) == NULL)
		return (-1);
	o->words = more;
	if ((more[o->nwords].text = strdup(word)) == NULL)
		return (-1);
	more[o->nwords++].quoted = quoted != 0;
	return (0);
}

/* Frees the entries. */
void
conf_strings_free(struct conf_strings *list)
{
	struct conf_string	*s;

	while ((s = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, s, entry);
		free(s->text);
		free(s);
	}
}

/* The key is wiped. */
static void
conf_tls_free(struct conf_tls *t)
{
	if (t == NULL)
		return;
	free(t->where);
	free(t->cert_file);
	free(t->key_file);
	free(t->cert);
	if (t->key != NULL)
		explicit_bzero(t->key, t->key_len);
	free(t->key);
	free(t);
}

/* Its descriptor is closed. */
static void
conf_listen_free(struct conf_listen *l)
{
	conf_tls_free(l->tls);
	if (l->fd != -1)
		close(l->fd);
	free(l);
}

/* Its place in the compiled set is left alone. */
void
conf_list_free(struct conf_list *l)
{
	conf_strings_free(&l->except);
	free(l->where);
	free(l->name);
	free(l->file);
	free(l->table);
	free(l->message);
	free(l);
}

/* An array of n words, and the array. */
static void
conf_words_free(struct conf_word *words, size_t n)
{
	size_t	i;

	for (i = 0; i < n; i++)
		free(words[i].text);
	free(words);
}

void
conf_module_free(struct conf_module *m)
{
	struct conf_option	*o;

	if (m == NULL)
		return;
	while ((o = TAILQ_FIRST(&m->options)) != NULL) {
		TAILQ_REMOVE(&m->options, o, entry);
		conf_words_free(o->words, o->nwords);
		free(o->where);
		free(o->keyword);
		free(o);
	}
	if (m->raw != NULL)
		conf_words_free(m->raw, m->nraw);
	free(m->raw_line);
	conf_strings_free(&m->except);
	free(m->where);
	free(m->name);
	free(m);
}

void
conf_relay_free(struct conf_relay *r)
{
	struct conf_target	*t;

	if (r == NULL)
		return;
	while ((t = TAILQ_FIRST(&r->targets)) != NULL) {
		TAILQ_REMOVE(&r->targets, t, entry);
		free(t);
	}
	conf_strings_free(&r->domains);
	free(r->where);
	free(r->tls_name);
	free(r->ca_file);
	free(r->ca);
	free(r);
}

/* A statement without options. */
struct conf_track *
conf_track_new(void)
{
	struct conf_track	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	TAILQ_INIT(&t->mta);
	(void)conf_defaults(t, CB_TRACK);	/* (no string, so it cannot fail) */
	return (t);
}

void
conf_track_free(struct conf_track *t)
{
	if (t == NULL)
		return;
	conf_strings_free(&t->mta);
	conf_strings_clear(t, CB_TRACK);
	free(t);
}

/* known points to texts of recipients, so it is freed alone. */
void
conf_pass_free(struct conf_pass *p)
{
	struct conf_relay	*r;
	struct conf_module	*m;

	if (p == NULL)
		return;
	while ((r = TAILQ_FIRST(&p->relays)) != NULL) {
		TAILQ_REMOVE(&p->relays, r, entry);
		conf_relay_free(r);
	}
	while ((m = TAILQ_FIRST(&p->modules)) != NULL) {
		TAILQ_REMOVE(&p->modules, m, entry);
		conf_module_free(m);
	}
	free(p->known);
	conf_strings_clear(p, CB_PASS);
	conf_strings_free(&p->recipients);
	free(p);
}

/*
 * While there are other holders, only one of them is dropped.  Descriptors are
 * closed and the compiled set is unmapped.
 */
void
config_free(struct config *c)
{
	struct conf_listen	*l;
	struct conf_list	*list;

	if (c == NULL)
		return;
	if (c->refs > 0) {
		c->refs--;
		return;
	}
	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		conf_listen_free(l);
	}
	while ((l = TAILQ_FIRST(&c->setups)) != NULL) {
		TAILQ_REMOVE(&c->setups, l, entry);
		conf_listen_free(l);
	}
	while ((list = TAILQ_FIRST(&c->lists)) != NULL) {
		TAILQ_REMOVE(&c->lists, list, entry);
		conf_list_free(list);
	}
	conf_strings_free(&c->domains);
	conf_strings_free(&c->spamtraps);
	conf_strings_free(&c->not_to);
	conf_strings_free(&c->resolvers);
	conf_strings_free(&c->learn.trusted);
	conf_strings_free(&c->learn.except);
	conf_sync_free(c->sync);
	conf_pass_free(c->pass);
	conf_track_free(c->track);
	conf_tls_free(c->tls);
	addrset_unmap(c->set);
	if (c->set_fd != -1)
		close(c->set_fd);
	conf_strings_clear(c, CB_TOP);
	conf_strings_clear(c, CB_FIREWALL);
	conf_strings_clear(c, CB_GREYLIST);
	conf_strings_clear(c, CB_TARPIT);
	free(c);
}
