/*
 * The hand of a test on the emulated PF, as pfctl(8) is on the real one.
 *	pfemuctl STATE init [openbsd|freebsd] [limit N]
 *	pfemuctl STATE create TABLE [const|anchor] | destroy TABLE
 *	pfemuctl STATE list TABLE | count TABLE | calls | hung
 *	pfemuctl STATE add|del|test TABLE ADDR[/LEN] …
 *	pfemuctl STATE flush TABLE	(-T flush)
 *	pfemuctl STATE flushall		(-F all: tables go too)
 *	pfemuctl STATE expire TABLE SECONDS
 *	pfemuctl STATE limit N
 *	pfemuctl STATE nat CLIENT PORT LOCAL PORT ORIGINAL PORT
 * Exit status 0; 1 not found or refused; 2 usage.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "regress/fw/pfemu_state.h"

static struct emu	*emu;

static int
usage(void)
{
	fprintf(stderr, "usage: pfemuctl state command [argument ...]\n");
	return (2);
}

static int
parse(const char *text, struct emu_slot *s)
{
	char	 buf[64], *slash;
	int	 max;

	memset(s, 0, sizeof(*s));
	if (strlen(text) >= sizeof(buf))
		return (-1);
	strcpy(buf, text);
	if ((slash = strchr(buf, '/')) != NULL)
		*slash++ = '\0';
	s->ip6 = strchr(buf, ':') != NULL;
	max = s->ip6 ? 128 : 32;
	s->net = (uint8_t)(slash == NULL ? max : atoi(slash));
	return (inet_pton(s->ip6 ? AF_INET6 : AF_INET, buf, s->addr) == 1 ?
	    0 : -1);
}

static void
print(const struct emu_slot *s)
{
	char	buf[64];

	inet_ntop(s->ip6 ? AF_INET6 : AF_INET, s->addr, buf, sizeof(buf));
	printf("%s%s", s->not ? "!" : "", buf);
	if (s->net != (s->ip6 ? 128 : 32))
		printf("/%u", s->net);
	printf("\n");
}

static int
edit(const char *what, int t, char **addr)
{
	struct emu_slot	s;
	int		rc, status = 0;

	for (; *addr != NULL; addr++) {
		if (parse(*addr, &s) == -1)
			return (usage());
		s.table = (uint8_t)(t + 1);
		if (strcmp(what, "test") == 0)
			rc = emu->slot[emu_place(emu, &s)].table != 0;
		else
			rc = strcmp(what, "add") == 0 ? emu_add(emu, &s) :
			    emu_del(emu, &s);
		if (rc != 1)
			status = 1;
	}
	return (status);
}

static int
table_command(const char *what, int t, char **argv)
{
	uint32_t	i;

	if (strcmp(what, "destroy") == 0) {
		emu_flush(emu, t, 0);
		emu->table[t].flags = 0;
	} else if (strcmp(what, "list") == 0) {
		for (i = 0; i < EMU_SLOTS; i++)
			if (emu->slot[i].table == t + 1)
				print(&emu->slot[i]);
	} else if (strcmp(what, "count") == 0)
		printf("%u\n", emu->table[t].count);
	else if (strcmp(what, "flush") == 0)
		emu_flush(emu, t, 0);
	else if (strcmp(what, "expire") == 0 && argv[0] != NULL)
		printf("%u\n", emu_flush(emu, t,
		    (int64_t)time(NULL) - atoi(argv[0]) + 1));
	else if (strcmp(what, "add") == 0 || strcmp(what, "del") == 0 ||
	    strcmp(what, "test") == 0)
		return (edit(what, t, argv));
	else
		return (usage());
	return (0);
}

static int
add_nat(char **argv)
{
	struct emu_slot	 s[3];
	struct emu_nat	*n;
	int		 i;

	for (i = 0; i < 6; i++)
		if (argv[i] == NULL || (i % 2 == 0 &&
		    parse(argv[i], &s[i / 2]) == -1))
			return (usage());
	for (n = emu->nat; n < emu->nat + EMU_NATS && n->used; n++)
		;
	if (n == emu->nat + EMU_NATS)
		return (1);
	n->used = 1;
	n->ip6 = s[0].ip6;
	memcpy(n->client, s[0].addr, 16);
	memcpy(n->local, s[1].addr, 16);
	memcpy(n->orig, s[2].addr, 16);
	n->cport = htons((uint16_t)atoi(argv[1]));
	n->lport = htons((uint16_t)atoi(argv[3]));
	n->oport = htons((uint16_t)atoi(argv[5]));
	return (0);
}

static int
flush_all(void)
{
	memset(emu->slot, 0, sizeof(emu->slot));
	memset(emu->table, 0, sizeof(emu->table));
	emu->total = 0;
	return (0);
}

static int
create(const char *name, const char *how)
{
	uint32_t	flags = PF_ABI_PERSIST;
	int		error;

	if (how != NULL && strcmp(how, "const") == 0)
		flags |= PF_ABI_CONST;
	error = emu_make_table(emu, name, flags);
	if (error == 0 && how != NULL && strcmp(how, "anchor") == 0)
		emu->table[emu_find_table(emu, name)].anchor = 1;
	return (error);
}

static int
command(int argc, char **argv)
{
	const char	*what = argv[0];
	int		 t;

	if (strcmp(what, "flushall") == 0)
		return (flush_all());
	if (strcmp(what, "calls") == 0)
		return (printf("%llu\n", (unsigned long long)emu->calls) < 0);
	if (strcmp(what, "hung") == 0)
		return (printf("%llu\n", (unsigned long long)emu->hung) < 0);
	if (argc < 2)
		return (usage());
	if (strcmp(what, "limit") == 0) {
		emu->limit = (uint32_t)atoi(argv[1]);
		return (0);
	}
	if (strcmp(what, "nat") == 0)
		return (add_nat(argv + 1));
	t = emu_find_table(emu, argv[1]);
	if (strcmp(what, "create") == 0)
		return (t != -1 || create(argv[1], argv[2]) != 0);
	if (t == -1) {
		fprintf(stderr, "pfemuctl: no table <%s>\n", argv[1]);
		return (1);
	}
	return (table_command(what, t, argv + 2));
}

int
main(int argc, char **argv)
{
	int	i, status;

	if (argc < 3)
		return (usage());
	emu = emu_map(argv[1], strcmp(argv[2], "init") == 0);
	if (emu == NULL) {
		perror(argv[1]);
		return (1);
	}
	if (strcmp(argv[2], "init") == 0) {
		for (i = 3; i < argc; i++)
			if (strcmp(argv[i], "freebsd") == 0)
				emu->freebsd = 1;
			else if (strcmp(argv[i], "limit") == 0 && i + 1 < argc)
				emu->limit = (uint32_t)atoi(argv[++i]);
		return (0);
	}
	emu_lock(emu);
	status = command(argc - 2, argv + 2);
	emu_unlock(emu);
	return (status);
}
