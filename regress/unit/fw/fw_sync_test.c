/*
 * A comparison of the firewall's table with what should be in it, with a table
 * in memory: what is removed, added, and given another time.
 */
/* LINK: spamgreyd/fw */
#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw_int.h"
#include "regress/lib/tap.h"

#define NOW	1700000000

static struct fw_role	 role;
static struct child	 child;
static char		 calls[1024];	/* to the driver */

/* The rest of the role. */
void
fw_filled(struct fw_role *r)
{
	(void)r;
	strlcat(calls, "filled", sizeof(calls));
}
void
fw_tables_go(struct fw_role *r)
{
	(void)r;
}
void
fw_tables_changed(struct fw_role *r)
{
	(void)r;
}
void
fw_tables_tick(struct fw_role *r)
{
	(void)r;
}
void
fw_room_tick(struct fw_role *r)
{
	(void)r;
}
void
fw_room_full(struct fw_role *r)
{
	(void)r;
}

static struct addr
nth(unsigned int i)
{
	struct addr	a;
	char		text[32];

	snprintf(text, sizeof(text), "192.0.2.%u", i);
	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

/* What the table holds: host i for left[i] seconds, -1: for ever. */
#define HOSTS	10
#define NOT	(-2)
static int64_t	left[HOSTS];

static enum fw_result
dump(fw_seen seen, void *arg)
{
	struct addr	a;
	unsigned int	i;

	for (i = 0; i < HOSTS; i++) {
		a = nth(i);
		if (left[i] != NOT)
			seen(&a, 128, left[i], arg);
	}
	return (FW_OK);
}

static void
note(const char *what, const struct fw_host *h, size_t n)
{
	size_t	i, len;

	for (i = 0; i < n; i++) {
		len = strlen(calls);
		snprintf(calls + len, sizeof(calls) - len, "%s %u", what,
		    h[i].addr.b[15]);
		len = strlen(calls);
		if (strcmp(what, "del") == 0)
			strlcat(calls, ", ", sizeof(calls));
		else if (h[i].until == HOST_FOREVER)
			strlcat(calls, " for ever, ", sizeof(calls));
		else
			snprintf(calls + len, sizeof(calls) - len, " +%lld, ",
			    (long long)(h[i].until - NOW));
	}
}

static enum fw_result
add(struct fw_host *h, size_t n, int64_t now, int fresh)
{
	(void)now;
	note(fresh ? "add" : "renew", h, n);
	return (FW_OK);
}

static enum fw_result
del(struct fw_host *h, size_t n)
{
	note("del", h, n);
	return (FW_OK);
}

static struct fw_driver	driver = { .name = "test", .slice = 100,
			    .timeouts = 1, .add = add, .del = del,
			    .dump = dump };

static void
want(unsigned int i, int64_t until)
{
	struct addr	a = nth(i);
	struct fw_want	*w = fw_set_put(&role.want, &a, 128);

	if (w == NULL)
		abort();
	w->by = FW_BY_STORE;
	w->until = until;
}

static const char *
compare(void)
{
	calls[0] = '\0';
	fw_sync_start(&role, "comparison");
	event_base_dispatch(child.base);
	return (calls);
}

static void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
}

int
main(void)
{
	unsigned int	i;

	log_init("fw");
	log_set_sink(quiet, NULL);
	clock_fake(NOW, 5000000);
	child.base = event_base_new();
	role.c = &child;
	role.drv = &driver;
	fw_set_init(&role.want);
	if (fw_sync_init(&role) == -1)
		return (1);
	for (i = 0; i < HOSTS; i++)
		left[i] = NOT;
	want(0, NOW + 1000);
	left[0] = 1000;
	want(1, NOW + 1000);
	left[1] = 1090;
	want(2, NOW + 1000);
	left[2] = 910;
	want(3, HOST_FOREVER);
	left[3] = -1;
	is_str(compare(), "filled", "a table as it should be, to 90 seconds");

	left[1] = 1091;
	left[2] = 909;
	left[3] = 1000;
	left[0] = -1;
	is_str(compare(), "renew 0 +1000, renew 1 +1000, renew 2 +1000, "
	    "renew 3 for ever, filled", "wrong times are set again");
	clock_judged(0);
	is_str(compare(), "filled",
	    "but not while the clock cannot be trusted");
	clock_judged(NOW);
	driver.timeouts = 0;
	is_str(compare(), "filled", "nor where the kernel keeps no time");

	left[7] = 50;
	want(8, NOW + 30);
	is_str(compare(), "del 7, add 8 +30, filled",
	    "a stranger goes, and what is missing comes");

	fw_sync_free(&role);
	fw_set_free(&role.want);
	event_base_free(child.base);
	return (done());
}
