/*
 * The role store in one process, with the test as the other roles
 * (store_fixture.h): what hosts are told, expiry, a full disk, broken fronts.
 * One scenario in each run, because a process has only one role; TAP.
 *	scenario NAME DIR		DIR is empty (full: a small file system)
 */
/* LINK: spamgreyd/store */
/* LIBS: -ldb -lcrypto */
#include "regress/lib/store_fixture.h"

/* A promotion, told in its order: table, fronts, answer. */
static void
life_promotion(void)
{
	begin(new_config());
	until("W end");
	until("F1 end");
	ok(before("F0 begin", "F0 end") && before("F1 begin", "F1 end"),
	    "each front is told all states");
	ok(before("W begin", "W end"), "fw is told the whole set");

	fresh_log();
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ok(has("F0 answer 1/1 grey"), "first sight");
	ok(!has("W "), "nothing for fw");

	/* It matures: table first, then both fronts, then the answer. */
	clock_fake_advance(200);
	fresh_log();
	fw_answers = 0;
	rcpt(2, "192.0.2.1");
	send_rcpt(0, 3, "198.51.100.1", A, B, 0);
	until_answers(1);
	settle();
	ok(has("F0 answer 3/1 grey"), "the other one of the batch is answered");
	ok(!has("answer 2/1"), "the promotion waits for fw");
	is_int(times("W do 192.0.2.1/128 in"), 1, "which has been asked, once");
	ok(has("F0 host 192.0.2.1 white") && has("F1 host 192.0.2.1 white"),
	    "both fronts know");
	fw_done(fw_asked);
	until_answers(2);
	ok(has("F0 answer 2/1 pass"), "fw's word: answered");
	ok(before("F0 host 192.0.2.1 white", "F0 answer 2/1 pass"),
	    "in this order");
}

/* White and yet at front: put back before its first answer. */
static void
life_white_at_front(void)
{
	fresh_log();
	send_rcpt(1, 4, "192.0.2.1", A, B, RCPT_F_WHITE);
	until("W do 192.0.2.1/128 in");
	settle();
	is_int(answers, 0, "white at front waits for fw");
	fw_done(fw_asked);
	until_answers(1);
	ok(has("F1 answer 4/1 white"), "then it is answered");
	fresh_log();
	send_rcpt(1, 4, "192.0.2.1", A, B, RCPT_F_WHITE | RCPT_F_AGAIN);
	until_answers(1);
	ok(!has("W "), "only once a session");
}

/* A dumb fw holds up a promotion for a second, no more. */
static void
life_late_fw(void)
{
	fresh_log();
	rcpt(5, "192.0.2.7");
	until("W do 192.0.2.7/128 in");
	settle();
	is_int(answers, 0, "waits");
	clock_fake_advance(1);
	until_answers(1);
	ok(has("F0 answer 5/1 pass"), "fw is late: answered all the same");
	ok(strstr(last_log, "fw did not answer") != NULL, "and logged");
	fw_done(fw_asked);
	settle();
	is_int(answers, 1, "its late word answers nothing twice");
	fw_answers = 1;
}

/* Many at once: one commit for each 128. */
static void
life_many(void)
{
	struct policy	*p = the_policy();
	int64_t		 commits;
	char		 from[64];
	int		 i;

	commits = stat_of(p, "database commits");
	fresh_log();
	for (i = 0; i < 300; i++) {
		snprintf(from, sizeof(from), "<x%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		send_rcpt(0, 100 + (uint64_t)i, "203.0.113.1", from, B, 0);
	}
	until_answers(300);
	is_int(stat_of(p, "grey-new") >= 300, 1, "all stored");
	is_int(stat_of(p, "database commits") - commits, 3,
	    "in three transactions");
	is_int(stat_of(p, "firewall late"), 1, "counted");
}

static void
scenario_life(void)
{
	life_promotion();
	life_white_at_front();
	life_late_fw();
	life_many();
	role_store.stop(&child);
}

/* store judges the clock.  It tells fronts, pass and fw before it tells them of
 * any host, and again when the clock changes. */
static void
scenario_clock(void)
{
	begin(new_config());
	until("W end");
	ok(before("F0 clock right", "F0 begin") &&
	    before("F1 clock right", "F1 begin") &&
	    before("W clock right", "W begin"),
	    "the time is told before the hosts");
	fresh_log();
	clock_fake_advance(1000);
	event_base_loop(child.base, EVLOOP_ONCE);	/* its tick */
	settle();
	ok(!has("clock"), "a clock that goes as theirs do is not told again");
	clock_fake_jump(600);
	until("W clock right");
	ok(has("F0 clock right") && has("F1 clock right"),
	    "one that is set is");
	fresh_log();
	clock_fake_jump(400 * 86400);
	until("W clock none");
	ok(has("F0 clock none") && has("F1 clock none"),
	    "one that jumped is not believed");
	ok(strstr(last_log, "hours ahead of the newest entry") != NULL,
	    "and logged");
	fresh_log();
	clock_fake_jump(-400 * 86400);
	until("W clock right");
	ok(has("F0 clock right") && has("F1 clock right"),
	    "it is right again");
	role_store.stop(&child);
}

static void
scenario_expire(void)
{
	struct config	*c = new_config(), *c2;

	add_string(&c->spamtraps, "trap@example.net");
	add_string(&c->not_to, "support@example.net");
	begin(c);
	until("W end");
	send_rcpt(0, 1, "192.0.2.1", A, "<support@example.net>", 0);
	until("answer 1/1 pass");
	send_rcpt(0, 2, "192.0.2.1", A, "<trap@example.net>", 0);
	until("answer 2/1 trapped");
	ok(before("F0 host 192.0.2.1 whitetrapped", "F0 answer 2/1 trapped"),
	    "trapped over WHITE: the fronts know before the answer");
	ok(has("W do 192.0.2.1/128 out"), "out of the table");
	send_rcpt(0, 3, "192.0.2.5", A, "<support@example.net>", 0);
	send_rcpt(0, 4, "192.0.2.5", A, "<trap@example.net>", 0);
	until("answer 4/1 trapped");
	settle();
	ok(has("answer 3/1 pass") && !has("W do 192.0.2.5/128 in") &&
	    times("W do 192.0.2.5/128 out") == 1,
	    "promoted and trapped in one batch: fw is told the end of it");
	fresh_log();
	clock_fake_advance(86400 + 60);
	until("W do 192.0.2.1/128 in");
	ok(has("F0 host 192.0.2.1 white\n") && has("F1 host 192.0.2.1 white\n"),
	    "TRAPPED ended: the fronts know, and fw has it again");
	fresh_log();
	/* Day by day, as the clock rule wants it. */
	while (!has("W do 192.0.2.1/128 out")) {
		clock_fake_advance(86400);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	ok(has("F0 host 192.0.2.1 \n"), "WHITE ended: unknown again");

	/* Reload: a list that has the host, and a wider host. */
	fresh_log();
	send_rcpt(0, 3, "192.0.2.1", A, "<support@example.net>", 0);
	send_rcpt(0, 4, "198.51.100.1", A, "<support@example.net>", 0);
	until_answers(2);
	fresh_log();
	c2 = new_config();
	make_black(c2, "192.0.2.0/24");
	child.conf = c2;
	role_store.configure(&child, c);
	config_free(c);
	until("W end");
	ok(has("W host 198.51.100.1/128 in") && !has("W host 192.0.2.1"),
	    "reload: the blacklisted host is not in the set any more");
	ok(!has("F0 begin"), "host states are as they were");
	fresh_log();
	c = c2;
	c2 = new_config();
	c2->grey.admit.ip4 = 24;
	child.conf = c2;
	role_store.configure(&child, c);
	config_free(c);
	until("F1 end");
	until("W host 198.51.100.0/120 in");
	ok(has("F1 host 198.51.100.0 white"), "admit /24: hosts are networks");
	until("W end");
	role_store.stop(&child);
}

static void
ballast(long long leave)
{
	static char	block[65536];
	char		path[1100];
	struct statvfs	sv;
	int		fd;

	memset(block, 'b', sizeof(block));
	snprintf(path, sizeof(path), "%s/ballast", dir);
	if (leave < 0) {
		unlink(path);
		return;
	}
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		abort();
	while (fstatvfs(fd, &sv) == 0 &&
	    (long long)(sv.f_bavail * sv.f_frsize) > leave)
		if (write(fd, block, sizeof(block)) <= 0)
			break;
	close(fd);
}

static void
scenario_full(void)
{
	char		from[64];
	unsigned int	i, n, promised = 0;
	int64_t		rcpts;

	begin(new_config());
	until("W end");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ballast(1024 * 1024);
	/* Until the disk is full: what is promised is counted. */
	for (i = 0; !has("unstored"); i++) {
		fresh_log();
		for (n = 0; n < 64; n++) {
			char	ip[32];

			snprintf(ip, sizeof(ip), "10.%u.%u.%u", i / 250,
			    i % 250, n);
			snprintf(from, sizeof(from), "<x%c%c@example.com>",
			    'g' + n / 16, 'g' + n % 16);
			send_rcpt(0, 1000 + n, ip, from, B, 0);
		}
		until_answers(64);
		if (!has("unstored"))
			promised += 64;
	}
	ok(!has("grey"), "a batch is promised as a whole, or not at all");
	ok(has("unstored disk full"), "and the answer says why");
	ok(has("F0 up 0 disk full") && has("F1 up 0 disk full"),
	    "the fronts are told");
	fresh_log();
	rcpt(2, "192.0.2.9");
	until_answers(1);
	ok(has("answer 2/1 unstored disk full"), "as long as it lasts");
	clock_fake_advance(3);
	event_base_loop(child.base, EVLOOP_ONCE);
	event_base_loop(child.base, EVLOOP_ONCE);
	ok(!has("up 1"), "no room, no reopening");

	ballast(-1);
	fresh_log();
	while (!has("F1 up 1")) {
		clock_fake_advance(2);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	until("F0 end");
	until("W end");
	ok(has("F0 begin"), "up again by itself, states are told anew");
	rcpts = stat_of(the_policy(), "entries grey");
	printf("# promised %u, there %lld\n", promised + 1, (long long)rcpts);
	ok(rcpts >= promised + 1 && rcpts <= promised + 1 + 64,
	    "what was promised is there");
	fresh_log();
	clock_fake_advance(200);
	rcpt(3, "192.0.2.1");
	until_answers(1);
	ok(has("answer 3/1 pass"), "the first one passes");
	role_store.stop(&child);
}

static void
scenario_startfull(void)
{
	begin(new_config());
	until("W end");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	role_store.stop(&child);
	ballast(0);
	/* A new role takes a new process. */
	fflush(stdout);
	if (execl("/proc/self/exe", "scenario", "startfull2", dir, NULL) == -1)
		abort();
}

static void
scenario_startfull2(void)
{
	begin(new_config());
	until("F0 end");
	until("F0 up 0 disk full");
	ok(has("F0 up 0 disk full"), "starts with a full disk, and says so");
	ok(!has("W begin"), "the table is left as it is");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ok(has("answer 1/1 unstored disk full"), "unstored");
	ballast(-1);
	fresh_log();
	while (!has("F1 up 1")) {
		clock_fake_advance(2);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	until("W end");
	clock_fake_advance(200);
	rcpt(2, "192.0.2.1");
	until_answers(1);
	ok(has("answer 2/1 pass"), "up by itself; the tuple is there");
	role_store.stop(&child);
}

/* What a broken front can send: the role ends with a log line, not by a
 * signal. */
static void
garbage_one(const void *data, size_t len, const char *name)
{
	int	status, fd;
	pid_t	pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		alarm(60);
		begin(new_config());
		until("W end");
		fd = chan_ipc(front[0])->fd;
		if (write(fd, data, len) != (ssize_t)len)
			_exit(99);
		fflush(stdout);
		for (;;)
			event_base_loop(child.base, EVLOOP_ONCE);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, name);
}

static void
scenario_garbage(void)
{
	struct ipc_hdr	h;
	uint8_t		b[256];
	unsigned int	i;
	int		status;
	pid_t		pid;

	memset(b, 0xff, sizeof(b));
	garbage_one(b, sizeof(b), "no frame at all");
	memset(b, 0, sizeof(b));
	garbage_one(b, sizeof(b), "zeroes");
	memset(&h, 0, sizeof(h));
	h.len = sizeof(h);
	h.type = MSG_FW_DO;
	garbage_one(&h, sizeof(h), "a message that a front may not send");
	h.type = MSG_RCPT;
	garbage_one(&h, sizeof(h), "a RCPT without a body");
	h.type = MSG_EVENT;
	h.len = sizeof(h) + 17;
	memcpy(b, &h, sizeof(h));
	memset(b + sizeof(h), 0xee, 17);
	garbage_one(b, h.len, "an event that there is not");
	for (i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 7);
	h.type = MSG_RCPT;
	h.len = 200;
	memcpy(b, &h, sizeof(h));
	garbage_one(b, 200, "a RCPT of garbage");

	/* A front that goes away in the middle of a frame is not broken. */
	fflush(stdout);
	if ((pid = fork()) == 0) {
		alarm(60);
		begin(new_config());
		until("W end");
		if (write(chan_ipc(front[0])->fd, b, 60) != 60)
			_exit(99);
		chan_free(front[0]);
		settle();
		send_rcpt(1, 1, "192.0.2.1", A, B, 0);
		until_answers(1);
		_exit(has("F1 answer 1/1 grey") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the other front is served on");
}

int
main(int argc, char **argv)
{
	static const struct scenario	all[] = {
		{ "life", scenario_life },
		{ "clock", scenario_clock },
		{ "expire", scenario_expire },
		{ "full", scenario_full },
		{ "startfull", scenario_startfull },
		{ "startfull2", scenario_startfull2 },
		{ "garbage", scenario_garbage }
	};

	return (store_main(all, sizeof(all) / sizeof(all[0]), argc, argv));
}
