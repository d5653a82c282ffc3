/*
 * The host states that store sends to front and pass, kept as a copy: the
 * clock, then all states between begin and end, then each change.
 */
#include <sys/types.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/proto/any_store.h"
#include "lib/proto/smtp_store.h"
#include "spamgreyd/smtpd/smtpd.h"

void
states_clock(struct chan *ch, struct msg *m, void *arg)
{
	int64_t	asof;

	(void)ch;
	(void)arg;
	if (proto_get_clock(m, &asof) == 0)
		clock_judged(asof);
}

void
states_begin(struct chan *ch, struct msg *m, void *arg)
{
	struct addr_cut	cut;

	(void)ch;
	if (proto_get_hosts_begin(m, &cut) == 0 && hosts_begin(arg, &cut) == -1)
		fatal("host states");
}

void
states_host(struct chan *ch, struct msg *m, void *arg)
{
	struct host	h;

	(void)ch;
	if (proto_get_host(m, &h) == 0 && hosts_set(arg, &h) == -1)
		fatal("host states");
}
