/*
 * `spamgreyd -n': does the firewall's table exist, and has it room?  Only
 * root can ask the kernel; for other users there is no answer and no warning.
 * A configuration is valid without the table, so that these are warnings.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "spamgreyd/fw/fw.h"

/* A warning if less than a twentieth of the limit is free.  The advice is
 * half as much again as is used now, and 10,000 more, rounded. */
static void
check_room(const struct fw_driver *drv)
{
	struct fw_room	room;
	size_t		advice;

	if (drv->room == NULL || drv->room(&room) != FW_OK ||
	    fw_room_free(&room) > room.limit / FW_RESERVE)
		return;
	advice = room.used + room.used / 2 + FW_ROOM_STEP;
	fprintf(stderr, "warning: firewall %s: the tables hold %zu of %zu "
	    "addresses, and spamgreyd keeps a twentieth for others: write `set "
	    "limit table-entries %zu' into pf.conf and load it\n", drv->name,
	    room.used, room.limit, advice - advice % FW_ROOM_STEP);
}

/* open() of the driver changes nothing in the firewall, so that it can be
 * asked while a daemon runs. */
void
fw_check(const struct config *conf)
{
	const struct fw_driver	*drv = conf->fw == FW_PF ? &fw_pf : &fw_nft;
	int			 fd = -1;

	if (conf->fw == FW_NONE || geteuid() != 0)
		return;
	if (conf->fw == FW_PF &&
	    (fd = open("/dev/pf", O_RDWR | O_CLOEXEC)) == -1) {
		fprintf(stderr, "warning: firewall pf: cannot open /dev/pf "
		    "for writing\n");
		return;
	}
	switch (drv->open(conf, fd)) {
	case FW_OK:
		check_room(drv);
		break;
	case FW_GONE:
		fprintf(stderr, "warning: %s; without it mail bypasses "
		    "spamgreyd, and spamgreyd does not start\n", fw_why());
		break;
	default:
		fprintf(stderr, "warning: %s\n", fw_why());
		break;
	}
	drv->close();
	if (fd != -1)
		close(fd);
}
