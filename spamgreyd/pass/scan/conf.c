/*
 * The servers of a scanner, as a module's block of the configuration names
 * them.  Knows options, and no connections.
 */
#include <sys/types.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/scan/scan_int.h"

/* In milliseconds; each new scan_conf takes it over. */
static int64_t	budget;		/* ms, of scan_set_budget */

void
scan_set_budget(int64_t ms)
{
	budget = ms;
}

/*
 * The values here are those of SCAN_OPTIONS, for a module that leaves some of
 * the options out of its table.  A question gets nine tenths of the budget of a
 * message, see scan.h.
 */
struct scan_conf *
scan_conf_new(const char *module, uint16_t port)
{
	struct scan_conf	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	if ((c->module = strdup(module)) == NULL) {
		free(c);
		return (NULL);
	}
	c->port = port;
	c->connect = 5000;
	c->timeout = 50000;
	c->most = budget - budget / 10;
	c->tries = 2;
	return (c);
}

/* The counters of the module stay; only their pointer to c is cleared. */
void
scan_conf_free(struct scan_conf *c)
{
	unsigned int	i;

	if (c == NULL)
		return;
	health_forget(c);
	for (i = 0; i < c->n; i++)
		free(c->server[i].path);
	free(c->module);
	free(c);
}

/*
 * Returns room for one more server, which counts only after c->n is increased.
 */
static struct scan_server *
server_new(struct scan_conf *c, const char **error)
{
	if (c->n == SCAN_SERVERS_MAX) {
		*error = "too many servers (at most 8)";
		return (NULL);
	}
	return (&c->server[c->n]);
}

/*
 * The length is checked here, because a longer path would fail only with mail.
 */
static int
add_socket(struct scan_conf *c, const char *path, const char **error)
{
	struct sockaddr_un	 sun;
	struct scan_server	*s;

	if (path[0] != '/') {
		*error = "the path of a socket must begin with /";
		return (-1);
	}
	if (strlen(path) >= sizeof(sun.sun_path)) {
		*error = "the path is too long for a socket";
		return (-1);
	}
	if ((s = server_new(c, error)) == NULL)
		return (-1);
	if ((s->path = strdup(path)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	c->n++;
	return (0);
}

/*
 * An IPv4 address is kept as a mapped IPv6 one, so a single host has 128 bits.
 */
static int
add_server(struct scan_conf *c, const struct module_arg *args, size_t n,
    const char **error)
{
	struct scan_server	*s;

	if (args[0].prefix.len != 128) {
		*error = "a server must be an address, not a network";
		return (-1);
	}
	if ((s = server_new(c, error)) == NULL)
		return (-1);
	s->addr = args[0].prefix.addr;
	s->port = n > 1 ? (uint16_t)args[1].n : c->port;
	c->n++;
	return (0);
}

/* tries counts servers that are asked, the first one included. */
int
scan_option(struct scan_conf *c, const char *keyword,
    const struct module_arg *args, size_t nargs, const char **error)
{
	if (strcmp(keyword, "socket") == 0)
		return (add_socket(c, args[0].s, error) == -1 ? -1 : 1);
	if (strcmp(keyword, "server") == 0)
		return (add_server(c, args, nargs, error) == -1 ? -1 : 1);
	if (strcmp(keyword, "connect") == 0)
		c->connect = args[0].n;
	else if (strcmp(keyword, "timeout") == 0)
		c->timeout = args[0].n;
	else if (strcmp(keyword, "tries") == 0)
		c->tries = (unsigned int)args[0].n;
	else
		return (0);
	return (1);
}

int
scan_check(const struct scan_conf *c, const char **error)
{
	if (c != NULL && c->n > 0)
		return (0);
	*error = "no server given; write socket \"/path\" or server ADDRESS "
	    "port N";
	return (-1);
}

int
scan_is_unix(const struct scan_conf *c, unsigned int server)
{
	return (server < c->n && c->server[server].path != NULL);
}

/* The budget of the message may be shorter than the configured timeout. */
int64_t
scan_time(const struct scan_conf *c)
{
	return (c->most != 0 && c->timeout > c->most ? c->most : c->timeout);
}

unsigned int
scan_servers(const struct scan_conf *c)
{
	return (c->n);
}

const char *
scan_name(const struct scan_conf *c, unsigned int server,
    char name[SCAN_NAME])
{
	const struct scan_server	*s = &c->server[server];
	char				 a[ADDR_STRLEN];

	if (s->path != NULL)
		snprintf(name, SCAN_NAME, "%s", s->path);
	else
		snprintf(name, SCAN_NAME, "%s port %u",
		    addr_str(&s->addr, a), (unsigned int)s->port);
	return (name);
}
