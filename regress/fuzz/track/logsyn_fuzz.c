/* LINK: spamgreyd/track */
/*
 * Any bytes as a packet: nothing is read past its end, and a SYN is found only
 * if the packet has one.
 */
#include <stdlib.h>

#include "spamgreyd/track/logpkt.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct logsyn	s;
	int		r = logsyn_parse(data, size, &s);

	if (r < -1 || r > 1 || (r == 1 && (size < 34 ||
	    addr_is4(&s.src) != (data[0] >> 4 == 4) ||
	    addr_is4(&s.src) != addr_is4(&s.dst))))
		abort();
	/* Less of it is no SYN where more is none but whole. */
	if (r == -1 && size > 0 && logsyn_parse(data, size - 1, &s) == 1)
		abort();
	return (0);
}
