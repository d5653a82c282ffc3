/*
 * SPF records: their syntax.
 */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/dns/spf.h"

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

/* "/24" or "//64" at the end, taken off: its digits; NULL: there is none. */
static const char *
cut_off(char *value, const char *slashes)
{
	size_t	n = strlen(value), k = strlen(slashes);
	char	*p = value + n;

	while (p > value && isdigit((unsigned char)p[-1]))
		p--;
	if (*p == '\0' || (size_t)(p - value) < k ||
	    strncmp(p - k, slashes, k) != 0)
		return (NULL);
	p[-(ptrdiff_t)k] = '\0';
	return (p);
}

/* The /24, /24//64 or //64 at the end of a and mx, taken off.  (A name may
 * hold a slash too.) */
static int
get_cut(char *value, struct addr_cut *cut)
{
	const char	*p;
	int		 n;

	cut->ip4 = 32;
	cut->ip6 = 128;
	if ((p = cut_off(value, "//")) != NULL) {
		if ((n = length(p, 128)) == -1)
			return (-1);
		cut->ip6 = (uint8_t)n;
	}
	if ((p = cut_off(value, "/")) != NULL) {
		if ((n = length(p, 32)) == -1)
			return (-1);
		cut->ip4 = (uint8_t)n;
	}
	return (0);
}

static int
is_alnum(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'));
}

/* "%{d2r.}", "%%", "%_" or "%-" at s: its length; 0: none (RFC 7208 7.1). */
static size_t
macro_length(const char *s)
{
	const char	*p = s + 2, *digits;

	if (s[1] == '%' || s[1] == '_' || s[1] == '-')
		return (2);
	/* c, r and t are for the text of an explanation alone */
	if (s[1] != '{' || *p == '\0' || strchr("slodiphvSLODIPHV", *p) == NULL)
		return (0);
	digits = ++p;
	p += strspn(p, "0123456789");
	if (p > digits && strspn(digits, "0") == (size_t)(p - digits))
		return (0);
	p += *p == 'r' || *p == 'R';
	p += strspn(p, ".-+,/_=");
	return (*p == '}' ? (size_t)(p + 1 - s) : 0);
}

/* A macro-string: 0, and *macro and *last: is there a macro in it, and where
 * does what follows the last one begin; -1. */
static int
macro_string(const char *s, int *macro, const char **last)
{
	size_t	n;

	*macro = 0;
	*last = s;
	while (*s != '\0') {
		if (*s <= ' ' || *s >= 0x7f)
			return (-1);
		if (*s != '%') {
			s++;
			continue;
		}
		if ((n = macro_length(s)) == 0)
			return (-1);
		s += n;
		*macro = 1;
		*last = s;
	}
	return (0);
}

/* The toplabel: letters, digits, hyphens inside; not digits alone. */
static int
is_toplabel(const char *s, size_t len)
{
	size_t	i, digits = 0;

	if (len == 0 || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return (0);
	for (i = 0; i < len; i++) {
		if (!is_alnum(s[i]) && s[i] != '-')
			return (0);
		digits += s[i] >= '0' && s[i] <= '9';
	}
	return (digits < len);
}

/* A domain-spec: it ends in a macro that is expanded, or in a top label. */
static int
get_domain(const char *value, struct spf_term *t)
{
	const char	*last, *dot;
	size_t		 n = strlen(value), len;

	if (n == 0 || macro_string(value, &t->macro, &last) == -1)
		return (-1);
	if (!(t->macro && *last == '\0' && value[n - 1] == '}')) {
		len = n - (size_t)(value[n - 1] == '.');
		for (dot = value + len; dot > last && dot[-1] != '.'; dot--)
			;
		if (dot == last || !is_toplabel(dot, len - (size_t)(dot -
		    value)))
			return (-1);
	}
	if (!t->macro && n > SPF_DOMAIN_MAX)
		return (-1);
	strlcpy(t->domain, value, sizeof(t->domain));
	n = strlen(t->domain);
	if (n > 1 && t->domain[n - 1] == '.')
		t->domain[n - 1] = '\0';
	return (0);
}

/* A letter, then letters, digits, '-', '_' and '.'. */
static int
is_modifier_name(const char *s)
{
	if (!is_alnum(*s) || (*s >= '0' && *s <= '9'))
		return (0);
	while (is_alnum(*s) || (*s != '\0' && strchr("-_.", *s) != NULL))
		s++;
	return (*s == '\0');
}

static int
wrong(const char **why, const char *text)
{
	*why = text;
	return (-1);
}

/* name=value: 1 it matters here, 0 it does not. */
static int
modifier(struct spf_reader *r, char *term, char *equal, struct spf_term *t,
    const char **why)
{
	const char	*value = equal + 1, *last;
	int		 macro;

	*equal = '\0';
	if (strcasecmp(term, "redirect") == 0) {
		if (r->redirect++)
			return (wrong(why, "redirect= twice"));
		t->mechanism = SPF_REDIRECT;
		return (get_domain(value, t) == -1 ? wrong(why,
		    "redirect= without a name") : 1);
	}
	if (strcasecmp(term, "exp") == 0) {
		if (r->exp++)
			return (wrong(why, "exp= twice"));
		return (get_domain(value, t) == -1 ? wrong(why,
		    "exp= without a name") : 0);
	}
	if (!is_modifier_name(term) || macro_string(value, &macro, &last) == -1)
		return (wrong(why, "a modifier that has no such form"));
	return (0);
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
	if (mechanisms[i].cut && get_cut(value, &t->cut) == -1)
		return (-1);
	if (*value == '\0')
		return (mechanisms[i].domain == 'r' ? -1 : 1);
	if (*value != ':' || mechanisms[i].domain == 0)
		return (-1);
	return (get_domain(value + 1, t) == -1 ? -1 : 1);
}

void
spf_start(struct spf_reader *r, const char *record)
{
	memset(r, 0, sizeof(*r));
	r->pos = record + (spf_is_record(record) ? 6 : 0);
}

/* One term, which may be changed. */
static int
term_read(struct spf_reader *r, char *term, struct spf_term *t,
    const char **why)
{
	size_t	 n;

	memset(t, 0, sizeof(*t));
	t->pass = 1;
	/* (a modifier's name ends where its = is, before any : or /) */
	n = strcspn(term, "=:/");
	if (term[n] == '=')
		return (modifier(r, term, term + n, t, why));
	if (*term != '\0' && strchr("+-~?", *term) != NULL)
		t->pass = *term++ == '+';
	return (mechanism(term, t, why));
}

int
spf_next(struct spf_reader *r, struct spf_term *t, const char **why)
{
	char	*term;
	size_t	 n;
	int	 rc = 0;

	while (rc == 0) {
		r->pos += strspn(r->pos, " ");
		if ((n = strcspn(r->pos, " ")) == 0)
			return (0);
		if ((term = strndup(r->pos, n)) == NULL)
			return (wrong(why, "no room in memory"));
		r->pos += n;
		rc = term_read(r, term, t, why);
		free(term);
	}
	return (rc);
}

int
spf_check(const char *record, const char **why)
{
	struct spf_reader	r;
	struct spf_term		t;
	int			rc;

	spf_start(&r, record);
	while ((rc = spf_next(&r, &t, why)) == 1)
		;
	return (rc);
}
