/*
 * Counts what a process asks of the C library: loaded with LD_PRELOAD, it takes
 * the place of malloc and the copying functions.  The counts lie in a shared
 * mapping of the file PID in the directory COST_COUNTS, so that a process in its
 * sandbox makes no system call for them (Cost.pm reads them).  Copies that the
 * compiler makes in place, and those inside of the C library, are not seen.
 */
#include <sys/types.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As Cost.pm reads them. */
struct counts {
	uint64_t	allocations;	/* malloc, calloc, realloc */
	uint64_t	allocated;	/* bytes that they were asked for */
	uint64_t	copies;		/* memcpy, memmove */
	uint64_t	copied;		/* bytes of them */
	int64_t		held;		/* bytes that are not freed */
};

/* What glibc calls the functions that are replaced here. */
void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	*__libc_memalign(size_t, size_t);
void	 __libc_free(void *);
void	*__memcpy_chk(void *, const void *, size_t, size_t);	/* fortified */
void	*__memmove_chk(void *, const void *, size_t, size_t);

static struct counts	 none;		/* before the file is mapped */
static struct counts	*counts = &none;

static void __attribute__((__constructor__))
counts_open(void)
{
	const char	*dir = getenv("COST_COUNTS");
	char		 path[256];
	void		*map;
	int		 fd;

	if (dir == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%ld", dir, (long)getpid());
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) == -1)
		_exit(126);
	if (ftruncate(fd, sizeof(*counts)) == -1)
		_exit(126);
	map = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (map == MAP_FAILED)
		_exit(126);
	counts = map;
	close(fd);
}

/* Store has more than one thread. */
static void
count(uint64_t *calls, uint64_t *bytes, size_t n)
{
	__atomic_fetch_add(calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(bytes, n, __ATOMIC_RELAXED);
}

/* A block that comes, or goes (sign -1); its size is what malloc gave it. */
static void *
hold(void *p, int64_t sign)
{
	if (p != NULL)
		__atomic_fetch_add(&counts->held,
		    sign * (int64_t)malloc_usable_size(p), __ATOMIC_RELAXED);
	return (p);
}

void *
malloc(size_t n)
{
	count(&counts->allocations, &counts->allocated, n);
	return (hold(__libc_malloc(n), 1));
}

void *
calloc(size_t n, size_t size)
{
	count(&counts->allocations, &counts->allocated, n * size);
	return (hold(__libc_calloc(n, size), 1));
}

void *
realloc(void *p, size_t n)
{
	int64_t	 was = p == NULL ? 0 : (int64_t)malloc_usable_size(p);
	void	*new;

	count(&counts->allocations, &counts->allocated, n);
	new = __libc_realloc(p, n);
	if (new != NULL || n == 0)
		__atomic_fetch_sub(&counts->held, was, __ATOMIC_RELAXED);
	return (hold(new, 1));
}

void *
aligned_alloc(size_t align, size_t n)
{
	count(&counts->allocations, &counts->allocated, n);
	return (hold(__libc_memalign(align, n), 1));
}

int
posix_memalign(void **p, size_t align, size_t n)
{
	return ((*p = aligned_alloc(align, n)) == NULL ? ENOMEM : 0);
}

void
free(void *p)
{
	__libc_free(hold(p, -1));
}

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	count(&counts->copies, &counts->copied, n);
	return (__memmove_chk(to, from, n, SIZE_MAX));
}

void *
__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	count(&counts->copies, &counts->copied, n);
	return (__memmove_chk(to, from, n, room));
}

void *
memmove(void *to, const void *from, size_t n)
{
	count(&counts->copies, &counts->copied, n);
	return (__memmove_chk(to, from, n, SIZE_MAX));
}
