/*
 * The wanted set of the firewall, the folding of networks, and how long a host
 * has left.
 */
/* LINK: spamgreyd/fw */
#include "regress/lib/tap.h"

#include "spamgreyd/fw/fw.h"

#define N	20000

static struct addr
nth(unsigned int i)
{
	struct addr	a;

	memset(&a, 0, sizeof(a));
	a.b[10] = a.b[11] = 0xff;
	a.b[12] = 10;
	a.b[13] = (uint8_t)(i >> 16);
	a.b[14] = (uint8_t)(i >> 8);
	a.b[15] = (uint8_t)i;
	return (a);
}

static void
test_set(void)
{
	struct fw_set	 s;
	struct fw_want	*w;
	struct addr	 a;
	size_t		 i, n;
	unsigned int	 k, wrong;

	fw_set_init(&s);
	a = nth(1);
	ok(fw_set_get(&s, &a, 128) == NULL, "nothing in an empty set");
	fw_set_drop(&s, &a, 128);
	i = 0;
	ok(fw_set_next(&s, &i) == NULL, "no first one either");
	for (k = 0; k < N; k++) {
		a = nth(k);
		if ((w = fw_set_put(&s, &a, 128)) == NULL)
			break;
		w->until = k;
	}
	is_int(s.n, N, "all put");
	a = nth(7);
	w = fw_set_put(&s, &a, 128);
	is_int(w->until, 7, "put finds the one there");
	w = fw_set_put(&s, &a, 120);
	is_int(w->until, 0, "another length is another element");
	is_int(s.n, N + 1, "and counts");
	fw_set_drop(&s, &a, 120);
	for (k = 0; k < N; k += 2) {
		a = nth(k);
		fw_set_drop(&s, &a, 128);
	}
	is_int(s.n, N / 2, "every other one dropped");
	for (k = 0, wrong = 0; k < N; k++) {
		a = nth(k);
		w = fw_set_get(&s, &a, 128);
		if ((w != NULL) != (k % 2 == 1) ||
		    (w != NULL && w->until != k))
			wrong++;
	}
	is_int(wrong, 0, "the right ones are left");
	for (i = 0, n = 0; (w = fw_set_next(&s, &i)) != NULL; n++)
		;
	is_int(n, N / 2, "a walk sees each once");
	fw_set_free(&s);
}

static void
test_fold(void)
{
	static const char	*in[] = {
		"10.1.0.0/16", "2001:db8::/32", "10.0.0.0/8", "::/0",
		"10.1.2.3", "192.0.2.1", "192.0.2.1", "2001:db8:1::/48",
		"11.0.0.0/8", "192.0.2.0/31"
	};
	static const char	*out[] = {
		"10.0.0.0/8", "11.0.0.0/8", "192.0.2.0/31", "::/0"
	};
	struct prefix		 p[10];
	char			 buf[PREFIX_STRLEN];
	size_t			 i, n;

	for (i = 0; i < 10; i++)
		if (prefix_parse(in[i], &p[i]) == -1)
			printf("Bail out! %s\n", in[i]);
	n = fw_nets_fold(p, 10);
	is_int(n, 4, "folded");
	for (i = 0; i < n && i < 4; i++)
		is_str(prefix_str(&p[i], buf), out[i], out[i]);
	is_int(fw_nets_fold(NULL, 0), 0, "none stays none");
}

static int
covers(const char *net, const char *host)
{
	struct prefix	p, h;

	if (prefix_parse(net, &p) == -1 || prefix_parse(host, &h) == -1)
		printf("Bail out! %s %s\n", net, host);
	return (fw_covers(&p.addr, p.len, &h.addr));
}

static void
test_covers(void)
{
	is_int(covers("192.0.2.0/24", "192.0.2.255"), 1, "its last address");
	is_int(covers("192.0.2.0/24", "192.0.3.0"), 0, "not the next one");
	is_int(covers("::/0", "2001:db8::1"), 1, "::/0 has all of IPv6");
	is_int(covers("::/0", "192.0.2.1"), 0, "and no address of IPv4");
}

static void
test_room(void)
{
	struct fw_room	room = { 1000, 940 };

	is_int((long long)fw_room_free(&room), 10, "a twentieth is left free");
	room.used = 951;
	is_int((long long)fw_room_free(&room), 0, "whatever is there already");
}

int
main(void)
{
	test_set();
	test_fold();
	test_covers();
	test_room();
	is_int(fw_time_left(1061, 1000), 61, "a host has the time it has");
	is_int(fw_time_left(1020, 1000), 60, "one about to end a moment more");
	is_int(fw_time_left(900, 1000), 60, "one that has ended too");
	return (done());
}
