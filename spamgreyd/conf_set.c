/*
 * What a statement of the configuration sets, each once; and the objects of
 * which there may be several, made with their defaults.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "conf_parse.h"

void
conf_set_number(const struct lex_token *at, const struct lex_token *t,
    const char *what, uint32_t min, uint32_t max, uint32_t *result)
{
	if (conf_once(at, "%s", what) == 0)
		conf_number(t, what, min, max, result);
}

void
conf_set_time(const struct lex_token *at, const struct lex_token *t,
    const char *what, int64_t *result)
{
	if (conf_once(at, "%s", what) == 0)
		conf_time(t, what, 1, CONF_TIME_MAX, result);
}

void
conf_set_prefixlen(const struct lex_token *at, const struct lex_token *t,
    const char *what, unsigned int max, uint8_t *result)
{
	if (conf_once(at, "%s", what) == 0)
		conf_prefixlen(t, max, result);
}

void
conf_set_where(char **where, const struct lex_token *t)
{
	char	text[1100];

	snprintf(text, sizeof(text), "%.1024s:%u", t->file, t->line);
	conf_replace(where, text);
}

void
conf_set_tls(const struct lex_token *cert, const struct lex_token *key,
    struct conf_tls **result)
{
	if ((*result = calloc(1, sizeof(**result))) == NULL)
		fatal("configuration");
	conf_set_where(&(*result)->where, cert);
	conf_replace(&(*result)->cert_file, "");
	conf_replace(&(*result)->key_file, "");
	conf_path(cert, "certificate", &(*result)->cert_file);
	conf_path(key, "key", &(*result)->key_file);
}

struct conf_listen *
conf_listen_new(struct config *conf, const struct lex_token *at,
    const struct lex_token *address, const struct lex_token *port)
{
	struct conf_listen	*l;
	char			 text[ADDR_STRLEN];
	uint32_t		 number = 0;
	int			 good = 1;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listens, l, entry);
	if (conf_address(address, "listen on", &l->addr) == -1)
		good = 0;
	else if (port->text == NULL)
		conf_error(address, "listen on %s: the port is missing; write "
		    "\"listen on %s port %d\"", address->text, address->text,
		    CONF_PORT);
	if (port->text == NULL || conf_number(port, "port", 1, 65535, &number) == -1)
		good = 0;
	l->port = (uint16_t)number;
	if (good)
		conf_once(at, "listen on %s port %u",
		    addr_str(&l->addr, text), number);
	return (l);
}
