/*
 * The layouts of the messages of any_store.h.  Which side calls what: put
 * before the message is sent, get in the handler of the receiver.
 */
#include <stddef.h>
#include <string.h>

#include "lib/proto/any_store.h"

int
proto_put_clock(struct ipc *ipc, int64_t asof)
{
	ipc_begin(ipc, MSG_CLOCK, 0);
	ipc_put_i64(ipc, asof);
	return (ipc->failed ? -1 : 0);
}

/*
 * 0 is a value of its own (nothing expires); a time before 1970 is malformed.
 */
int
proto_get_clock(struct msg *m, int64_t *asof)
{
	*asof = msg_get_i64(m);
	if (*asof < 0)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_stat(struct ipc *ipc, uint64_t id, const char *name, int64_t value)
{
	ipc_begin(ipc, MSG_STAT, id);
	ipc_put_str(ipc, name);
	ipc_put_i64(ipc, value);
	return (ipc->failed ? -1 : 0);
}

/* The counter's number may be negative.  Its name is printed by spamgreydb. */
int
proto_get_stat(struct msg *m, const char **name, int64_t *value)
{
	*name = msg_get_text(m);
	*value = msg_get_i64(m);
	return (msg_end(m));
}
