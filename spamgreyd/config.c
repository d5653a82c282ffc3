/*
 * The configuration as a structure: its defaults, its end, and what is asked
 * of it.  For every process and for spamgreydb.  The defaults are those that
 * spamgreyd.conf(5) gives with their reasons.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static void
grey_defaults(struct grey_conf *g)
{
	g->pass = 3 * 60;
	g->grey = 24 * 3600;
	g->white = 36 * 86400;
	g->trapped = 24 * 3600;
	g->match.ip4 = 24;
	g->match.ip6 = 64;
	g->admit.ip4 = 32;
	g->admit.ip6 = 64;
	g->match_helo = 0;
}

static void
limit_defaults(struct conf_limit *l)
{
	l->connections = 0;
	l->per_host = 50;
	l->per_network = 200;
	l->tls = 2000;
	l->bad_commands = 20;
	l->line = 2048;
	l->recipients = 100;
	l->grey_per_network = 10000;
	l->grey_per_host = 1000;
	l->idle = 5 * 60;
	l->idle_stress = 30;
	l->session_grey = 15 * 60;
	l->session_trapped = 30 * 60;
	l->message_size = 0;
}

struct config *
config_new(void)
{
	struct config	*c;
	unsigned int	 i;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	TAILQ_INIT(&c->domains);
	TAILQ_INIT(&c->spamtraps);
	TAILQ_INIT(&c->not_to);
	TAILQ_INIT(&c->listens);
	TAILQ_INIT(&c->lists);
	grey_defaults(&c->grey);
	limit_defaults(&c->limit);
	c->restart_max = 5;
	c->restart_within = 60;
	c->fronts = 1;
	c->fw = FW_NONE;
	c->stutter_ms = 1000;
	c->stutter_grey = 10;
	c->trap_reply = 450;
	c->cache = CONF_CACHE;
	c->set_fd = -1;
	for (i = 0; i < EVENT_MAX; i++) {
		c->reaction[i].action = ACT_LOG;
		c->reaction[i].after = 1;
	}
	/* No mailer sends these: nothing legitimate can be hurt. */
	c->reaction[EVENT_HTTP_COMMAND].action = ACT_TRAP;
	c->reaction[EVENT_HTTP_COMMAND].trap_for = 3600;

	c->hostname = strdup("localhost");
	c->statedir = strdup(CONF_STATEDIR);
	c->socket = strdup(CONF_SOCKET);
	c->fw_table = strdup(CONF_PF_TABLE);
	c->nft_family = strdup("inet");
	c->nft_table = strdup("spamgrey");
	c->nft_set4 = strdup("white4");
	c->nft_set6 = strdup("white6");
	c->grey_reply = strdup(CONF_GREY_REPLY);
	c->trap_message = strdup(CONF_TRAP_MESSAGE);
	if (c->hostname == NULL || c->statedir == NULL || c->socket == NULL ||
	    c->fw_table == NULL || c->nft_family == NULL ||
	    c->nft_table == NULL || c->nft_set4 == NULL ||
	    c->nft_set6 == NULL || c->grey_reply == NULL ||
	    c->trap_message == NULL) {
		config_free(c);
		return (NULL);
	}
	return (c);
}

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

static void
conf_listen_free(struct conf_listen *l)
{
	conf_tls_free(l->tls);
	if (l->fd != -1)
		close(l->fd);
	free(l);
}

static void
conf_list_free(struct conf_list *l)
{
	conf_strings_free(&l->except);
	free(l->where);
	free(l->name);
	free(l->file);
	free(l->message);
	free(l);
}

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
	while ((list = TAILQ_FIRST(&c->lists)) != NULL) {
		TAILQ_REMOVE(&c->lists, list, entry);
		conf_list_free(list);
	}
	conf_strings_free(&c->domains);
	conf_strings_free(&c->spamtraps);
	conf_strings_free(&c->not_to);
	conf_tls_free(c->tls);
	addrset_unmap(c->set);
	if (c->set_fd != -1)
		close(c->set_fd);
	free(c->file);
	free(c->hostname);
	free(c->statedir);
	free(c->socket);
	free(c->contact);
	free(c->fw_table);
	free(c->nft_family);
	free(c->nft_table);
	free(c->nft_set4);
	free(c->nft_set6);
	free(c->grey_reply);
	free(c->trap_message);
	free(c);
}

const struct conf_list *
config_list(const struct config *c, unsigned int index)
{
	const struct conf_list	*l;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->index == index)
			return (l);
	return (NULL);
}

uint64_t
config_mask(const struct config *c, enum conf_list_kind kind)
{
	const struct conf_list	*l;
	uint64_t		 mask = 0;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->kind == kind && l->index < ADDRSET_LISTS_MAX)
			mask |= UINT64_C(1) << l->index;
	return (mask);
}

void
config_check_descriptors(struct config *c, uint64_t rlim,
    void (*report)(const char *, void *), void *arg)
{
	char		line[512];
	uint64_t	room;

	room = rlim > CONF_FD_RESERVE + 1 ? rlim - CONF_FD_RESERVE : 1;
	if (room > CONF_CONNECTIONS_MAX)
		room = CONF_CONNECTIONS_MAX;
	if (c->limit.connections == 0) {
		c->limit.connections = (uint32_t)room;
		return;
	}
	if (c->limit.connections <= room)
		return;
	snprintf(line, sizeof(line), "%.200s: warning: limit connections %u "
	    "lowered to %llu: the limit of open files is %llu, and %d are for "
	    "other things; raise it to %llu for that many", c->file,
	    c->limit.connections, (unsigned long long)room,
	    (unsigned long long)rlim, CONF_FD_RESERVE,
	    (unsigned long long)c->limit.connections + CONF_FD_RESERVE);
	if (report != NULL)
		report(line, arg);
	else
		fprintf(stderr, "%s\n", line);
	c->limit.connections = (uint32_t)room;
}
