/*
 * A /dev/pf for a program on a system that has none: loaded before libc, it
 * opens the file of $PFEMU_STATE (made by pfemuctl) in place of /dev/pf, and
 * answers PF's requests on any descriptor of that file, however it came: over
 * exec, a socket or a chroot.  Build: cc -shared -fPIC pfemu.c -ldl.
 */
/* SHARED */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#include "regress/fw/pfemu_state.h"

static struct emu	*emu;
static struct stat	 emu_id;
static const char	*emu_path;

int	open(const char *, int, ...);
int	open64(const char *, int, ...);
int	openat(int, const char *, int, ...);
int	openat64(int, const char *, int, ...);
int	__open_2(const char *, int);
int	__open64_2(const char *, int);
int	ioctl(int, unsigned long, ...);

__attribute__((__constructor__)) static void
emu_start(void)
{
	/* Before any chroot or privilege drop of the program. */
	if ((emu_path = getenv("PFEMU_STATE")) == NULL)
		return;
	if ((emu = emu_map(emu_path, 0)) == NULL ||
	    stat(emu_path, &emu_id) == -1) {
		fprintf(stderr, "pfemu: %s: %s\n", emu_path, strerror(errno));
		_exit(127);
	}
}

static int
real_open(int at, const char *path, int flags, mode_t mode)
{
	static int	(*next)(int, const char *, int, ...);

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "openat");
	if (emu != NULL && strcmp(path, "/dev/pf") == 0)
		path = emu_path;
	return (next(at, path, flags, mode));
}

static mode_t
mode_of(int flags, va_list ap)
{
	return (flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0);
}

#define OPEN_BODY(at)						\
	va_list	ap;						\
	mode_t	mode;						\
								\
	va_start(ap, flags);					\
	mode = mode_of(flags, ap);				\
	va_end(ap);						\
	return (real_open(at, path, flags, mode))

int
open(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

int
open64(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

int
openat(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

int
openat64(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

int
__open_2(const char *path, int flags)
{
	return (real_open(AT_FDCWD, path, flags, 0));
}

int
__open64_2(const char *path, int flags)
{
	return (real_open(AT_FDCWD, path, flags, 0));
}

static int
all_zero(const void *p, size_t n)
{
	const uint8_t	*b = p;

	while (n > 0)
		if (b[--n] != 0)
			return (0);
	return (1);
}

/* Names end in NUL and nothing but NUL follows. */
static int
bad_table(const struct pf_abi_table *t, uint32_t allowed)
{
	size_t	n = strnlen(t->name, sizeof(t->name));

	return (n == 0 || n == sizeof(t->name) ||
	    !all_zero(t->name + n, sizeof(t->name) - n) ||
	    !all_zero(t->anchor, sizeof(t->anchor)) ||
	    (t->flags & ~allowed) != 0 || t->fback != 0 ||
	    !all_zero(t->pad, sizeof(t->pad)));
}

static size_t
element_size(void)
{
	return (emu->freebsd ? sizeof(struct pf_abi_addr_freebsd) :
	    sizeof(struct pf_abi_addr_openbsd));
}

/* One element of the program's; 0 or EINVAL. */
static int
take(const uint8_t *src, int table, struct emu_slot *s)
{
	struct pf_abi_addr_openbsd	o;
	struct pf_abi_addr_freebsd	f;
	unsigned int			af, net, not, fback, i;

	if (emu->freebsd) {
		memcpy(&f, src, sizeof(f));
		memcpy(s->addr, f.addr, 16);
		af = f.af, net = f.net, not = f.not, fback = f.fback;
	} else {
		memcpy(&o, src, sizeof(o));
		memcpy(s->addr, o.addr, 16);
		af = o.af, net = o.net, not = o.not, fback = o.fback;
		if (!all_zero(o.ifname, sizeof(o.ifname)) || o.states != 0 ||
		    o.weight != 0 || o.type != 0 ||
		    !all_zero(o.pad, sizeof(o.pad)))
			return (EINVAL);
	}
	if (af == PF_ABI_INET ? net > 32 : net > 128)
		return (EINVAL);
	if (af != PF_ABI_INET && af != (emu->freebsd ? PF_ABI_INET6_FREEBSD :
	    PF_ABI_INET6_OPENBSD))
		return (EINVAL);
	if (net < 128 && (s->addr[net / 8] & (0xff >> (net % 8))))
		return (EINVAL);
	for (i = (net + 7) / 8; i < 16; i++)
		if (s->addr[i] != 0)
			return (EINVAL);
	if (not > 1 || fback != 0)
		return (EINVAL);
	s->table = (uint8_t)(table + 1);
	s->ip6 = af != PF_ABI_INET;
	s->net = (uint8_t)net;
	s->not = (uint8_t)not;
	return (0);
}

static void
give(uint8_t *dst, const struct emu_slot *s)
{
	struct pf_abi_addr_openbsd	o;
	struct pf_abi_addr_freebsd	f;

	memset(&o, 0, sizeof(o));
	memset(&f, 0, sizeof(f));
	memcpy(o.addr, s->addr, 16);
	memcpy(f.addr, s->addr, 16);
	o.af = s->ip6 ? PF_ABI_INET6_OPENBSD : PF_ABI_INET;
	f.af = s->ip6 ? PF_ABI_INET6_FREEBSD : PF_ABI_INET;
	o.net = f.net = s->net;
	o.not = f.not = s->not;
	if (emu->freebsd)
		memcpy(dst, &f, sizeof(f));
	else
		memcpy(dst, &o, sizeof(o));
}

static int
do_get(struct pf_abi_ioc *io, int t)
{
	uint8_t		*dst = io->buffer;
	uint32_t	 i;
	int32_t		 n = (int32_t)emu->table[t].count;

	if (n <= io->size)
		for (i = 0; i < EMU_SLOTS; i++)
			if (emu->slot[i].table == t + 1) {
				give(dst, &emu->slot[i]);
				dst += element_size();
			}
	io->size = n;
	return (0);
}

/* ADD and DEL: all or nothing, as the kernel's mark and commit. */
static int
do_change(struct pf_abi_ioc *io, int t, int add)
{
	struct emu_slot	*s;
	int32_t		 i, changed = 0;
	int		 error = 0, rc;

	if ((s = calloc((size_t)io->size + 1, sizeof(*s))) == NULL)
		return (ENOMEM);
	for (i = 0; i < io->size && error == 0; i++)
		error = take((uint8_t *)io->buffer + (size_t)i *
		    element_size(), t, &s[i]);
	for (i = 0; error == 0 && i < io->size; i++) {
		rc = add ? emu_add(emu, &s[i]) : emu_del(emu, &s[i]);
		if (rc == -1) {
			while (i-- > 0)
				if (s[i].since == 1)
					emu_del(emu, &s[i]);
			error = ENOMEM;
			break;
		}
		s[i].since = rc;
		changed += rc;
	}
	free(s);
	if (error == 0 && add)
		io->nadd = changed;
	else if (error == 0)
		io->ndel = changed;
	return (error);
}

/*
 * OpenBSD takes an entry for each element of a call before it looks at the
 * table or compares, and past the limit it waits for one that nobody frees.  The
 * mark stays for the test; the program under test ends, so that the test does
 * not wait with it.
 */
static void
sleep_for_good(const struct pf_abi_ioc *io)
{
	if (io->size <= 0 || emu->total + (uint32_t)io->size <= emu->limit)
		return;
	emu->hung++;
	emu_unlock(emu);
	fprintf(stderr, "pfemu: %d more than the limit of %u with %u in use: "
	    "PF hangs\n", io->size, emu->limit, emu->total);
	abort();
}

/* Both systems: too small a buffer learns the number. */
static int
do_tstats(struct pf_abi_ioc *io)
{
	struct pf_abi_tstats_openbsd	o;
	struct pf_abi_tstats_freebsd	f;
	size_t				size = emu->freebsd ? sizeof(f) :
					    sizeof(o);
	const struct emu_table		*t;
	uint8_t				*dst = io->buffer;
	int32_t				n = 0, pass;

	if (io->esize != (int32_t)size)
		return (ENODEV);
	if ((io->flags & ~PF_ABI_ALLRSETS) != 0 ||
	    !all_zero(&io->table, sizeof(io->table)))
		return (EINVAL);
	for (pass = 0; pass < 2; pass++) {
		if (pass == 1 && n > io->size)
			break;
		for (t = emu->table; t < emu->table + EMU_TABLES; t++) {
			if (!(t->flags & PF_ABI_ACTIVE) ||
			    (t->anchor && !(io->flags & PF_ABI_ALLRSETS)))
				continue;
			if (pass == 0) {
				n++;
				continue;
			}
			memset(&o, 0, sizeof(o));
			memset(&f, 0, sizeof(f));
			o.cnt = f.cnt = (int32_t)t->count;
			if (emu->freebsd)
				memcpy(dst, &f, size);
			else
				memcpy(dst, &o, size);
			dst += size;
		}
	}
	io->size = n;
	return (0);
}

static int
do_getlimit(struct pf_abi_limit *l)
{
	if (l->index != (emu->freebsd ? PF_ABI_ENTRIES_FREEBSD :
	    PF_ABI_ENTRIES_OPENBSD))
		return (EINVAL);
	l->limit = emu->limit;
	return (0);
}

/* As the kernel: sizes first, then the table, then its permission. */
static int
do_addrs(unsigned long req, struct pf_abi_ioc *io)
{
	int	t;

	emu->calls++;
	if (io->esize != (int32_t)element_size())
		return (ENODEV);
	if (req == PF_ABI_ADDADDRS && !emu->freebsd)
		sleep_for_good(io);
	if (io->size < 0 || (emu->freebsd && io->size > EMU_FREEBSD_CAP) ||
	    io->flags != 0 || bad_table(&io->table, 0))
		return (EINVAL);
	if ((t = emu_find_table(emu, io->table.name)) == -1)
		return (ESRCH);
	if (req == PF_ABI_GETADDRS)
		return (do_get(io, t));
	if (emu->table[t].flags & PF_ABI_CONST)
		return (EPERM);
	if (req == PF_ABI_ADDADDRS || req == PF_ABI_DELADDRS)
		return (do_change(io, t, req == PF_ABI_ADDADDRS));
	io->ndel = (int32_t)emu_flush(emu, t, 0);	/* CLRADDRS */
	return (0);
}

static int
do_addtables(struct pf_abi_ioc *io)
{
	struct pf_abi_table	t;
	int			i, error;

	if (io->esize != (int32_t)sizeof(t))
		return (ENODEV);
	for (i = 0; i < io->size; i++) {
		memcpy(&t, (uint8_t *)io->buffer + (size_t)i * sizeof(t),
		    sizeof(t));
		if (bad_table(&t, PF_ABI_PERSIST | PF_ABI_CONST))
			return (EINVAL);
		if (emu_find_table(emu, t.name) != -1)
			continue;
		if ((error = emu_make_table(emu, t.name, t.flags)) != 0)
			return (error);
		io->nadd++;
	}
	return (0);
}

static const struct emu_nat *
find_nat(const void *client, uint16_t cport, const void *local, uint16_t lport)
{
	const struct emu_nat	*n;

	for (n = emu->nat; n < emu->nat + EMU_NATS; n++)
		if (n->used && n->cport == cport && n->lport == lport &&
		    memcmp(n->client, client, 16) == 0 &&
		    memcmp(n->local, local, 16) == 0)
			return (n);
	return (NULL);
}

/* FreeBSD's; OpenBSD's has another size and never an answer. */
static int
do_natlook(struct pf_abi_natlook *l)
{
	const struct emu_nat	*n;

	if (l->proto != 6 || l->direction != PF_ABI_OUT || l->sport == 0 ||
	    l->dport == 0 || all_zero(l->saddr, 16) || all_zero(l->daddr, 16))
		return (EINVAL);
	n = find_nat(l->saddr, l->sport, l->daddr, l->dport);
	if (n == NULL)
		return (ENOENT);
	memcpy(l->rsaddr, n->client, 16);
	memcpy(l->rdaddr, n->orig, 16);
	l->rsport = n->cport;
	l->rdport = n->oport;
	return (0);
}

static int
answer(int fd, unsigned long req, void *arg)
{
	int	writes;

	if (emu->freebsd && req == PF_ABI_NATLOOK)
		return (do_natlook(arg));
	if (req == PF_ABI_GETLIMIT)
		return (do_getlimit(arg));
	if (req == PF_ABI_GETTSTATS)
		return (do_tstats(arg));
	writes = req == PF_ABI_ADDADDRS || req == PF_ABI_DELADDRS ||
	    req == PF_ABI_CLRADDRS || req == PF_ABI_ADDTABLES;
	if (!writes && req != PF_ABI_GETADDRS)
		return (ENOTTY);
	if (writes && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return (EACCES);
	if (req == PF_ABI_ADDTABLES)
		return (do_addtables(arg));
	return (do_addrs(req, arg));
}

int
ioctl(int fd, unsigned long req, ...)
{
	static int	(*next)(int, unsigned long, ...);
	struct stat	 st;
	va_list		 ap;
	void		*arg;
	int		 error;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	/* 'D' is PF's letter; nothing else costs a look at the descriptor. */
	if (emu == NULL || (req >> 8 & 0xff) != 'D' || fstat(fd, &st) == -1 ||
	    st.st_dev != emu_id.st_dev || st.st_ino != emu_id.st_ino) {
		if (next == NULL)
			*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
		return (next(fd, req, arg));
	}
	emu_lock(emu);
	error = answer(fd, req, arg);
	emu_unlock(emu);
	if (error == 0)
		return (0);
	errno = error;
	return (-1);
}
