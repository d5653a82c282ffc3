/*
 * A machine without memory: loaded with LD_PRELOAD, it lets the allocations fail
 * that a plan names.  The plan is a file in the directory NOMEM, which is the
 * role's ("front" of "spamgreyd -x front") or "main", and is mapped, so that a
 * test can read and change it while the process is in its sandbox.  The dynamic
 * linker's allocations before main are not counted, and those of libseccomp do
 * not fail: it (2.5) dereferences what it had no memory for.
 */
/* SHARED */
#include <sys/types.h>
#include <sys/mman.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As NoMem.pm has it. */
struct plan {
	uint64_t	asked;		/* allocations of this process so far */
	uint64_t	at;		/* from this one on … */
	uint64_t	times;		/* … so many fail */
	uint64_t	failed;		/* that have failed */
};

/* What glibc calls the functions that are replaced here. */
void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);

static struct plan	*plan;

static void __attribute__((__constructor__))
plan_open(int argc, char **argv)
{
	const char	*dir = getenv("NOMEM");
	char		 path[256];
	struct plan	*map;
	int		 fd;

	if (dir == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, argc == 3 &&
	    strcmp(argv[1], "-x") == 0 ? argv[2] : "main");
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return;
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (map == MAP_FAILED)
		_exit(126);
	close(fd);
	map->asked = 0;
	plan = map;
}

static int
is_spared(void *caller)
{
	Dl_info	info;

	return (dladdr(caller, &info) != 0 && info.dli_fname != NULL &&
	    strstr(info.dli_fname, "libseccomp") != NULL);
}

/* Store has more than one thread. */
static int
fails(void *caller)
{
	uint64_t	n;

	if (plan == NULL)
		return (0);
	n = __atomic_add_fetch(&plan->asked, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&plan->times, __ATOMIC_RELAXED) == 0 ||
	    n < __atomic_load_n(&plan->at, __ATOMIC_RELAXED) ||
	    is_spared(caller))
		return (0);
	__atomic_fetch_sub(&plan->times, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&plan->failed, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return (1);
}

void *
malloc(size_t n)
{
	return (fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n));
}

void *
calloc(size_t n, size_t size)
{
	return (fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size));
}

void *
realloc(void *p, size_t n)
{
	return (fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n));
}
