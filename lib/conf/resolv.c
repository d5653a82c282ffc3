/*
 * The system's name servers, for who names none with `resolver'.  In the
 * parent, at start and at each reload: pass cannot read resolv.conf(5).
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/config.h"

#define NAMESERVERS_MAX	8
#define DNS_PORT	53

/*
 * Appends a resolver as text: "192.0.2.1:53", "[2001:db8::1]:53".  Returns 0,
 * or -1 without memory.
 */
int
conf_resolver_add(struct conf_strings *list, const struct addr *a,
    uint16_t port)
{
	struct conf_string	*s;
	char			 text[ADDR_STRLEN], whole[ADDR_STRLEN + 16];

	snprintf(whole, sizeof(whole), addr_is4(a) ? "%s:%u" : "[%s]:%u",
	    addr_str(a, text), port);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	if ((s->text = strdup(whole)) == NULL) {
		free(s);
		return (-1);
	}
	TAILQ_INSERT_TAIL(list, s, entry);
	return (0);
}

/* "nameserver 192.0.2.1", the only line that is of interest. */
static int
nameserver(char *line, struct addr *a)
{
	char	*p = line + strspn(line, " \t");

	if (strncmp(p, "nameserver", 10) != 0 ||
	    !isspace((unsigned char)p[10]))
		return (0);
	p += 10;
	p += strspn(p, " \t");
	p[strcspn(p, " \t\r\n#;")] = '\0';
	return (addr_parse(p, a) == 0);
}

int
conf_resolvers_system(struct config *c, const char *file)
{
	struct addr	 a;
	FILE		*f;
	char		 line[512];
	unsigned int	 n = 0;
	int		 r = 0;

	if (!TAILQ_EMPTY(&c->resolvers))
		return (0);
	if ((f = fopen(file, "r")) != NULL) {
		while (r == 0 && n < NAMESERVERS_MAX &&
		    fgets(line, sizeof(line), f) != NULL)
			if (nameserver(line, &a)) {
				r = conf_resolver_add(&c->resolvers, &a,
				    DNS_PORT);
				n++;
			}
		fclose(f);
	}
	/* As resolv.conf(5) says when there is none. */
	if (n == 0 && addr_parse("127.0.0.1", &a) == 0)
		r = conf_resolver_add(&c->resolvers, &a, DNS_PORT);
	return (r);
}
