/*
 * A word that is no command: which commands are like it?
 */
#include <string.h>

#include "spamgreydb/spamgreydb.h"

#define WORD_MAX	16	/* longer than any command */

static size_t
least(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/* How many letters must be changed, put in or left out. */
static size_t
distance(const char *a, const char *b)
{
	size_t	row[WORD_MAX + 1], i, j, diag, up, n = strlen(b);

	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		diag = row[0];
		row[0] = i;
		for (j = 1; j <= n; j++) {
			up = row[j];
			row[j] = least(least(up, row[j - 1]) + 1,
			    diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return (row[n]);
}

int
args_near(const char *word, char *buf, size_t size)
{
	const char	*name;
	size_t		 i, len = strlen(word);

	buf[0] = '\0';
	if (len < 2 || len > WORD_MAX)
		return (0);
	for (i = 0; (name = args_word(i)) != NULL; i++) {
		if (strlen(name) > WORD_MAX || (distance(word, name) > 2 &&
		    strncmp(word, name, len) != 0))
			continue;
		if (buf[0] != '\0')
			strlcat(buf, ", ", size);
		strlcat(buf, name, size);
	}
	return (buf[0] != '\0');
}
