/*
 * The main() of fuzz targets without libFuzzer: runs the target with its corpus
 * and with mutations of it, which are always the same, so that a target is an
 * ordinary test.  TAP: one "ok" when nothing crashed.
 *	TARGET_fuzz [directory]		default regress/fuzz/corpus/TARGET
 *	FUZZ_ROUNDS=n			mutations of each file, default 1500, or
 *					what a slow target has in fuzz_rounds
 * A crash prints the input in hexadecimal, for the corpus.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX	65536
#define FILES_MAX	512

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);
extern unsigned int	fuzz_rounds __attribute__((__weak__));

struct input {
	uint8_t	*data;
	size_t	 len;
};

static struct input	 corpus[FILES_MAX];
static size_t		 ncorpus;
static uint64_t		 state;
static const uint8_t	*now_data;
static size_t		 now_len;

static void
crashed(int sig)
{
	static const char	hex[] = "0123456789abcdef";
	char			line[64];
	size_t			i, n = 0;

	for (i = 0; i < now_len; i++) {
		line[n++] = hex[now_data[i] >> 4];
		line[n++] = hex[now_data[i] & 15];
		if (n == sizeof(line) - 2 || i + 1 == now_len) {
			line[n++] = '\n';
			if (write(STDERR_FILENO, line, n) == -1)
				break;
			n = 0;
		}
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static uint32_t
rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (below == 0 ? 0 : (uint32_t)((state >> 16) % below));
}

/* Memory of exactly its size, so that a checker finds a read past its end. */
static void
run(const uint8_t *data, size_t len)
{
	uint8_t	*p;

	if ((p = malloc(len == 0 ? 1 : len)) == NULL)
		exit(1);
	memcpy(p, data, len);
	now_data = p;
	now_len = len;
	LLVMFuzzerTestOneInput(p, len);
	now_len = 0;
	free(p);
}

static size_t
insert(uint8_t *buf, size_t len, size_t at, const void *src, size_t n)
{
	if (len + n > INPUT_MAX)
		return (len);
	memmove(buf + at + n, buf + at, len - at);
	memcpy(buf + at, src, n);
	return (len + n);
}

static size_t
mutate(uint8_t *buf, size_t len)
{
	static const uint8_t	octets[] = "\0\xff\x7f\x80\n\r\t %<>\"\\@=+-:#./,0aA";
	static const uint64_t	edge[] = { 0, 1, 15, 16, 17, 127, 128, 255,
	    256, 32767, 65535, 65536, 0x7fffffff, 0xffffffff,
	    UINT64_C(0x7fffffffffffffff), UINT64_C(0xffffffffffffffff) };
	const struct input	*other;
	uint8_t			 copy[64];
	size_t			 at, n, from;

	at = rnd((uint32_t)len + 1);
	switch (rnd(8)) {
	case 0:			/* a bit */
		if (at < len)
			buf[at] ^= (uint8_t)(1u << rnd(8));
		return (len);
	case 1:			/* a byte with a meaning */
		if (at < len)
			buf[at] = octets[rnd(sizeof(octets) - 1)];
		return (len);
	case 2:
		return (insert(buf, len, at, &octets[rnd(sizeof(octets) - 1)],
		    1));
	case 3:			/* a number at its limit */
		n = (size_t)1 << rnd(4);
		if (at + n <= len)
			memcpy(buf + at, &edge[rnd(16)], n);
		return (len);
	case 4:			/* cut out */
		n = 1 + rnd(16);
		if (at + n > len)
			return (at);
		memmove(buf + at, buf + at + n, len - at - n);
		return (len - n);
	case 5:			/* repeat a piece */
		n = 1 + rnd(sizeof(copy) - 1);
		if (at + n > len)
			return (len);
		memcpy(copy, buf + at, n);
		return (insert(buf, len, rnd((uint32_t)len + 1), copy, n));
	case 6:			/* a piece of another input */
		other = &corpus[rnd((uint32_t)ncorpus)];
		if (other->len == 0)
			return (len);
		from = rnd((uint32_t)other->len);
		n = 1 + rnd((uint32_t)(other->len - from));
		return (insert(buf, len, at, other->data + from, n));
	default:
		return (at);
	}
}

static int
load(const char *dir)
{
	struct dirent	**names;
	struct input	*in;
	FILE		*f;
	char		 path[1024];
	int		 i, n;

	/* Sorted, so that the mutations are the same everywhere. */
	if ((n = scandir(dir, &names, NULL, alphasort)) == -1)
		return (-1);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && ncorpus < FILES_MAX &&
		    (f = fopen(path, "rb")) != NULL) {
			in = &corpus[ncorpus++];
			if ((in->data = malloc(INPUT_MAX)) == NULL)
				exit(1);
			in->len = fread(in->data, 1, INPUT_MAX, f);
			fclose(f);
		}
		free(names[i]);
	}
	free(names);
	return (0);
}

int
main(int argc, char *argv[])
{
	static uint8_t	 buf[INPUT_MAX];
	char		 name[256], dir[512], *s;
	const char	*rounds = getenv("FUZZ_ROUNDS");
	unsigned long	 max = 1500, inputs = 0, k;
	size_t		 i, len;
	uint32_t	 m;

	if (rounds != NULL)
		max = strtoul(rounds, NULL, 10);
	else if (&fuzz_rounds != NULL)
		max = fuzz_rounds;
	s = strrchr(argv[0], '/');
	snprintf(name, sizeof(name), "%s", s == NULL ? argv[0] : s + 1);
	if ((s = strstr(name, "_fuzz")) != NULL)
		*s = '\0';
	snprintf(dir, sizeof(dir), "%s%s", argc > 1 ? argv[1] :
	    "regress/fuzz/corpus/", argc > 1 ? "" : name);
	printf("1..1\n");
	fflush(stdout);
	if (load(dir) == -1 || ncorpus == 0) {
		printf("not ok 1 - %s: no corpus in %s\n", name, dir);
		return (1);
	}
	signal(SIGABRT, crashed);
	signal(SIGBUS, crashed);
	signal(SIGFPE, crashed);
	signal(SIGSEGV, crashed);
	run(buf, 0);
	for (i = 0; i < ncorpus; i++) {
		run(corpus[i].data, corpus[i].len);
		inputs++;
		state = UINT64_C(0x9e3779b97f4a7c15) + i;
		for (k = 0; k < max; k++, inputs++) {
			len = corpus[i].len;
			memcpy(buf, corpus[i].data, len);
			for (m = 1 + rnd(6); m > 0; m--)
				len = mutate(buf, len);
			run(buf, len);
		}
	}
	for (i = 0; i < ncorpus; i++)
		free(corpus[i].data);
	printf("ok 1 - %s: %lu inputs\n", name, inputs);
	return (0);
}
