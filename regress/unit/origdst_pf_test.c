/*
 * DIOCNATLOOK as OpenBSD and FreeBSD have it, asked of an ioctl(2) of our
 * own that speaks the one or the other.
 */
/* LINK: spamgreyd/origdst_pf.o */
#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdarg.h>

#include "../../spamgreyd/fw_pf_abi.h"
#include "../../spamgreyd/spamgreyd.h"
#include "tap.h"

static enum { OPENBSD, FREEBSD, NO_STATE } kernel;
static int	asked, well_asked;

int	ioctl(int, unsigned long, ...);

static const uint8_t	client4[4] = { 192, 0, 2, 1 }, mx4[4] = { 203, 0, 113, 25 };

int
ioctl(int fd, unsigned long request, ...)
{
	struct pf_abi_natlook_openbsd	*o;
	struct pf_abi_natlook_freebsd	*f;
	va_list				 ap;
	void				*p;

	va_start(ap, request);
	p = va_arg(ap, void *);
	va_end(ap);
	asked++;
	if (fd != 77) {
		errno = EBADF;
		return (-1);
	}
	if (request == PF_ABI_NATLOOK_OPENBSD && kernel != FREEBSD) {
		o = p;
		well_asked = o->proto == 6 && o->direction == PF_ABI_OUT &&
		    o->sport == htons(1025) && o->dport == htons(8025) &&
		    (o->af != PF_ABI_INET ||
		    memcmp(o->saddr, client4, 4) == 0);
		if (kernel == NO_STATE) {
			errno = ENOENT;
			return (-1);
		}
		memset(o->rdaddr, 0x20, 16);
		if (o->af == PF_ABI_INET)
			memcpy(o->rdaddr, mx4, 4);
		o->rdport = htons(25);
		return (0);
	}
	if (request == PF_ABI_NATLOOK_FREEBSD && kernel == FREEBSD) {
		f = p;
		well_asked = f->proto == 6 && f->direction == PF_ABI_OUT &&
		    f->sport == htons(1025) && f->dport == htons(8025) &&
		    f->af == PF_ABI_INET && memcmp(f->saddr, client4, 4) == 0;
		memcpy(f->rdaddr, mx4, 4);
		f->rdport = htons(25);
		return (0);
	}
	errno = ENOTTY;
	return (-1);
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

	kernel = OPENBSD;
	is_int(look(77, "192.0.2.1", "127.0.0.1", got, &port), 0, "OpenBSD");
	ok(well_asked, "asked for the state going out");
	is_str(got, "203.0.113.25", "its address");
	is_int(port, 25, "its port");
	is_int(look(77, "2001:db8::1", "::1", got, &port), 0, "IPv6");
	is_str(got, "2020:2020:2020:2020:2020:2020:2020:2020", "its address");
	kernel = FREEBSD;
	is_int(look(77, "192.0.2.1", "127.0.0.1", got, &port), 0, "FreeBSD");
	ok(well_asked, "asked for the state going out");
	is_str(got, "203.0.113.25", "its address");
	is_int(port, 25, "its port");
	kernel = NO_STATE;
	is_int(look(77, "192.0.2.1", "127.0.0.1", got, &port), -1,
	    "no such state: unknown");
	is_int(asked, 1, "and not asked again in another form");
	is_int(look(-1, "192.0.2.1", "127.0.0.1", got, &port), -1,
	    "no descriptor: unknown");
	is_int(asked, 0, "and nobody asked");
	return (done());
}
