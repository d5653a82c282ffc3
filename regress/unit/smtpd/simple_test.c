/*
 * What front and pass share towards clients: the replies that depend on nothing
 * but the command, and the lingering close.
 */
/* LINK: spamgreyd/smtpd */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/socket.h>

#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/smtp/caps.h"
#include "spamgreyd/smtpd/smtpd.h"
#include "regress/lib/tap.h"

static void
replies(void)
{
	char		 enhanced[6];
	const char	*rest;

	is_str(simple_reply(SMTP_NOOP), "250 2.0.0 Ok", "NOOP");
	ok(strncmp(simple_reply(SMTP_VRFY), "252 2.0.0 ", 10) == 0, "VRFY");
	ok(strncmp(simple_reply(SMTP_EXPN), "502 5.5.1 ", 10) == 0, "EXPN");
	ok(strncmp(simple_reply(SMTP_UNKNOWN), "500 5.5.1 ", 10) == 0,
	    "an unknown command");
	ok(simple_reply(SMTP_MAIL) == NULL, "MAIL is none of them");
	is_int(simple_split("550 5.7.1 no, thanks", enhanced, &rest), 550,
	    "a text's code");
	is_str(enhanced, "5.7.1", "its enhanced code");
	is_str(rest, "no, thanks", "and its words");
	ok(simple_starttls(1, 0, CAPS_STARTTLS) != NULL, "STARTTLS x");
	ok(simple_starttls(0, 1, CAPS_STARTTLS) != NULL, "STARTTLS twice");
	ok(simple_starttls(0, 0, 0) != NULL, "STARTTLS without the offer");
	ok(simple_starttls(0, 0, CAPS_STARTTLS) == NULL, "STARTTLS");
}

static void
paths(void)
{
	char		 path[64];
	const char	*params, *error;
	size_t		 len;

	ok(simple_mail("FROM:<>", 7, path, sizeof(path), &params,
	    &len) == NULL, "an empty sender");
	error = simple_rcpt("TO:<>", 5, path, sizeof(path), &params, &len);
	ok(error != NULL && !simple_counts(error),
	    "an empty recipient is refused, and counts for nothing");
	error = simple_rcpt("<a@b.test>", 10, path, sizeof(path), &params,
	    &len);
	ok(error != NULL && simple_counts(error),
	    "without TO: it counts as a bad command");
	is_int(simple_counts("552 5.3.4 too big"), 0, "a size does not");
}

static void
lingering(void)
{
	struct client_io	io;
	int			fd[2];
	char			c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1)
		exit(1);
	memset(&io, 0, sizeof(io));
	io.fd = fd[0];
	is_int(client_linger(&io), 0, "the client may still read");
	is_int((int)read(fd[1], &c, 1), 0, "and sees the end");
	if (write(fd[1], "more", 4) != 4)
		exit(1);
	is_int(client_linger_read(&io), 0, "what it sends is thrown away");
	is_int((int)io.lingered, 4, "and counted");
	close(fd[1]);
	is_int(client_linger_read(&io), 1, "until it closes");
	client_end(&io);
}

int
main(void)
{
	clock_fake(1000, 5000000);
	replies();
	paths();
	lingering();
	return (done());
}
