/*
 * The users of one message; see spamc_users.h.  There are at most
 * SPAMC_USERS_MAX, so the list is searched from its beginning.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/modules/spamassassin/spamc_users.h"

int
spamc_users_add(struct spamc_users *u, const char *name)
{
	struct spamc_user	*list;
	size_t			 i;

	for (i = 0; i < u->n; i++)
		if (strcmp(u->list[i].name, name) == 0)
			return (1);
	if (u->n == SPAMC_USERS_MAX)
		return (0);
	if ((list = reallocarray(u->list, u->n + 1, sizeof(*list))) == NULL)
		return (-1);
	u->list = list;
	/* The answer is zeroed: without symbols it counts as missing. */
	memset(&list[u->n], 0, sizeof(list[u->n]));
	strlcpy(list[u->n++].name, name, sizeof(list->name));
	return (1);
}

void
/* symbols is NULL without an answer, which free() accepts. */
spamc_users_clear(struct spamc_users *u)
{
	size_t	i;

	for (i = 0; i < u->n; i++)
		free(u->list[i].symbols);
	free(u->list);
	memset(u, 0, sizeof(*u));
}

/* A second answer for the same user replaces the first. */
int
spamc_users_answer(struct spamc_users *u, size_t i,
    const struct spamc_reply *r, enum spamc_verb verb)
{
	char	symbols[SPAMC_SYMBOLS_MAX + 1];

	spamc_symbols(r, verb, symbols);
	free(u->list[i].symbols);
	if ((u->list[i].symbols = strdup(symbols)) == NULL)
		return (-1);
	u->list[i].flagged = r->flagged;
	u->list[i].score = r->score;
	u->list[i].required = r->required;
	return (0);
}

/*
 * The user with the highest (sign 1) or lowest (sign -1) score; the first one
 * if several have it.
 */
static const struct spamc_user *
extreme(const struct spamc_users *u, int sign)
{
	const struct spamc_user	*found = &u->list[0];
	size_t			 i;

	for (i = 1; i < u->n; i++)
		if (sign * u->list[i].score > sign * found->score)
			found = &u->list[i];
	return (found);
}

const struct spamc_user *
spamc_users_lowest(const struct spamc_users *u)
{
	return (extreme(u, -1));
}

const struct spamc_user *
spamc_users_highest(const struct spamc_users *u)
{
	return (extreme(u, 1));
}

size_t
spamc_users_flagged(const struct spamc_users *u)
{
	size_t	i, n = 0;

	for (i = 0; i < u->n; i++)
		n += u->list[i].flagged ? 1 : 0;
	return (n);
}

/* A name of "" is shown as "-". */
int
spamc_users_field(const struct spamc_users *u, struct buf *b)
{
	const struct spamc_user	*one;
	size_t			 i;

	for (i = 0; i < u->n; i++) {
		one = &u->list[i];
		if (buf_printf(b, "%s%s score=%.1f required=%.1f %s",
		    i == 0 ? "" : ";\n\t", one->name[0] == '\0' ? "-" :
		    one->name, (double)one->score / 1000,
		    (double)one->required / 1000, one->flagged ? "spam" :
		    "ham") == -1)
			return (-1);
	}
	return (buf_add(b, "", 1));
}
