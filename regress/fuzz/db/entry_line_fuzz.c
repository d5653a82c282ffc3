/*
 * Lines of any file for `spamgreydb import'.  One that is accepted prints to a
 * line with the same meaning.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/db/entry.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char	in[ENTRY_LINE_MAX], line[ENTRY_LINE_MAX],
			again[ENTRY_LINE_MAX], copy[ENTRY_LINE_MAX];
	struct entry	e, e2;
	const char	*why = NULL;

	if (size >= sizeof(in))
		return (0);
	memcpy(in, data, size);
	in[size] = '\0';
	if (entry_parse_line(in, &e, &why) == -1) {
		if (why == NULL)
			abort();
		return (0);
	}
	if (entry_line(&e, line) >= ENTRY_LINE_MAX)
		abort();
	strcpy(copy, line);
	if (entry_parse_line(copy, &e2, &why) == -1)
		abort();
	entry_line(&e2, again);
	if (strcmp(line, again) != 0)
		abort();
	return (0);
}
