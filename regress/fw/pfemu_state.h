/*
 * The emulated PF: tables and translations in one shared file, which
 * pfemu.c (a library put before libc's, in the program under test) and
 * pfemuctl.c (the test's hand, as pfctl would be) both map.  The rules are
 * those of the kernels' pf_table.c: what is checked, in which order, and that
 * a call takes all of its addresses or none.  Stricter in one thing: padding
 * must be zero too.
 */
#ifndef PFEMU_STATE_H
#define PFEMU_STATE_H

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "spamgreyd/os/pf_abi.h"

#define EMU_MAGIC	0x70666531
#define EMU_TABLES	8
#define EMU_NATS	64
#define EMU_SLOTS	(1U << 19)
#define EMU_LIMIT	200000		/* both kernels' default */
#define EMU_FREEBSD_CAP	65535		/* net.pf.request_maxcount */

struct emu_table {
	char		name[PF_ABI_NAME_MAX];
	uint32_t	flags;		/* PF_ABI_ACTIVE while it exists */
	uint32_t	anchor;		/* of an anchor: only ALLRSETS sees it */
	uint32_t	count;
};

struct emu_slot {
	uint8_t		addr[16];	/* IPv4 in the first four */
	uint8_t		table;		/* index + 1; 0: free */
	uint8_t		ip6;
	uint8_t		net;
	uint8_t		not;
	int64_t		since;
};

struct emu_nat {
	uint8_t		ip6;
	uint8_t		used;
	uint8_t		client[16], local[16], orig[16];
	uint16_t	cport, lport, oport;	/* network order */
};

struct emu {
	uint32_t	magic;
	int32_t		freebsd;
	uint32_t	limit;
	uint32_t	total;
	uint64_t	calls;		/* of address requests, refused ones too */
	uint64_t	hung;		/* calls past the limit that slept for good */
	pthread_mutex_t	lock;
	struct emu_table table[EMU_TABLES];
	struct emu_nat	nat[EMU_NATS];
	struct emu_slot	slot[EMU_SLOTS];
};

static inline struct emu *
emu_map(const char *path, int create)
{
	pthread_mutexattr_t	 at;
	struct emu		*e;
	int			 fd;

	fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
	if (fd == -1)
		return (NULL);
	if (create && ftruncate(fd, (off_t)sizeof(*e)) == -1)
		return (NULL);
	e = mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (e == MAP_FAILED)
		return (NULL);
	if (create) {
		memset(e, 0, sizeof(*e));
		/* Survives a program that is killed in the middle. */
		pthread_mutexattr_init(&at);
		pthread_mutexattr_setpshared(&at, PTHREAD_PROCESS_SHARED);
		pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
		pthread_mutex_init(&e->lock, &at);
		e->limit = EMU_LIMIT;
		e->magic = EMU_MAGIC;
	}
	if (e->magic != EMU_MAGIC) {
		munmap(e, sizeof(*e));
		errno = EINVAL;
		return (NULL);
	}
	return (e);
}

static inline void
emu_lock(struct emu *e)
{
	if (pthread_mutex_lock(&e->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&e->lock);
}

static inline void
emu_unlock(struct emu *e)
{
	pthread_mutex_unlock(&e->lock);
}

/* Index, or -1 when there is none or it is not active. */
static inline int
emu_find_table(const struct emu *e, const char *name)
{
	int	i;

	for (i = 0; i < EMU_TABLES; i++)
		if ((e->table[i].flags & PF_ABI_ACTIVE) &&
		    strcmp(e->table[i].name, name) == 0)
			return (i);
	return (-1);
}

static inline int
emu_make_table(struct emu *e, const char *name, uint32_t flags)
{
	int	i;

	for (i = 0; i < EMU_TABLES; i++)
		if (!(e->table[i].flags & PF_ABI_ACTIVE)) {
			memset(&e->table[i], 0, sizeof(e->table[i]));
			strncpy(e->table[i].name, name, PF_ABI_NAME_MAX - 1);
			e->table[i].flags = flags | PF_ABI_ACTIVE;
			return (0);
		}
	return (ENOMEM);
}

static inline uint32_t
emu_home(const struct emu_slot *s)
{
	uint64_t	h = 0xcbf29ce484222325ULL;
	size_t		i;

	for (i = 0; i < 19; i++)	/* addr, table, ip6, net */
		h = (h ^ ((const uint8_t *)s)[i]) * 0x100000001b3ULL;
	return ((uint32_t)(h ^ h >> 32) & (EMU_SLOTS - 1));
}

/* Its place, or the free one where it would stand. */
static inline uint32_t
emu_place(const struct emu *e, const struct emu_slot *s)
{
	uint32_t	i;

	for (i = emu_home(s); e->slot[i].table != 0;
	    i = (i + 1) & (EMU_SLOTS - 1))
		if (memcmp(&e->slot[i], s, 19) == 0)
			break;
	return (i);
}

/* 1 added, 0 there already, -1 no room. */
static inline int
emu_add(struct emu *e, const struct emu_slot *s)
{
	uint32_t	i = emu_place(e, s);

	if (e->slot[i].table != 0)
		return (0);
	if (e->total >= e->limit || e->total >= EMU_SLOTS / 4 * 3)
		return (-1);
	e->slot[i] = *s;
	e->slot[i].since = (int64_t)time(NULL);
	e->table[s->table - 1].count++;
	e->total++;
	return (1);
}

static inline int
emu_del(struct emu *e, const struct emu_slot *s)
{
	uint32_t	hole = emu_place(e, s), i, h, m = EMU_SLOTS - 1;

	if (e->slot[hole].table == 0 || e->slot[hole].not != s->not)
		return (0);
	for (i = (hole + 1) & m; e->slot[i].table != 0; i = (i + 1) & m) {
		h = emu_home(&e->slot[i]);
		if (((i - h) & m) >= ((i - hole) & m)) {
			e->slot[hole] = e->slot[i];
			hole = i;
		}
	}
	e->slot[hole].table = 0;
	e->table[s->table - 1].count--;
	e->total--;
	return (1);
}

/* All of a table that were there before `before'; 0: all. */
static inline uint32_t
emu_flush(struct emu *e, int t, int64_t before)
{
	struct emu_slot	*gone, s;
	uint32_t	 i, n = 0;

	if ((gone = calloc(e->table[t].count + 1U, sizeof(*gone))) == NULL)
		abort();
	for (i = 0; i < EMU_SLOTS; i++) {
		s = e->slot[i];
		if (s.table == t + 1 && (before == 0 || s.since < before))
			gone[n++] = s;
	}
	for (i = 0; i < n; i++)
		emu_del(e, &gone[i]);
	free(gone);
	return (n);
}

#endif
