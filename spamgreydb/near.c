/*
 * A word that is not a command: which commands are like it?
 */
#include <string.h>

#include "lib/base/near.h"
#include "spamgreydb/spamgreydb.h"

#define WORD_LEAST	2	/* a shorter beginning is like too many */

int
args_near(const char *word, char *buf, size_t size)
{
	const char	*name;
	size_t		 i, len = strlen(word);

	buf[0] = '\0';
	if (len < WORD_LEAST)
		return (0);
	for (i = 0; (name = args_word(i)) != NULL; i++) {
		if (near_word(word, name) == -1 &&
		    strncmp(word, name, len) != 0)
			continue;
		if (buf[0] != '\0')
			strlcat(buf, ", ", size);
		strlcat(buf, name, size);
	}
	return (buf[0] != '\0');
}
