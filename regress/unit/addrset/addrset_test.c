/* Compiled lists, compared with a slow and simple search; and hostile
 * images. */
#include <sys/types.h>
#include <sys/mman.h>

#include <errno.h>
#include <unistd.h>

#include "lib/addrset/addrset.h"
#include "lib/addrset/addrset_int.h"
#include "regress/lib/tap.h"

#define NRANDOM	400

static int
tmpfd(void)
{
	char	path[] = "/tmp/addrset.XXXXXXXXXX";
	int	fd;

	if ((fd = mkstemp(path)) == -1) {
		perror(path);
		exit(1);
	}
	unlink(path);
	return (fd);
}

static struct addrset_build *
list(const char *words)
{
	struct addrset_build	*b = addrset_build_new();
	struct prefix		 p;
	char			 copy[1024], *s;

	snprintf(copy, sizeof(copy), "%s", words);
	for (s = strtok(copy, " "); s != NULL; s = strtok(NULL, " ")) {
		if (prefix_parse(s, &p) == -1) {
			printf("# bad prefix %s\n", s);
			exit(1);
		}
		addrset_build_add(b, &p);
	}
	return (b);
}

static struct addrset *
compile(struct addrset_build **b, size_t n)
{
	struct addrset	*s;
	int		 fd = tmpfd();

	if (addrset_write(fd, b, n) == -1)
		return (NULL);
	s = addrset_map(fd);
	close(fd);
	return (s);
}

static uint64_t
look(const struct addrset *s, const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		exit(1);
	return (addrset_lookup(s, &a));
}

static int
print(const struct prefix *p, void *arg)
{
	char	 s[PREFIX_STRLEN], *out = arg;
	size_t	 n = strlen(out);

	snprintf(out + n, 1024 - n, "%s%s", n == 0 ? "" : " ",
	    prefix_str(p, s));
	return (0);
}

static void
test_basic(void)
{
	struct addrset_build	*b[3];
	struct addrset		*s;
	char			 out[1024] = "";
	struct addr		 a;

	b[0] = list("192.0.2.0/24 192.0.3.0/24 10.0.0.1 2001:db8::/32 10.0.0.1");
	b[1] = NULL;
	b[2] = list("0.0.0.0/0");
	s = compile(b, 3);
	ok(s != NULL, "written and mapped");
	is_int(addrset_lists(s), 3, "three lists");
	is_int(addrset_build_count(b[0]), 3, "duplicates and neighbours fold");
	is_int(look(s, "192.0.2.0"), 5, "the first address");
	is_int(look(s, "192.0.3.255"), 5, "the last one");
	is_int(look(s, "192.0.4.0"), 4, "one further");
	is_int(look(s, "192.0.1.255"), 4, "one before");
	is_int(look(s, "10.0.0.1"), 5, "a single one");
	is_int(look(s, "2001:db8::1"), 1, "IPv6");
	is_int(look(s, "2001:db9::"), 0, "IPv6 outside");
	is_int(look(s, "::"), 0, "0.0.0.0/0 has no IPv6 address");
	addr_parse("192.0.2.1", &a);
	is_int(addrset_lookup_mask(s, &a, 4), 4, "only the lists asked for");
	is_int(addrset_lookup_mask(s, &a, 2), 0, "and no other");
	is_int(addrset_lookup(NULL, &a), 0, "no set, no lists");
	addrset_each(s, 0, print, out);
	is_str(out, "10.0.0.1 192.0.2.0/23 2001:db8::/32", "each, in order");
	addrset_unmap(s);
	addrset_build_free(b[0]);
	addrset_build_free(b[2]);

	b[0] = list("::/0");
	s = compile(b, 1);
	is_int(look(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1,
	    "::/0 has the last address");
	is_int(look(s, "192.0.2.1"), 0, "and no IPv4 one");
	out[0] = '\0';
	addrset_each(s, 0, print, out);
	is_str(out, "::/0", "and is one prefix");
	addrset_unmap(s);
	addrset_build_free(b[0]);
	s = compile(b, 0);
	is_int(addrset_lists(s), 0, "no lists at all");
	addrset_unmap(s);
}

static void
subtract(const char *from, const char *what, const char *want)
{
	struct addrset_build	*a = list(from), *b = list(what);
	struct addrset		*s;
	char			 out[1024] = "", name[200];

	addrset_build_subtract(a, b);
	s = compile(&a, 1);
	addrset_each(s, 0, print, out);
	snprintf(name, sizeof(name), "%s less %s", from, what);
	is_str(out, want, name);
	addrset_unmap(s);
	addrset_build_free(a);
	addrset_build_free(b);
}

static void
test_subtract(void)
{
	subtract("10.0.0.0/8", "10.0.0.0/8", "");
	subtract("10.0.0.0/8", "0.0.0.0/0", "");
	subtract("10.0.0.0/30", "10.0.0.1", "10.0.0.0 10.0.0.2/31");
	subtract("10.0.0.0/30", "10.0.0.0", "10.0.0.1 10.0.0.2/31");
	subtract("10.0.0.0/30", "10.0.0.3", "10.0.0.0/31 10.0.0.2");
	subtract("10.0.0.0/30", "10.0.0.3 10.0.0.0", "10.0.0.1 10.0.0.2");
	subtract("10.0.0.0/30 10.0.1.0/30", "10.0.0.2/31 10.0.1.0/31",
	    "10.0.0.0/31 10.0.1.2/31");
	subtract("10.0.0.0/30", "192.0.2.0/24", "10.0.0.0/30");
	subtract("0.0.0.0/0", "128.0.0.0/1", "0.0.0.0/1");
	subtract("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1");
	subtract("2001:db8::/126", "2001:db8::1",
	    "2001:db8:: 2001:db8::2/127");
	subtract("::/0", "8000::/1", "::/1");
	subtract("::/0", "::/1", "8000::/1");
	/* The IPv4-mapped block in an IPv6 network never becomes IPv4. */
	subtract("::fffe:0:0/95", "::fffe:0:0/96", "");
	subtract("::fffe:0:0/95", "::fffe:0:0", "::fffe:0:1 ::fffe:0:2/127 "
	    "::fffe:0:4/126 ::fffe:0:8/125 ::fffe:0:10/124 ::fffe:0:20/123 "
	    "::fffe:0:40/122 ::fffe:0:80/121 ::fffe:0:100/120 "
	    "::fffe:0:200/119 ::fffe:0:400/118 ::fffe:0:800/117 "
	    "::fffe:0:1000/116 ::fffe:0:2000/115 ::fffe:0:4000/114 "
	    "::fffe:0:8000/113 ::fffe:1:0/112 ::fffe:2:0/111 ::fffe:4:0/110 "
	    "::fffe:8:0/109 ::fffe:10:0/108 ::fffe:20:0/107 ::fffe:40:0/106 "
	    "::fffe:80:0/105 ::fffe:100:0/104 ::fffe:200:0/103 "
	    "::fffe:400:0/102 ::fffe:800:0/101 ::fffe:1000:0/100 "
	    "::fffe:2000:0/99 ::fffe:4000:0/98 ::fffe:8000:0/97");
	subtract("10.0.0.0/8", "", "10.0.0.0/8");
	subtract("", "10.0.0.0/8", "");
}

static uint32_t	seed = 20240901;

static uint32_t
rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8);
}

/* Small spaces, so that prefixes overlap, touch and hold each other. */
static void
random_prefix(struct prefix *p, int v6)
{
	addr_parse(v6 ? "2001:db8::" : "10.0.0.0", &p->addr);
	p->addr.b[14] = (uint8_t)(rnd() % 4);
	p->addr.b[15] = (uint8_t)rnd();
	p->len = (uint8_t)(123 + rnd() % 6);
	addr_mask(&p->addr, p->len);
}

static void
test_random(void)
{
	struct addrset_build	*b[3];
	struct addrset		*s;
	struct prefix		*p[2], q;
	struct addr		 a;
	size_t			 i, k, n = NRANDOM / 4;
	unsigned int		 j;
	uint64_t		 want, wrong = 0, hits = 0;
	int			 v6, in;

	for (k = 0; k < 3; k++)
		b[k] = addrset_build_new();
	for (k = 0; k < 2; k++) {
		p[k] = calloc(n, sizeof(*p[k]));
		for (i = 0; i < n; i++) {
			random_prefix(&p[k][i], (int)(i & 1));
			addrset_build_add(b[k], &p[k][i]);
			if (k == 0)
				addrset_build_add(b[2], &p[k][i]);
		}
	}
	addrset_build_subtract(b[2], b[1]);
	s = compile(b, 3);
	for (v6 = 0; v6 < 2; v6++)
		for (j = 0; j < 1024; j++) {
			addr_parse(v6 ? "2001:db8::" : "10.0.0.0", &a);
			a.b[14] = (uint8_t)(j >> 8);
			a.b[15] = (uint8_t)j;
			want = 0;
			for (k = 0; k < 2; k++) {
				for (in = 0, i = 0; i < n; i++) {
					q = p[k][i];
					in |= prefix_has(&q, &a);
				}
				want |= (uint64_t)in << k;
			}
			if (want == 1)
				want |= 4;
			hits += want != 0;
			wrong += addrset_lookup(s, &a) != want;
		}
	ok(hits > 100 && hits < 2048, "random lists hold some addresses");
	is_int(wrong, 0, "every address of 2048 is in the right lists");
	addrset_unmap(s);
	for (k = 0; k < 3; k++)
		addrset_build_free(b[k]);
	free(p[0]);
	free(p[1]);
}

/* One octet string as an image; refused with EINVAL. */
static void
hostile(const void *image, size_t len, const char *name)
{
	struct addrset	*s;
	int		 fd = tmpfd();

	if (write(fd, image, len) != (ssize_t)len)
		exit(1);
	errno = 0;
	s = addrset_map(fd);
	ok(s == NULL && errno == EINVAL, name);
	addrset_unmap(s);
	close(fd);
}

static void
test_hostile(void)
{
	struct {
		struct addrset_head	head;
		struct addrset_list	list;
		struct range4		r4[2];
		struct range6		r6[1];
	} good, bad;
	struct addrset	*s;
	int		 fd = tmpfd(), p[2];

	memset(&good, 0, sizeof(good));
	good.head.magic = ADDRSET_MAGIC;
	good.head.size = sizeof(good);
	good.head.n = 1;
	good.list.off4 = offsetof(__typeof__(good), r4);
	good.list.n4 = 2;
	good.list.off6 = offsetof(__typeof__(good), r6);
	good.list.n6 = 1;
	good.r4[0] = (struct range4){ 1, 2 };
	good.r4[1] = (struct range4){ 4, 4 };
	if (write(fd, &good, sizeof(good)) != (ssize_t)sizeof(good))
		exit(1);
	s = addrset_map(fd);
	ok(s != NULL, "the image that the others are made of is good");
	is_int(look(s, "0.0.0.4"), 1, "and answers");
	addrset_unmap(s);
	close(fd);
#define BAD(what, name) do {						\
	bad = good;							\
	what;								\
	hostile(&bad, sizeof(bad), name);				\
} while (0)
	hostile("", 0, "empty");
	hostile(&good, sizeof(good) - 1, "cut short");
	hostile(&good, 10, "shorter than its head");
	BAD(bad.head.magic++, "wrong magic");
	BAD(bad.head.size = UINT64_MAX, "wrong size");
	BAD(bad.head.n = 65, "too many lists");
	BAD(bad.head.n = UINT64_MAX, "very many lists");
	BAD(bad.head.n = 64, "lists past the end");
	bad = good;
	bad.head.size = sizeof(bad.head);
	hostile(&bad, sizeof(bad.head), "a head without its list");
	BAD(bad.list.off4 = sizeof(bad) + 8, "array past the end");
	BAD(bad.list.off4 = UINT64_MAX - 7, "offset that wraps");
	BAD(bad.list.off4++, "offset out of line");
	BAD(bad.list.n4 = 100, "array longer than the image");
	BAD(bad.list.n4 = UINT64_MAX / 8 + 2, "length that wraps");
	BAD(bad.list.n6 = 2, "IPv6 array longer than the image");
	BAD(bad.list.off6 = UINT64_MAX - 31, "IPv6 offset that wraps");
	BAD(bad.r4[0].hi = 4, "overlapping ranges");
	BAD(bad.r4[0].lo = 3, "a range backwards");
	BAD(bad.r6[0].lo.b[3] = 1, "an IPv6 range backwards");
	if (pipe(p) == 0) {
		ok(addrset_map(p[0]) == NULL, "not a file");
		close(p[0]);
		close(p[1]);
	}
	ok(addrset_map(-1) == NULL && errno == EBADF, "no descriptor");
}

int
main(void)
{
	test_basic();
	test_subtract();
	test_random();
	test_hostile();
	return (done());
}
