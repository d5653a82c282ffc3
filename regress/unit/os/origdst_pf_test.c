/*
 * DIOCNATLOOK of FreeBSD, with an ioctl(2) that the test defines.
 */
/* LINK: spamgreyd/os/origdst_pf.c */
#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdarg.h>

#include "spamgreyd/os/pf_abi.h"
#include "spamgreyd/os/os.h"
#include "regress/lib/tap.h"

static int	asked, well_asked, no_state;

int	ioctl(int, unsigned long, ...);

static const uint8_t	client4[4] = { 192, 0, 2, 1 }, mx4[4] = { 203, 0, 113, 25 };

int
ioctl(int fd, unsigned long request, ...)
{
	struct pf_abi_natlook	*l;
	va_list			 ap;
	int			 is4;

	va_start(ap, request);
	l = va_arg(ap, void *);
	va_end(ap);
	asked++;
	if (fd != 77 || request != PF_ABI_NATLOOK) {
		errno = fd != 77 ? EBADF : ENOTTY;
		return (-1);
	}
	is4 = l->af == PF_ABI_INET;
	well_asked = l->proto == 6 && l->direction == PF_ABI_OUT &&
	    l->sport == htons(1025) && l->dport == htons(8025) &&
	    (is4 ? memcmp(l->saddr, client4, 4) == 0 :
	    l->af == PF_ABI_INET6_FREEBSD);
	if (no_state) {
		errno = ENOENT;
		return (-1);
	}
	memset(l->rdaddr, 0x20, 16);
	if (is4)
		memcpy(l->rdaddr, mx4, 4);
	l->rdport = htons(25);
	return (0);
}

static int
look(int pf, const char *client, const char *local, char *got, uint16_t *port)
{
	struct addr	c, l, d;
	int		r;

	if (addr_parse(client, &c) == -1 || addr_parse(local, &l) == -1)
		abort();
	asked = well_asked = 0;
	*port = 0;
	got[0] = '\0';
	if ((r = origdst(0, pf, &c, 1025, &l, 8025, &d, port)) == 0)
		addr_str(&d, got);
	return (r);
}

int
main(void)
{
	char		got[ADDR_STRLEN];
	uint16_t	port;

	is_int(origdst_pf, 1, "front and pass get /dev/pf");
	is_int(look(77, "192.0.2.1", "127.0.0.1", got, &port), 0, "IPv4");
	ok(well_asked, "asked for the state going out");
	is_str(got, "203.0.113.25", "its address");
	is_int(port, 25, "its port");
	is_int(look(77, "2001:db8::1", "::1", got, &port), 0, "IPv6");
	ok(well_asked, "asked for the state going out");
	is_str(got, "2020:2020:2020:2020:2020:2020:2020:2020", "its address");
	no_state = 1;
	is_int(look(77, "192.0.2.1", "127.0.0.1", got, &port), -1,
	    "no such state: unknown");
	is_int(asked, 1, "and not asked again in another form");
	is_int(look(-1, "192.0.2.1", "127.0.0.1", got, &port), -1,
	    "no descriptor: unknown");
	is_int(asked, 0, "and nobody asked");
	return (done());
}
