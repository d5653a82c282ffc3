/*
 * The PF driver with the emulated /dev/pf, in the layouts of both systems.
 */
/* LINK: spamgreyd/fw/pf spamgreyd/fw */
#include <sys/socket.h>

#include "regress/lib/tap.h"

#include "regress/fw/pfemu.c"

#include "lib/base/addr.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw.h"

#define TABLE	"spamgrey-white"
#define MANY	100000

static char		state[64];
static char		logged[4096];
static struct config	conf;
static size_t		seen4, seen6, seen_nets;
static struct fw_host	many[MANY];

static void
sink(int priority, const char *line, void *arg)
{
	size_t	n = strlen(logged);

	(void)priority;
	(void)arg;
	snprintf(logged + n, sizeof(logged) - n, "%s\n", line);
}

static void
on_seen(const struct addr *a, uint8_t plen, int64_t left, void *arg)
{
	(void)arg;
	if (left != -1)
		return;
	if (plen != 128)
		seen_nets++;
	else if (addr_is4(a))
		seen4++;
	else
		seen6++;
}

static enum fw_result
dump(void)
{
	seen4 = seen6 = seen_nets = 0;
	return (fw_pf.dump(on_seen, NULL));
}

static struct fw_host
host(const char *text)
{
	struct fw_host	h;
	struct prefix	p;

	memset(&h, 0, sizeof(h));
	if (prefix_parse(text, &p) == -1)
		abort();
	h.addr = p.addr;
	h.plen = p.len;
	h.until = HOST_FOREVER;
	return (h);
}

static void
fill_many(void)
{
	uint32_t	i;

	for (i = 0; i < MANY; i++) {
		many[i] = host("10.0.0.0");
		many[i].addr.b[13] = (uint8_t)(i >> 16);
		many[i].addr.b[14] = (uint8_t)(i >> 8);
		many[i].addr.b[15] = (uint8_t)i;
	}
}

static void
start(const char *table, uint32_t flags, int freebsd, uint32_t limit)
{
	if (emu != NULL)
		munmap(emu, sizeof(*emu));
	emu = emu_map(state, 1);
	stat(state, &emu_id);
	emu_path = state;
	emu->freebsd = freebsd;
	emu->limit = limit;
	if (table != NULL)
		emu_make_table(emu, table, PF_ABI_PERSIST | flags);
	logged[0] = '\0';
}

static void
test_open(int freebsd)
{
	int	fd, ro;

	start(NULL, 0, freebsd, EMU_LIMIT);
	fd = open("/dev/pf", O_RDWR);
	ok(fd != -1, "the device opens");
	is_int(fw_pf.open(&conf, -1), FW_FAILED, "without a descriptor");
	ok(strstr(fw_why(), "start as root") != NULL, "why names the remedy");
	is_int(fw_pf.open(&conf, fd), FW_GONE, "no such table");
	ok(strstr(fw_why(), "`table <" TABLE "> persist'") != NULL,
	    "why is the line for pf.conf");
	is_int(fw_pf.revive(), FW_OK, "it can be made all the same");
	is_int(fw_pf.count(), 0, "and is empty");
	start(NULL, 0, freebsd, EMU_LIMIT);
	emu_make_table(emu, TABLE, PF_ABI_PERSIST | PF_ABI_CONST);
	is_int(fw_pf.open(&conf, fd), FW_FAILED, "a const table");
	ok(strstr(fw_why(), "`const'") != NULL, "why says so");
	start(TABLE, 0, freebsd, EMU_LIMIT);
	ro = open("/dev/pf", O_RDONLY);
	is_int(fw_pf.open(&conf, ro), FW_FAILED, "a read-only descriptor");
	close(ro);
	ro = open("/dev/null", O_RDWR);
	is_int(fw_pf.open(&conf, ro), FW_FAILED, "another device");
	ok(strstr(fw_why(), "neither OpenBSD's nor FreeBSD's PF") != NULL, "why says so");
	close(ro);
	conf.fw_table = (char *)(uintptr_t)"a-name-that-is-32-octets-long-xx";
	is_int(fw_pf.open(&conf, fd), FW_FAILED, "a name of 32 octets");
	conf.fw_table = (char *)(uintptr_t)TABLE;
	is_int(fw_pf.open(&conf, fd), FW_OK, "a table that is there");
	/* The layout was found by asking. */
	is_int(emu->calls > 0, 1, "the kernel was asked");
	is_int(fw_pf.count(), 0, "it is empty");
}

static void
test_change(void)
{
	struct fw_host	h[6];

	h[0] = host("192.0.2.1");
	h[1] = host("192.0.2.0/24");
	h[2] = host("2001:db8::1");
	h[3] = host("2001:db8:1::/48");
	h[4] = host("198.51.100.0/25");
	h[5] = host("0.0.0.0/0");
	is_int(fw_pf.dump(on_seen, NULL), FW_OK, "an empty table is read");
	is_int(fw_pf.add(h, 6, 0, 1), FW_OK, "hosts and networks");
	is_int(fw_pf.count(), 6, "all there");
	is_int(fw_pf.intact(), 1, "as we left it");
	is_int(fw_pf.add(h, 6, 0, 0), FW_OK, "again");
	is_int(fw_pf.intact(), 1, "which changes nothing");
	is_int(dump(), FW_OK, "read back");
	is_int(seen4, 1, "IPv4 hosts");
	is_int(seen6, 1, "IPv6 hosts");
	is_int(seen_nets, 4, "networks");
	is_int(fw_pf.del(h, 2), FW_OK, "two out");
	is_int(fw_pf.del(h, 1), FW_OK, "one that is gone");
	is_int(fw_pf.count(), 4, "four left");
	is_int(fw_pf.intact(), 1, "as we left it");
	emu_flush(emu, 0, 0);
	is_int(fw_pf.intact(), 0, "flushed behind our back");
	is_int(fw_pf.clear(), FW_OK, "cleared");
	is_int(fw_pf.intact(), 1, "and that was us");
}

static void
test_exception(void)
{
	struct emu_slot	s;

	memset(&s, 0, sizeof(s));
	memcpy(s.addr, "\xc0\x00\x02\x07", 4);
	s.table = 1;
	s.net = 32;
	s.not = 1;
	emu_add(emu, &s);
	is_int(dump(), FW_OK, "a table with an exception");
	is_int(fw_pf.count(), 0, "which is taken out");
	is_int(fw_pf.intact(), 1, "and counted");
}

static void
test_gone(void)
{
	struct fw_host	h = host("192.0.2.1");

	emu->table[0].flags = 0;
	is_int(fw_pf.add(&h, 1, 0, 0), FW_GONE, "add without a table");
	is_int(fw_pf.del(&h, 1), FW_GONE, "delete without a table");
	is_int(dump(), FW_GONE, "read without a table");
	is_int(fw_pf.intact(), -1, "intact says it");
	is_int(fw_pf.revive(), FW_OK, "made again");
	is_int(emu_find_table(emu, TABLE), 0, "the table is there");
	is_int(emu->table[0].flags & PF_ABI_PERSIST, PF_ABI_PERSIST,
	    "and persists");
	is_int(fw_pf.intact(), 1, "empty, as we left it");
	is_int(fw_pf.add(&h, 1, 0, 0), FW_OK, "add works again");
	emu->table[0].flags |= PF_ABI_CONST;
	logged[0] = '\0';
	is_int(fw_pf.add(&h, 1, 0, 0), FW_FAILED, "a table that became const");
	ok(strstr(logged, "`const'") != NULL, "the log says so");
	emu->table[0].flags &= ~(uint32_t)PF_ABI_CONST;
}

/* Bad elements among good ones: a length that no address has. */
static void
test_refused(void)
{
	struct fw_host	h[1000];
	size_t		i, bad = 0;

	fw_pf.clear();
	for (i = 0; i < 1000; i++)
		h[i] = many[i];
	h[17].plen = 200;	/* more bits than there are */
	h[933].plen = 250;
	logged[0] = '\0';
	is_int(fw_pf.add(h, 1000, 0, 1), FW_OK, "two bad ones in a thousand");
	for (i = 0; i < 1000; i++)
		bad += h[i].refused;
	is_int(bad, 2, "two are marked");
	is_int(h[17].refused + h[933].refused, 2, "the right ones");
	is_int(fw_pf.count(), 998, "the others are in");
	ok(strstr(logged, "refuses 10.0.0.17/") != NULL, "the log names one");
	is_int(fw_pf.intact(), 1, "as we left it");
}

static void
test_full(void)
{
	size_t	i, in = 0, fits = 5003 - 5003 / 20;	/* the rest is others' */

	fw_pf.clear();
	emu->limit = 5003;
	is_int(fw_pf.add(many, 12000, 0, 1), FW_OK, "more than there is room");
	for (i = 0; i < 12000; i++)
		in += !many[i].refused;
	is_int((long)in, (long)fits, "what fits is not marked");
	is_int(fw_pf.count(), (long)fits, "and is in");
	is_int(fw_pf.intact(), 1, "as we left it");
	emu->limit = EMU_LIMIT;
	fill_many();
	is_int(fw_pf.add(many, 12000, 0, 1), FW_OK, "with room again");
	is_int(fw_pf.count(), 12000, "all are in");
}

static void
test_many(int freebsd)
{
	uint64_t	calls;

	fw_pf.clear();
	calls = emu->calls;
	is_int(fw_pf.add(many, MANY, 0, 1), FW_OK, "a hundred thousand");
	is_int(fw_pf.count(), MANY, "all in");
	ok(emu->calls - calls < 64, "in chunks");
	/* FreeBSD gives at most 65,535 in a call. */
	is_int(dump(), freebsd ? FW_BLIND : FW_OK, "read");
	is_int(seen4, freebsd ? 0 : MANY, "what can be read");
	is_int(fw_pf.intact(), 1, "as we left it");
	is_int(fw_pf.del(many, MANY), FW_OK, "and out");
	is_int(fw_pf.count(), 0, "all out");
}

static void
test_abi(int freebsd)
{
	struct pf_abi_ioc	io;
	uint8_t			buf[128] = { 0 };
	int			fd;

	fd = open("/dev/pf", O_RDWR);
	memset(&io, 0, sizeof(io));
	strcpy(io.table.name, TABLE);
	io.buffer = buf;
	io.size = 1;
	io.esize = freebsd ? 52 : 20;
	errno = 0;
	ok(ioctl(fd, PF_ABI_ADDADDRS, &io) == -1 && errno == ENODEV,
	    "the other system's size is ENODEV");
	ok(ioctl(fd, 0xc4504499UL, &io) == -1 && errno == ENOTTY,
	    "an unknown request is ENOTTY");
	io.esize = freebsd ? 20 : 52;
	ok(ioctl(fd, PF_ABI_ADDADDRS, &io) == -1 && errno == EINVAL,
	    "no family is EINVAL");
	buf[freebsd ? 16 : 38] = 2;
	buf[freebsd ? 17 : 39] = 32;
	memcpy(buf, "\xc0\x00\x02\x01", 4);
	ok(ioctl(fd, PF_ABI_ADDADDRS, &io) == 0 && io.nadd == 1,
	    "offsets are those of the reference");
	buf[5] = 1;
	ok(ioctl(fd, PF_ABI_ADDADDRS, &io) == -1 && errno == EINVAL,
	    "octets that are not the address' are EINVAL");
	buf[5] = 0;
	io.table.name[31] = 'x';
	ok(ioctl(fd, PF_ABI_ADDADDRS, &io) == -1 && errno == EINVAL,
	    "a name with something behind it is EINVAL");
	close(fd);
}

int
main(void)
{
	int	freebsd;

	snprintf(state, sizeof(state), "/tmp/fw_pf_test.%d", (int)getpid());
	conf.fw_table = (char *)(uintptr_t)TABLE;
	log_set_sink(sink, NULL);
	for (freebsd = 0; freebsd <= 1; freebsd++) {
		printf("# %s\n", freebsd ? "FreeBSD" : "OpenBSD");
		fill_many();
		test_open(freebsd);
		test_change();
		test_exception();
		test_gone();
		test_refused();
		test_full();
		test_many(freebsd);
		test_abi(freebsd);
	}
	unlink(state);
	return (done());
}
