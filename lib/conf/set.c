/*
 * What a statement of the configuration sets: the settings of the schema, by
 * their rows, each once; and the objects of which there may be several, made
 * with their defaults.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

/* The text of a string setting, checked by its kind. */
static void
set_string(const struct conf_scalar *r, const char *what,
    const struct lex_token *t, char **result)
{
	switch (r->type) {
	case CT_HOSTNAME:
		conf_hostname(t, result);
		break;
	case CT_PATH:
		conf_path(t, what, result);
		break;
	case CT_CONTACT:
		conf_contact(t, result);
		break;
	case CT_TEMPLATE:
		conf_template(t, what, "A", result);
		break;
	case CT_GREYREPLY:
		conf_grey_reply(t, result);
		break;
	case CT_SUBJECT:
		conf_subject(t, result);
		break;
	case CT_NAME:
		conf_fw_name(t, what, (size_t)r->max, result);
		break;
	default:
		conf_replace(result, t->text);
		break;
	}
}

/*
 * Sets the row's member to what the token says: a word that stands for a value,
 * or a value within the limits of the row.  What is wrong is reported, and the
 * default stays.
 */
static void
set_value(const struct conf_scalar *r, void *base, const struct lex_token *t)
{
	char	what[CONF_NAME_MAX];
	int64_t	v;
	int	code;

	conf_label(r, what);
	if (t->kind == LEX_WORD && conf_word_value(r, t->text, &v) == 0) {
		if (conf_is_number(r))
			conf_put(r, base, v);
		else {
			free(*conf_string(r, base));
			*conf_string(r, base) = NULL;
		}
	} else if (conf_is_string(r))
		set_string(r, what, t, conf_string(r, base));
	else if (r->type == CT_CODE) {
		if (conf_reply_code(t, what, &code) == 0)
			conf_put(r, base, code);
	} else if (conf_value(t, what, (enum value_kind)conf_kind(r), r->min,
	    r->max, &v) == 0)
		conf_put(r, base, v);
}

/* A setting was given at `at', with that value (of a flag none). */
void
conf_setting(struct config *c, const struct conf_scalar *r,
    const struct lex_token *at, const struct lex_token *value)
{
	char	what[CONF_NAME_MAX];

	if (conf_once(at, "%s", conf_label(r, what)) == -1)
		return;
	if (r->type == CT_FLAG)
		conf_put(r, conf_base(c, r->block), 1);
	else
		set_value(r, conf_base(c, r->block), value);
}

/*
 * A value within a statement.  A name that the schema does not have is a
 * mistake of the program.
 */
void
conf_own(struct config *c, enum conf_block block, const char *name,
    const struct lex_token *value)
{
	const struct conf_scalar	*r = conf_find(block, name);

	if (r == NULL)
		fatalx("configuration: no row \"%s\"", name);
	set_value(r, conf_base(c, block), value);
}

/* "file:line" of the token, for messages after the parser's end. */
void
conf_set_where(char **where, const struct lex_token *t)
{
	char	text[1100];

	snprintf(text, sizeof(text), "%.1024s:%u", t->file, t->line);
	conf_replace(where, text);
}

/*
 * A pair of certificate and key.  The files are read when the configuration is
 * loaded (conf_load).
 */
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

/*
 * A listener, of front unless the caller changes that.  When its address or its
 * port is wrong, it is there all the same, so that the options which follow
 * have a place.
 */
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
