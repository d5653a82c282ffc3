/*
 * Measures what a call costs: the instructions of this process in user mode
 * where the kernel counts them, otherwise its CPU time in user mode.  The
 * result is the least of several runs.  Elapsed time is never measured.
 */
#ifndef COST_H
#define COST_H

#include <sys/types.h>
#include <sys/resource.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/perf_event.h>
#endif

#define COST_RUNS	3

/* Opens the kernel's counter.  -1: the kernel has none. */
static inline int
cost_counter(void)
{
#ifdef __linux__
	struct perf_event_attr	a;

	memset(&a, 0, sizeof(a));
	a.type = PERF_TYPE_HARDWARE;
	a.size = sizeof(a);
	a.config = PERF_COUNT_HW_INSTRUCTIONS;
	a.exclude_kernel = a.exclude_hv = 1;
	return ((int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
#else
	return (-1);
#endif
}

static inline uint64_t
cost_now(int counter)
{
	struct rusage	u;
	uint64_t	n;

	if (counter != -1 && read(counter, &n, sizeof(n)) == sizeof(n))
		return (n);
	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)u.ru_utime.tv_sec * 1000000 +
	    (uint64_t)u.ru_utime.tv_usec);
}

/* Returns the least that fn(arg) took. */
static inline uint64_t
cost_of(void (*fn)(void *), void *arg)
{
	static int	counter = -2;
	uint64_t	start, took, least = UINT64_MAX;
	int		i;

	if (counter == -2)
		counter = cost_counter();
	for (i = 0; i < COST_RUNS; i++) {
		start = cost_now(counter);
		fn(arg);
		took = cost_now(counter) - start;
		if (took < least)
			least = took;
	}
	return (least);
}

#endif
