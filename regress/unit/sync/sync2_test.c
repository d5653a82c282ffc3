/*
 * spamd's sync datagrams, version 2: those of a real spamd and spamlogd are
 * parsed, printed, and made again with the same bytes; malformed ones are
 * refused.
 */
/* LIBS: -lcrypto */
#include "lib/sync/v2.h"
#include "regress/lib/tap.h"

/* All with the key file "secret\n". */
static const struct vector {
	const char	*name, *hex, *key;
	uint32_t	 counter;
	enum sync2_type	 type;
	uint32_t	 when, expire;
	const char	*ip, *from, *to, *helo;
} vectors[] = {
	{ "GREY of spamd",
	  "020200740000000073f9277f73b8aae2752b085596af7abc256b5c3800000000"
	  "000100506553f100c000020100100010000f3c61406578616d706c652e6f7267"
	  "3e003c62406578616d706c652e6e65743e006d782e6578616d706c652e6f7267"
	  "0000000000000000000000000000000000000004", "secret\n", 0,
	  SYNC2_GREY, 1700000000, 0, "192.0.2.1", "<a@example.org>",
	  "<b@example.net>", "mx.example.org" },
	{ "TRAPPED of spamd",
	  "02020034000000017bb4b1da07757c0c36ca4b3668aa5eba85553bbc00000000"
	  "000300106553f10065554280c000020100000004", "secret\n", 1,
	  SYNC2_TRAPPED, 1700000000, 1700086400, "192.0.2.1", "", "", "" },
	{ "WHITE of spamlogd",
	  "02020034000000024356bb45f9f03299547a412ad014aee9c280962a00000000"
	  "000200106553f10065836700c000020100000004", "secret\n", 2,
	  SYNC2_WHITE, 1700000000, 1703110400, "192.0.2.1", "", "", "" },
	{ "GREY with a null sender",
	  "0202006400000002ee930d4599deda4c352ced35304e7fee0d1485e700000000"
	  "000100406553f103c00002010003001000103c3e003c62406578616d706c652e"
	  "6e65743e006d78322e6578616d706c652e6f7267000000000000000000000000"
	  "00000004", "secret\n", 2, SYNC2_GREY, 1700000003, 0, "192.0.2.1",
	  "<>", "<b@example.net>", "mx2.example.org" },
	{ "WHITE, inbound",
	  "0202003400000000e244cde56d5024dbc58cce1b547bc6edc6f347b600000000"
	  "000200106553f12865836728cb00710200000004", "secret\n", 0,
	  SYNC2_WHITE, 1700000040, 1703110440, "203.0.113.2", "", "", "" },
	{ "WHITE, the next",
	  "020200340000000162b29b99a52ee4ca8c54d23069862d2511f3ee3100000000"
	  "000200106553f12865836728cb00710800000004", "secret\n", 1,
	  SYNC2_WHITE, 1700000040, 1703110440, "203.0.113.8", "", "", "" },
	{ "TRAPPED without a key",
	  "0202003400000001d240d4bdd1ba2a5a2d610ce2bbcfa14c7cc05e3600000000"
	  "000300106553f10065554280c000020100000004", "", 1,
	  SYNC2_TRAPPED, 1700000000, 1700086400, "192.0.2.1", "", "", "" }
};
#define VECTORS	(sizeof(vectors) / sizeof(vectors[0]))

static struct sync2_item	got;
static char			strings[3][SYNC2_STR_MAX + 1];
static unsigned int		items;

static void
take(const struct sync2_item *it, void *arg)
{
	(void)arg;
	got = *it;
	strlcpy(strings[0], it->from, sizeof(strings[0]));
	strlcpy(strings[1], it->to, sizeof(strings[1]));
	strlcpy(strings[2], it->helo, sizeof(strings[2]));
	items++;
}

static size_t
unhex(const char *hex, uint8_t *dst)
{
	unsigned int	v;
	size_t		n = 0;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		dst[n++] = (uint8_t)v;
	return (n);
}

static void
print(const char *what, const uint8_t *p, size_t len)
{
	printf("# %s ", what);
	while (len-- > 0)
		printf("%02x", *p++);
	printf("\n");
}

static void
test_vector(const struct vector *v)
{
	struct sync2_item	it;
	struct sync_key		key;
	uint8_t			want[SYNC2_MAX], made[SYNC2_MAX];
	char			ip[ADDR_STRLEN];
	uint32_t		counter;
	size_t			len = unhex(v->hex, want), n;

	printf("# %s\n", v->name);
	print("received", want, len);
	is_int(synckey_make((const uint8_t *)v->key, strlen(v->key), &key), 0,
	    "the key");
	items = 0;
	is_str(sync2_parse(want, len, &key, &counter, take, NULL), NULL,
	    "parsed");
	printf("# parsed   type %d counter %u at %u expire %u %s %s %s %s\n",
	    (int)got.type, counter, got.when, got.expire,
	    addr_str(&got.addr, ip), strings[0], strings[1], strings[2]);
	ok(items == 1 && counter == v->counter && got.type == v->type &&
	    got.when == v->when && got.expire == v->expire &&
	    strcmp(ip, v->ip) == 0 && strcmp(strings[0], v->from) == 0 &&
	    strcmp(strings[1], v->to) == 0 && strcmp(strings[2], v->helo) == 0,
	    "what it says");

	memset(&it, 0, sizeof(it));
	it.type = v->type;
	it.when = v->when;
	it.expire = v->expire;
	it.from = v->from;
	it.to = v->to;
	it.helo = v->helo;
	addr_parse(v->ip, &it.addr);
	n = sync2_build(made, v->counter, &it, &key);
	print("produced", made, n);
	ok(n == len && memcmp(made, want, len) == 0, "the same octets");
}

static void
test_damage(void)
{
	const struct vector	*v = &vectors[0];
	struct sync_key		 key, none;
	uint8_t			 d[SYNC2_MAX + 1], bad[SYNC2_MAX + 1];
	uint32_t		 counter;
	size_t			 len = unhex(v->hex, d), i, n;
	int			 refused = 1;

	memset(bad, 0, sizeof(bad));
	synckey_make((const uint8_t *)"secret\n", 7, &key);
	synckey_make(NULL, 0, &none);
	items = 0;
	for (i = 0; i < len * 8; i++) {
		memcpy(bad, d, len);
		bad[i / 8] ^= (uint8_t)(1 << i % 8);
		refused &= sync2_parse(bad, len, &key, &counter, take,
		    NULL) != NULL;
	}
	ok(refused, "each bit counts");
	for (n = 0, refused = 1; n < len; n++)
		refused &= sync2_parse(d, n, &key, &counter, take, NULL) !=
		    NULL;
	ok(refused, "each octet counts");
	is_str(sync2_parse(d, len, &none, &counter, take, NULL), "key",
	    "another key");
	is_str(sync2_parse(bad, sizeof(bad), &key, &counter, take, NULL),
	    "length", "longer than spamd's buffer");
	is_int(items, 0, "nothing of it is taken");
}

/* With the right key, and yet wrong: how a peer's faults would look. */
static void
sealed(const uint8_t *body, size_t len, const char *want, const char *name)
{
	struct sync_key	key;
	uint8_t		d[SYNC2_MAX], mac[SYNCMAC_V2_LEN];
	uint32_t	counter;

	synckey_make((const uint8_t *)"secret\n", 7, &key);
	memset(d, 0, SYNC2_HDR);
	memcpy(d + SYNC2_HDR, body, len);
	len += SYNC2_HDR;
	d[0] = d[1] = 2;
	d[2] = (uint8_t)(len >> 8);
	d[3] = (uint8_t)len;
	synckey_mac2(&key, d, len, mac);
	memcpy(d + 8, mac, sizeof(mac));
	items = 0;
	is_str(sync2_parse(d, len, &key, &counter, take, NULL), want, name);
	is_int(items, want == NULL ? 2 : 0, "items taken");
}

/* A sender of 1025 octets with its NUL, in an item of 1056. */
static void
long_string(void)
{
	uint8_t	g[1056 + 4] = { 0, 1, 0x04, 0x20, 0, 0, 0, 1, 192, 0, 2, 1,
		    0x04, 0x01, 0, 3, 0, 2 };

	memset(g + 18, 'x', 1024);
	memcpy(g + 18 + 1025, "<>\0h", 5);
	g[1056 + 3] = 4;
	sealed(g, sizeof(g), "a string", "one longer than an entry keeps");
}

static void
test_items(void)
{
	static const uint8_t two[] = {
		0, 2, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 192, 0, 2, 1,
		0, 3, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 192, 0, 2, 2, 0, 0, 0, 4
	};
	static const uint8_t no_end[] = {
		0, 2, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 192, 0, 2, 1
	};
	static const uint8_t unknown[] = {
		0, 4, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 192, 0, 2, 1, 0, 0, 0, 4
	};
	static const uint8_t zero[] = { 0, 2, 0, 0, 0, 0, 0, 4 };
	static const uint8_t behind[] = { 0, 0, 0, 4, 0, 0, 0, 4 };
	/* Sixteen octets are said, and twelve are there. */
	static const uint8_t cut[] = {
		0, 2, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9
	};
	uint8_t	g[36] = {
		0, 1, 0, 32, 0, 0, 0, 1, 192, 0, 2, 1, 0, 3, 0, 3, 0, 2,
		'<', '>', 0, '<', '>', 0, 'h', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4
	};

	sealed(two, sizeof(two), NULL, "several items in one");
	sealed(no_end, sizeof(no_end), "no end", "no END");
	sealed(unknown, sizeof(unknown), "unknown type", "a type there is not");
	sealed(zero, sizeof(zero), "length of an item", "an item of length 0");
	sealed(behind, sizeof(behind), "bytes after the end", "more");
	sealed(cut, sizeof(cut), "length of an item", "an item past the end");
	long_string();
	g[20] = 'x';
	sealed(g, sizeof(g), "a string", "no NUL where it ought to be");
	g[20] = 0;
	g[19] = 0;
	sealed(g, sizeof(g), "a string", "a NUL where it ought not");
	g[19] = '\n';
	sealed(g, sizeof(g), "a string", "a newline, that spamd would take");
	g[19] = '>';
	g[17] = 12;
	sealed(g, sizeof(g), "lengths of strings", "strings past the item");
	g[17] = 0;
	sealed(g, sizeof(g), "a string", "a string without even a NUL");
	g[12] = 0xff;
	sealed(g, sizeof(g), "lengths of strings", "a string of 65283");
}

static void
test_build(void)
{
	struct sync2_item	it;
	struct sync_key		key;
	uint8_t			d[SYNC2_MAX];
	char			s[SYNC2_STR_MAX + 2];
	uint32_t		counter;
	size_t			n;

	synckey_make((const uint8_t *)"secret\n", 7, &key);
	memset(&it, 0, sizeof(it));
	it.type = SYNC2_GREY;
	it.from = it.to = it.helo = "";
	addr_parse("2001:db8::1", &it.addr);
	is_int(sync2_build(d, 0, &it, &key), 0, "IPv6 does not go");
	addr_parse("192.0.2.1", &it.addr);
	memset(s, 'x', sizeof(s));
	s[sizeof(s) - 1] = '\0';
	it.from = s;
	is_int(sync2_build(d, 0, &it, &key), 0, "nor does 1024 octets");
	s[SYNC2_STR_MAX] = '\0';
	n = sync2_build(d, 0, &it, &key);
	ok(n > 0 && n <= SYNC2_MAX, "1023 do");
	items = 0;
	is_str(sync2_parse(d, n, &key, &counter, take, NULL), NULL, "and back");
	is_str(strings[0], s, "as they were");
	it.to = s;
	is_int(sync2_build(d, 0, &it, &key), 0, "twice is more than spamd takes");
	it.to = "a\nWHITE:192.0.2.9:x:9";
	is_int(sync2_build(d, 0, &it, &key), 0, "no control character");
	it.from = "<>";
	it.to = "<bb>";		/* 18 + 3 + 5 + 6 = 32 */
	it.helo = "hello";
	is_int(sync2_build(d, 0, &it, &key), 32 + 32 + 4, "no padding at 16s");
}

int
main(void)
{
	size_t	i;

	for (i = 0; i < VECTORS; i++)
		test_vector(&vectors[i]);
	test_damage();
	test_items();
	test_build();
	return (done());
}
