/* Any bytes as lines of an address list: each result is a valid range. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addrset/listline.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr	 lo, hi;
	const char	*error = NULL;
	const uint8_t	*nl;
	char		*copy;
	size_t		 n;

	for (; size > 0; data += n, size -= n) {
		nl = memchr(data, '\n', size);
		n = nl != NULL ? (size_t)(nl - data) + 1 : size;
		/* In memory of its own: what reads past its end is seen. */
		if ((copy = malloc(n)) == NULL)
			return (0);
		memcpy(copy, data, n);
		switch (listline_parse(copy, n - (nl != NULL), size & 1, &lo,
		    &hi, &error)) {
		case LISTLINE_RANGE:
			if ((addr_is4(&lo) && !addr_is4(&hi)) ||
			    addr_cmp(&lo, &hi) > 0)
				abort();
			break;
		case LISTLINE_BAD:
			if (error == NULL)
				abort();
			break;
		case LISTLINE_NONE:
			break;
		}
		free(copy);
	}
	return (0);
}
