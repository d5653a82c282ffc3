/*
 * The room that all tables of the firewall have together (PF's `set limit
 * table-entries').  Hosts come first: blacklists get what the hosts, the other
 * tables and a reserve leave.  What does not fit is said once an hour, with
 * the number to set.
 */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw_int.h"

#define ROOM_SAY_MS	(60 * 60 * 1000)	/* between two lines in the log */
#define ROOM_YIELD_MS	30000		/* between two times that lists give way */

/* Addresses that the hosts' table has now, as the kernel counts them. */
static size_t
hosts_in(const struct fw_role *r)
{
	long	n = r->drv->count();

	return (n > 0 ? (size_t)n : 0);
}

/* What tables that are not ours hold. */
static size_t
others(const struct fw_role *r, const struct fw_room *room)
{
	size_t	ours = hosts_in(r) + fw_tables_in(r);

	return (room->used > ours ? room->used - ours : 0);
}

/* The limit that would fit everything: what is needed now, a quarter more,
 * rounded up to the next FW_ROOM_STEP. */
size_t
fw_room_advice(const struct fw_role *r, const struct fw_room *room)
{
	size_t	need;

	need = others(r, room) + r->want.n + fw_tables_count(r);
	need += need / 4 + FW_ROOM_STEP;
	return (need - need % FW_ROOM_STEP);
}

/*
 * Whitelisted hosts that are still to come must find room, so that blacklists
 * get only what is left after a twentieth for others and a twentieth for
 * these hosts.
 */
size_t
fw_room_lists(const struct fw_role *r)
{
	struct fw_room	room;
	size_t		taken;

	if (r->drv->room == NULL)
		return (SIZE_MAX);
	if (r->drv->room(&room) != FW_OK)
		return (0);
	/* A twentieth for others, as much again for hosts to come. */
	taken = room.limit / FW_RESERVE * 2 + others(r, &room) + r->want.n;
	return (room.limit > taken ? room.limit - taken : 0);
}

/* What may be added at this moment: less the hosts that are wanted but not
 * in the table yet. */
size_t
fw_room_add(const struct fw_role *r)
{
	struct fw_room	room;
	size_t		left, missing = hosts_in(r);

	if (r->drv->room == NULL)
		return (SIZE_MAX);
	if (r->drv->room(&room) != FW_OK)
		return (0);
	missing = r->want.n > missing ? r->want.n - missing : 0;
	left = fw_room_free(&room);
	return (left > missing ? left - missing : 0);
}

/* 1: the log was told within ROOM_SAY_MS; otherwise the time is noted. */
static int
said_lately(struct fw_role *r)
{
	int64_t	now = clock_mono();

	if (r->room_said != 0 && now - r->room_said < ROOM_SAY_MS)
		return (1);
	r->room_said = now;
	return (0);
}

/* Tells the log that the tables are full and which limit to set. */
static void
say(struct fw_role *r)
{
	struct fw_room	room;

	if (r->drv->room == NULL || r->drv->room(&room) != FW_OK ||
	    said_lately(r))
		return;
	log_warnx("%s: the tables hold %zu of %zu addresses, with a reserve "
	    "for others; hosts that do not fit stay greylisted, networks of "
	    "blacklists are left out first: write `set limit table-entries "
	    "%zu' into pf.conf and load it", r->drv->name, room.used,
	    room.limit, fw_room_advice(r, &room));
}

/*
 * A host found no room.  Blacklists give way: their comparison begins again,
 * and takes out what is beyond their share.  Not more often than
 * ROOM_YIELD_MS, since each comparison reads the tables.
 */
void
fw_room_full(struct fw_role *r)
{
	int64_t	now = clock_mono();

	r->full = 1;
	say(r);
	if (r->drv->room != NULL && (r->room_yield == 0 ||
	    now - r->room_yield >= ROOM_YIELD_MS) && fw_tables_in(r) > 0) {
		r->room_yield = now;
		fw_tables_again(r);
	}
}

void
fw_room_left_out(struct fw_role *r)
{
	say(r);
}

/* At the start the need is known before any table is full. */
void
fw_room_start(struct fw_role *r)
{
	struct fw_room	room;
	size_t		more;

	if (r->drv->room == NULL || r->drv->room(&room) != FW_OK)
		return;
	more = others(r, &room);
	log_info("firewall: tables may hold %zu addresses; %zu hosts and "
	    "networks of whitelists, %zu networks of blacklists, %zu of "
	    "others", room.limit, r->want.n, fw_tables_count(r), more);
	if (more + r->want.n + fw_tables_count(r) >
	    room.limit - room.limit / FW_RESERVE && !said_lately(r))
		log_warnx("%s: the tables are too small: write `set limit "
		    "table-entries %zu' into pf.conf and load it; hosts that "
		    "do not fit stay greylisted", r->drv->name,
		    fw_room_advice(r, &room));
}

/* When there is room again, a comparison adds the hosts that were left out. */
void
fw_room_tick(struct fw_role *r)
{
	struct fw_room	room;

	if (!r->full || r->drv->room == NULL ||
	    r->drv->room(&room) != FW_OK || fw_room_free(&room) == 0)
		return;
	r->full = 0;
	if (r->complete)
		fw_sync_start(r, "there is room again");
}
