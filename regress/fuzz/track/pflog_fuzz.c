/* LINK: spamgreyd/track */
/*
 * Any bytes as a record of a capture: the packet is inside of it, and the name
 * of the interface ends with NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/track/logpkt.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct logpkt	k;
	struct logsyn	s;

	if (pflog_parse(data, size, &k) == -1)
		return (0);
	if (k.iplen == 0 || k.ip < data || k.iplen > size ||
	    k.ip + k.iplen > data + size || k.dir > LOGPKT_OUT ||
	    memchr(k.ifname, '\0', sizeof(k.ifname)) == NULL)
		abort();
	(void)logsyn_parse(k.ip, k.iplen, &s);
	return (0);
}
