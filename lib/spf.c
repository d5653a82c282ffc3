/*
 * SPF records: their syntax.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spf.h"

#define TERM_MAX	(SPF_DOMAIN_MAX + 32)

static const struct {
	const char		*name;
	enum spf_mechanism	 mechanism;
	char			 domain;	/* 'r' required, 'o' optional */
	int			 cut;		/* may end in /n//n */
} mechanisms[] = {
	{ "all", SPF_ALL, 0, 0 },
	{ "include", SPF_INCLUDE, 'r', 0 },
	{ "a", SPF_A, 'o', 1 },
	{ "mx", SPF_MX, 'o', 1 },
	{ "ptr", SPF_PTR, 'o', 0 },
	{ "exists", SPF_EXISTS, 'r', 0 }
};
#define NMECHANISMS	(sizeof(mechanisms) / sizeof(mechanisms[0]))

const char *
spf_mechanism_str(enum spf_mechanism m)
{
	size_t	i;

	for (i = 0; i < NMECHANISMS; i++)
		if (mechanisms[i].mechanism == m)
			return (mechanisms[i].name);
	return (m == SPF_IP ? "ip" : "redirect");
}

int
spf_is_record(const char *text)
{
	return (strncasecmp(text, "v=spf1", 6) == 0 &&
	    (text[6] == ' ' || text[6] == '\0'));
}

/* A prefix length and nothing behind it; -1. */
static int
length(const char *s, unsigned int max)
{
	unsigned int	n = 0;
	const char	*p = s;

	/* no leading zero, but zero itself (12: ip4-cidr-length) */
	if (*p == '\0' || (*p == '0' && p[1] != '\0'))
		return (-1);
	for (; isdigit((unsigned char)*p) && p - s < 4; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	return (*p == '\0' && n <= max ? (int)n : -1);
}

/* ip4:192.0.2.0/24, ip6:2001:db8::/32; bits behind the length do not count. */
static int
get_ip(char *value, int v4, struct prefix *net)
{
	char	*slash = strchr(value, '/');
	int	 len = v4 ? 32 : 128;

	if (slash != NULL) {
		*slash = '\0';
		if ((len = length(slash + 1, v4 ? 32 : 128)) == -1)
			return (-1);
	}
	if (addr_parse(value, &net->addr) == -1 ||
	    addr_is4(&net->addr) != v4)
		return (-1);
	net->len = (uint8_t)(len + (v4 ? 96 : 0));
	addr_mask(&net->addr, net->len);
	return (0);
}

/* The /24, /24//64 or //64 at the end of a and mx, taken off. */
static int
get_cut(char *value, struct addr_cut *cut)
{
	char	*p = strchr(value, '/'), *end;
	int	 n;

	cut->ip4 = 32;
	cut->ip6 = 128;
	if (p == NULL)
		return (0);
	*p++ = '\0';
	if (*p != '/') {
		if ((end = strchr(p, '/')) != NULL)
			*end++ = '\0';
		if ((n = length(p, 32)) == -1)
			return (-1);
		cut->ip4 = (uint8_t)n;
		if ((p = end) == NULL)
			return (0);
	}
	if (*p != '/' || (n = length(p + 1, 128)) == -1)
		return (-1);
	cut->ip6 = (uint8_t)n;
	return (0);
}

/* A name of the DNS, or one with macros. */
static int
get_domain(const char *value, struct spf_term *t)
{
	const char	*p;
	size_t		 n = strlen(value);

	if (n == 0 || n > SPF_DOMAIN_MAX)
		return (-1);
	t->macro = strchr(value, '%') != NULL;
	for (p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || (*p == '/' && !t->macro))
			return (-1);
	memcpy(t->domain, value, n + 1);
	if (n > 1 && t->domain[n - 1] == '.')
		t->domain[n - 1] = '\0';
	return (0);
}

/* name=value: 1 it matters here, 0 it does not. */
static int
modifier(char *term, char *equal, struct spf_term *t, const char **why)
{
	*equal = '\0';
	if (strcasecmp(term, "redirect") != 0)
		return (0);
	t->mechanism = SPF_REDIRECT;
	if (get_domain(equal + 1, t) == -1) {
		*why = "redirect= without a name";
		return (-1);
	}
	return (1);
}

static int
mechanism(char *term, struct spf_term *t, const char **why)
{
	size_t	 i, n = strcspn(term, ":/");
	char	*value = term + n;
	int	 v4;

	*why = "a mechanism that has no such form";
	if ((v4 = n == 3 && strncasecmp(term, "ip4", 3) == 0) ||
	    (n == 3 && strncasecmp(term, "ip6", 3) == 0)) {
		t->mechanism = SPF_IP;
		*why = "ip4: or ip6: without an address of its kind";
		return (*value != ':' || get_ip(value + 1, v4, &t->net) == -1 ?
		    -1 : 1);
	}
	for (i = 0; i < NMECHANISMS; i++)
		if (strlen(mechanisms[i].name) == n &&
		    strncasecmp(term, mechanisms[i].name, n) == 0)
			break;
	if (i == NMECHANISMS) {
		*why = "an unknown mechanism";
		return (-1);
	}
	t->mechanism = mechanisms[i].mechanism;
	/* a macro may hold a slash ("%{d/}"), which no cut begins with */
	if (mechanisms[i].cut && strchr(value, '%') == NULL &&
	    get_cut(value, &t->cut) == -1)
		return (-1);
	if (*value == '\0')
		return (mechanisms[i].domain == 'r' ? -1 : 1);
	if (*value != ':' || mechanisms[i].domain == 0)
		return (-1);
	return (get_domain(value + 1, t) == -1 ? -1 : 1);
}

int
spf_next(const char **pos, struct spf_term *t, const char **why)
{
	char	 term[TERM_MAX], *p, *equal;
	size_t	 n;
	int	 r = 0;

	if (spf_is_record(*pos))
		*pos += 6;
	while (r == 0) {
		*pos += strspn(*pos, " ");
		if ((n = strcspn(*pos, " ")) == 0)
			return (0);
		if (n >= sizeof(term)) {
			*why = "a term that is too long";
			return (-1);
		}
		memcpy(term, *pos, n);
		term[n] = '\0';
		*pos += n;
		memset(t, 0, sizeof(*t));
		t->pass = 1;
		/* (a modifier's name ends where its = is, before any : or /) */
		n = strcspn(term, "=:/");
		if (*(equal = term + n) == '=') {
			r = modifier(term, equal, t, why);
			continue;
		}
		p = term;
		if (*p != '\0' && strchr("+-~?", *p) != NULL)
			t->pass = *p++ == '+';
		r = mechanism(p, t, why);
	}
	return (r);
}
