/*
 * The syntax of SPF records; see spf.h.  Each term is copied and then cut into
 * its parts in place.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/dns/spf.h"

#define VERSION		"v=spf1"
#define VERSION_LEN	(sizeof(VERSION) - 1)

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

/* The two that have no row are the address and the modifier. */
const char *
spf_mechanism_str(enum spf_mechanism m)
{
	size_t	i;

	for (i = 0; i < NMECHANISMS; i++)
		if (mechanisms[i].mechanism == m)
			return (mechanisms[i].name);
	return (m == SPF_IP ? "ip" : "redirect");
}

/* "v=spf10" is another version. */
int
spf_is_record(const char *text)
{
	return (ascii_begins(text, strlen(text), VERSION) &&
	    (text[VERSION_LEN] == ' ' || text[VERSION_LEN] == '\0'));
}

/* A prefix length and nothing behind it; -1. No leading zero (RFC 7208 12). */
static int
prefix_length(const char *s, unsigned int max)
{
	unsigned int	n = 0;
	const char	*p = s;

	if (*p == '\0' || (*p == '0' && p[1] != '\0'))
		return (-1);
	for (; ascii_is_digit(*p) && p - s < 4; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	return (*p == '\0' && n <= max ? (int)n : -1);
}

/* ip4:192.0.2.0/24, ip6:2001:db8::/32; bits behind the length do not count. */
static int
get_ip(char *value, int v4, struct prefix *net)
{
	char	*slash = strchr(value, '/');
	int	 len = v4 ? ADDR4_BITS : ADDR_BITS;

	if (slash != NULL) {
		*slash = '\0';
		if ((len = prefix_length(slash + 1, (unsigned int)len)) == -1)
			return (-1);
	}
	if (addr_parse(value, &net->addr) == -1 ||
	    addr_is4(&net->addr) != v4)
		return (-1);
	net->len = (uint8_t)(len + (v4 ? ADDR4_SKIP : 0));
	addr_mask(&net->addr, net->len);
	return (0);
}

/*
 * Takes "/24" or "//64" off the end; returns its digits, or NULL: there is
 * none.
 */
static const char *
cut_off(char *value, const char *slashes)
{
	size_t	n = strlen(value), k = strlen(slashes);
	char	*p = value + n;

	while (p > value && ascii_is_digit(p[-1]))
		p--;
	if (*p == '\0' || (size_t)(p - value) < k ||
	    strncmp(p - k, slashes, k) != 0)
		return (NULL);
	p[-(ptrdiff_t)k] = '\0';
	return (p);
}

/*
 * Takes the /24, /24//64 or //64 off the end of a and mx.  A name may contain
 * a slash too, so the end is looked at.
 */
static int
get_cut(char *value, struct addr_cut *cut)
{
	const char	*p;
	int		 n;

	cut->ip4 = ADDR4_BITS;
	cut->ip6 = ADDR_BITS;
	if ((p = cut_off(value, "//")) != NULL) {
		if ((n = prefix_length(p, ADDR_BITS)) == -1)
			return (-1);
		cut->ip6 = (uint8_t)n;
	}
	if ((p = cut_off(value, "/")) != NULL) {
		if ((n = prefix_length(p, ADDR4_BITS)) == -1)
			return (-1);
		cut->ip4 = (uint8_t)n;
	}
	return (0);
}

/* "%{d2r.}", "%%", "%_" or "%-" at s: its length; 0: none (RFC 7208 7.1). */
static size_t
macro_length(const char *s)
{
	const char	*p = s + 2, *digits;

	if (s[1] == '%' || s[1] == '_' || s[1] == '-')
		return (2);
	/* The letters c, r and t are for an explanation only. */
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

/*
 * A macro-string: 0, and in *macro whether it has a macro, in *last what
 * follows the last one; -1: malformed.
 */
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

/* A top label: letters, digits, hyphens inside; not digits alone. */
static int
is_toplabel(const char *s, size_t len)
{
	size_t	i, digits = 0;

	if (len == 0 || !ascii_is_alnum(s[0]) || !ascii_is_alnum(s[len - 1]))
		return (0);
	for (i = 0; i < len; i++) {
		if (!ascii_is_alnum(s[i]) && s[i] != '-')
			return (0);
		digits += ascii_is_digit(s[i]);
	}
	return (digits < len);
}

/* A domain-spec ends in a macro that is expanded, or in a top label. */
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
	if (!ascii_is_alpha(*s))
		return (0);
	while (ascii_is_alnum(*s) || (*s != '\0' && strchr("-_.", *s) != NULL))
		s++;
	return (*s == '\0');
}

/* Sets *why and returns -1. */
static int
spf_wrong(const char **why, const char *text)
{
	*why = text;
	return (-1);
}

/* name=value: 1 it counts here, 0 it does not, -1 and *why. */
static int
modifier(struct spf_reader *r, char *term, char *equal, struct spf_term *t,
    const char **why)
{
	const char	*value = equal + 1, *last;
	size_t		 len = (size_t)(equal - term);
	int		 macro;

	*equal = '\0';
	if (ascii_equal(term, len, "redirect")) {
		if (r->redirect++)
			return (spf_wrong(why, "redirect= twice"));
		t->mechanism = SPF_REDIRECT;
		return (get_domain(value, t) == -1 ? spf_wrong(why,
		    "redirect= without a name") : 1);
	}
	if (ascii_equal(term, len, "exp")) {
		if (r->exp++)
			return (spf_wrong(why, "exp= twice"));
		return (get_domain(value, t) == -1 ? spf_wrong(why,
		    "exp= without a name") : 0);
	}
	if (!is_modifier_name(term) || macro_string(value, &macro, &last) == -1)
		return (spf_wrong(why, "a malformed modifier"));
	return (0);
}

/* A mechanism, with what its row of the table says it may have behind it. */
static int
mechanism(char *term, struct spf_term *t, const char **why)
{
	size_t	 i, n = strcspn(term, ":/");
	char	*value = term + n;
	int	 v4;

	*why = "a malformed mechanism";
	if ((v4 = ascii_equal(term, n, "ip4")) ||
	    ascii_equal(term, n, "ip6")) {
		t->mechanism = SPF_IP;
		*why = "ip4: or ip6: without a valid address";
		return (*value != ':' || get_ip(value + 1, v4, &t->net) == -1 ?
		    -1 : 1);
	}
	for (i = 0; i < NMECHANISMS; i++)
		if (ascii_equal(term, n, mechanisms[i].name))
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

/* A text that is not a record is read as its terms alone. */
void
spf_start(struct spf_reader *r, const char *record)
{
	memset(r, 0, sizeof(*r));
	r->pos = record + (spf_is_record(record) ? VERSION_LEN : 0);
}

/*
 * One term, which is changed.  A modifier's name ends where its "=" is, before
 * any ":" or "/".
 */
static int
term_read(struct spf_reader *r, char *term, struct spf_term *t,
    const char **why)
{
	size_t	 n;

	memset(t, 0, sizeof(*t));
	t->pass = 1;
	n = strcspn(term, "=:/");
	if (term[n] == '=')
		return (modifier(r, term, term + n, t, why));
	if (*term != '\0' && strchr("+-~?", *term) != NULL)
		t->pass = *term++ == '+';
	return (mechanism(term, t, why));
}

/*
 * Passes over modifiers that do not count here; 1, 0 at the end, -1 and *why.
 */
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
			return (spf_wrong(why, "out of memory"));
		r->pos += n;
		rc = term_read(r, term, t, why);
		free(term);
	}
	return (rc);
}

/* Reads all of it. */
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
