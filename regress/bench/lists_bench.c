/* LIBS: -lz */
/*
 * lists_bench make FILE N: N lines, networks and addresses that do not touch,
 * a tenth of them IPv6, in no order.
 * lists_bench FILE: reads, folds, compiles it and looks addresses up; prints
 *	prefixes N load MS image OCTETS lookup NS found N
 * both times the processor's, for others may have it meanwhile
 */
#include <sys/types.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/list/read.h"

#define LOOKUPS	2000000

static double
cpu_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ((double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6);
}

static uint32_t
next(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return (*x);
}

/* The i-th place in a shuffled order of n: i times a number prime to n. */
static int
make(const char *file, uint32_t n)
{
	uint64_t	i, k;
	FILE		*f;

	if ((f = fopen(file, "w")) == NULL)
		return (1);
	for (i = 0; i < n; i++) {
		k = i * 2654435761U % n;
		if (k % 10 == 9)
			fprintf(f, "2001:db8:%x:%x::/64\n",
			    (unsigned int)(k >> 15), (unsigned int)(k & 0x7fff) * 2);
		else		/* 16 addresses each, the first or eight */
			fprintf(f, "%u.%u.%u.%u%s\n",
			    1 + (unsigned int)(k >> 20), (unsigned int)(k >> 12 & 255),
			    (unsigned int)(k >> 4 & 255),
			    (unsigned int)(k & 15) << 4, k % 3 ? "" : "/29");
	}
	return (fclose(f) == 0 ? 0 : 1);
}

static void
say(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static int
bench(const char *file)
{
	struct addrset_build	*b = addrset_build_new();
	struct list_report	 r;
	struct addrset		*s;
	struct addr		 a;
	char			 path[] = "/tmp/lists_bench.XXXXXXXXXX";
	double			 start = cpu_ms(), loaded, looked;
	uint64_t		 found = 0;
	uint32_t		 x = 1, i, v;
	int			 in, out, kept;

	if ((in = open(file, O_RDONLY)) == -1 ||
	    list_read(in, file, 1, b, &r, say, NULL) == -1)
		return (1);
	if ((kept = mkstemp(path)) == -1 || unlink(path) == -1 ||
	    list_kept_write(kept, 1, 1, b) == -1)
		return (1);
	memcpy(path + sizeof(path) - 11, "XXXXXXXXXX", 10);
	if ((out = mkstemp(path)) == -1 || unlink(path) == -1 ||
	    addrset_write(out, &b, 1) == -1 || (s = addrset_map(out)) == NULL)
		return (1);
	loaded = cpu_ms();
	memset(&a, 0, sizeof(a));
	for (i = 0; i < LOOKUPS; i++) {
		v = next(&x);
		if (i % 10 == 9) {
			memcpy(a.b, "\x20\x01\x0d\xb8", 4);
			a.b[10] = a.b[11] = 0;
			a.b[5] = (uint8_t)(v >> 27);
			a.b[6] = (uint8_t)(v >> 16);
			a.b[7] = (uint8_t)(v >> 8);
		} else {
			memset(a.b, 0, 10);
			a.b[10] = a.b[11] = 0xff;
			a.b[12] = (uint8_t)(v >> 24 & 1);
			a.b[13] = (uint8_t)(v >> 16);
			a.b[14] = (uint8_t)(v >> 8);
			a.b[15] = (uint8_t)(v >> 4);
		}
		found += addrset_lookup(s, &a);
	}
	looked = cpu_ms();
	printf("prefixes %llu load %.0f image %lld lookup %.0f found %llu\n",
	    (unsigned long long)r.good, loaded - start,
	    (long long)lseek(out, 0, SEEK_END),
	    (looked - loaded) * 1e6 / LOOKUPS, (unsigned long long)found);
	return (0);
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return (make(argv[2], (uint32_t)atoi(argv[3])));
	if (argc == 2)
		return (bench(argv[1]));
	fprintf(stderr, "usage: lists_bench FILE | make FILE N\n");
	return (2);
}
