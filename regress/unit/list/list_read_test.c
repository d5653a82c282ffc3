/* LIBS: -lz */
/*
 * Lists from descriptors: with and without gzip, lists that are refused as a
 * whole, and the files in which good lists are saved.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "lib/list/read.h"
#include "regress/lib/tap.h"

static char		said[65536];
static unsigned int	nsaid;

static void
say(const char *line, void *arg)
{
	(void)arg;
	nsaid++;
	strlcat(said, line, sizeof(said));
	strlcat(said, "\n", sizeof(said));
}

static int
scratch(void)
{
	char	path[] = "/tmp/list_read.XXXXXXXXXX";
	int	fd;

	if ((fd = mkstemp(path)) == -1)
		exit(1);
	unlink(path);
	return (fd);
}

static int
with(const void *data, size_t len)
{
	int	fd = scratch();

	if (write(fd, data, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET) != 0)
		exit(1);
	return (fd);
}

/* One gzip member. */
static size_t
pack(const void *data, size_t len, uint8_t *out, size_t size)
{
	z_stream	z;

	memset(&z, 0, sizeof(z));
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		exit(1);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)size;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	deflateEnd(&z);
	return (size - z.avail_out);
}

static struct list_report	r;

/* Ranges; -1: not usable. */
static int
count(int fd)
{
	struct addrset_build	*b = addrset_build_new();
	int			 n;

	said[0] = '\0';
	nsaid = 0;
	n = list_read(fd, "test", 0, b, &r, say, NULL) == -1 ? -1 :
	    (int)addrset_build_count(b);
	addrset_build_free(b);
	close(fd);
	return (n);
}

static int
text(const char *s)
{
	return (count(with(s, strlen(s))));
}

static void
test_text(void)
{
	char	long_line[20000], many[8192];
	int	i;

	is_int(text(""), 0, "an empty file");
	is_int(text("1.2.3.4"), 1, "no newline at the end");
	is_int(text("1.2.3.4\n5.6.7.8\n1.2.3.5\n# x\n\n"), 2, "two ranges");
	is_int((int)r.good, 3, "of three lines");
	is_int((int)r.lines, 5, "of five");
	is_int(text("1.2.3.4\nrubbish\n"), 1, "one bad line of two");
	is_str(said, "test:2: warning: rubbish: is not an address, a network or "
	    "a range, for example 192.0.2.1, 192.0.2.0/24 or "
	    "192.0.2.1 - 192.0.2.9\n",
	    "is said by its place");
	is_int(text("1.2.3.4\na b\tc\x01\nx\n"), -1, "two of three: no list");
	is_str(r.why, "2 of 3 lines are not addresses: this is not an "
	    "address list", "why");
	ok(strstr(said, "test:2: warning: a\\x20b\\x09c\\x01: ") != NULL,
	    "what it holds is encoded");
	many[0] = '\0';
	for (i = 0; i < 300; i++)
		strlcat(many, i < 30 ? "x\n" : i < 60 ? "#\n" : "9.9.9.9\n",
		    sizeof(many));
	is_int(text(many), -1, "30 of 270: too many");
	is_int((int)nsaid, LIST_BAD_SAID + 1, "few are said");
	ok(strstr(said, "and 20 more such lines") != NULL, "and how many more");
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "1.2.3.4 ", 8);
	memcpy(long_line + sizeof(long_line) - 9, "\n5.6.7.8\n", 9);
	is_int(count(with(long_line, sizeof(long_line))), 2,
	    "text behind an address may be long");
	is_int(count(with("1.2.3.4\0\n5.6.7.8\n6.6.6.6\n", 26)), 2,
	    "a NUL byte is a bad line");
	is_int(text("0.0.0.0/0\n1.2.3.4\n"), 1, "/0 of others");
	is_int((int)r.bad, 1, "is refused");
}

static void
test_gzip(void)
{
	static uint8_t	packed[1 << 20];
	static char	mega[1 << 20];
	size_t		n, m, i;
	int		fd;

	n = pack("1.2.3.4\n5.6.", 12, packed, sizeof(packed));
	m = pack("7.8\n9.9.9.9", 11, packed + n, sizeof(packed) - n);
	is_int(count(with(packed, n + m)), 3, "gzip, in two members");
	is_int(count(with(packed, n + m - 5)), -1, "cut short");
	is_str(r.why, "the gzip data is cut short", "why");
	packed[n / 2] ^= 0x55;
	is_int(count(with(packed, n + m)), -1, "damaged");
	is_int(count(with("\x1f\x8b", 2)), -1, "only the magic");
	/* A bomb: a thousand times what it weighs. */
	list_text_max = 8 << 20;
	memset(mega, '\n', sizeof(mega));
	n = pack(mega, sizeof(mega), packed, sizeof(packed));
	fd = scratch();
	for (i = 0; i < 9; i++)
		if (write(fd, packed, n) != (ssize_t)n)
			exit(1);
	lseek(fd, 0, SEEK_SET);
	is_int(count(fd), -1, "a bomb");
	is_str(r.why, "more than 8 MB when unpacked", "why");
	list_text_max = LIST_TEXT_MAX;
	fd = scratch();
	if (ftruncate(fd, LIST_RAW_MAX + 1) == -1)
		exit(1);
	is_int(count(fd), -1, "128 MB and an octet");
	is_str(r.why, "larger than 128 MB", "why");
	is_int(count(-1), -1, "a descriptor that is none");
}

static struct addrset_build *
build(const char *lines)
{
	struct addrset_build	*b = addrset_build_new();
	int			 fd = with(lines, strlen(lines));

	if (list_read(fd, "test", 1, b, &r, NULL, NULL) == -1)
		exit(1);
	close(fd);
	return (b);
}

static void
test_kept(void)
{
	struct addrset_build	*b, *back = addrset_build_new();
	char			 all[1024];
	uint64_t		 id = list_source_id(SRC_URL, "http://a/");
	int64_t			 loaded = 0;
	ssize_t			 n;
	int			 fd = scratch();

	b = build("0.0.0.0/8\n10.0.0.1-10.0.0.9\n255.255.255.255\n2001:db8::/32\n"
	    "::1\n2001:dba::-2001:dba::5\n");
	is_int(list_kept_write(fd, id, 1700000000, b), 0, "a list is kept");
	n = pread(fd, all, sizeof(all) - 1, 0);
	all[n] = '\0';
	is_str(strchr(all, '\n') + 1, "0.0.0.0/8\n10.0.0.1-10.0.0.9\n"
	    "255.255.255.255\n::1\n2001:db8::/32\n2001:dba::-2001:dba::5\n",
	    "folded, as text");
	is_int(list_kept_read(fd, id, &loaded, back), 0, "and read again");
	is_int(loaded, 1700000000, "with its time");
	is_int((int)addrset_build_count(back), 6, "whole");
	is_int(list_kept_read(fd, list_source_id(SRC_FILE, "http://a/"),
	    &loaded, back), -1, "of another kind of source it is none");
	is_int(list_kept_read(fd, list_source_id(SRC_URL, "http://b/"),
	    &loaded, back), -1, "nor of another source");
	if (ftruncate(fd, n - 24) == -1)
		exit(1);
	is_int(list_kept_read(fd, id, &loaded, back), -1,
	    "a file that is not whole is none");
	if (ftruncate(fd, 5) == -1)
		exit(1);
	is_int(list_kept_read(fd, id, &loaded, back), -1, "nor its beginning");
	addrset_build_free(b);
	addrset_build_free(back);
	close(fd);
}

static void
test_setup(void)
{
	struct list_setups	 all = TAILQ_HEAD_INITIALIZER(all);
	struct list_setups	 back = TAILQ_HEAD_INITIALIZER(back);
	struct list_setup	*s;
	off_t			 size;
	int			 fd = scratch();

	s = list_setup_new(&all, "one");
	free(s->message);
	s->message = strdup("You %A are\\nbad");
	s->loaded = 42;
	addrset_build_free(s->set);
	s->set = build("192.0.2.0/24\n2001:db8::1\n");
	list_setup_new(&all, "empty");
	is_int(list_setup_write(fd, &all), 0, "spamd-setup's lists are kept");
	is_int(list_setup_read(fd, &back), 0, "and read again");
	s = TAILQ_FIRST(&back);
	is_str(s->name, "one", "the first one");
	is_str(s->message, "You %A are\\nbad", "with its message");
	is_int(s->loaded, 42, "its time");
	is_int((int)addrset_build_count(s->set), 2, "its addresses");
	s = TAILQ_NEXT(s, entry);
	is_str(s->name, "empty", "an empty one keeps its place");
	ok(TAILQ_NEXT(s, entry) == NULL, "there are two");
	list_setup_free(&back);
	size = lseek(fd, 0, SEEK_END);
	if (pwrite(fd, "x", 1, size - 3) != 1)
		exit(1);
	is_int(list_setup_read(fd, &back), -1, "a damaged file is none");
	list_setup_free(&back);
	list_setup_free(&all);
	close(fd);
}

int
main(void)
{
	test_text();
	test_gzip();
	test_kept();
	test_setup();
	return (done());
}
