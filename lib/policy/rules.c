/*
 * Addresses and domains of the configuration as one sorted array, so that a
 * list of many thousands costs a few comparisons per RCPT.  Pure functions.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/policy/policy_int.h"

static int
compare_rules(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* The rules are empty afterwards and can be used. */
void
rules_free(struct rules *r)
{
	size_t	i;

	for (i = 0; i < r->n; i++)
		free(r->text[i]);
	free(r->text);
	r->text = NULL;
	r->n = 0;
}

/* "@example.org" and "example.org" mean the same. */
static char *
canonical(const char *rule)
{
	return (strdup(*rule == '@' ? rule + 1 : rule));
}

/* On an error (-1) the rules are empty. */
int
rules_build(struct rules *r, const struct conf_strings *list)
{
	const struct conf_string	*s;
	size_t				 n = 0;

	r->text = NULL;
	r->n = 0;
	TAILQ_FOREACH(s, list, entry)
		n++;
	if (n == 0)
		return (0);
	if ((r->text = calloc(n, sizeof(*r->text))) == NULL)
		return (-1);
	TAILQ_FOREACH(s, list, entry) {
		if ((r->text[r->n] = canonical(s->text)) == NULL) {
			rules_free(r);
			return (-1);
		}
		r->n++;
	}
	qsort(r->text, r->n, sizeof(*r->text), compare_rules);
	return (0);
}

static int
has_rule(const struct rules *r, const char *text)
{
	return (bsearch(&text, r->text, r->n, sizeof(*r->text),
		    compare_rules) != NULL);
}

/* box is normalised: one address, perhaps without a domain. */
int
rules_match(const struct rules *r, const char *box)
{
	const char	*domain, *dot;

	if (r->n == 0 || (domain = strrchr(box, '@')) == NULL)
		return (0);		/* a name without a domain */
	if (has_rule(r, box))
		return (1);
	domain++;
	if (has_rule(r, domain))
		return (1);
	/* ".example.org" means its subdomains: try at each dot. */
	for (dot = strchr(domain, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
		if (has_rule(r, dot))
			return (1);
	return (0);
}
