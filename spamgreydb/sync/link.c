/*
 * The connection to the other machine: a program like ssh(1), run without a
 * shell, with pipes as its standard input and output, on which frames go both
 * ways.  It blocks: each question is answered before the next one.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spamgreydb/sync/sync.h"

#define SAW_MAX		80	/* bytes quoted of what is not a frame */
#define SSH_FAILED	255	/* exit status of ssh(1) itself */
#define NOT_FOUND	127	/* exit status of a shell: no such program */

/* In the child.  When the program cannot be run, errno goes to report. */
static void
run_child(struct sync_link *l, const char *program, int in, int out,
    int report)
{
	char	*argv[6];
	int	 saved;

	argv[0] = strdup(l->rsh);
	argv[1] = strdup(l->host);
	argv[2] = strdup(program);
	argv[3] = strdup("sync");
	argv[4] = strdup("--server");
	argv[5] = NULL;
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) != -1 && dup2(out, STDOUT_FILENO) != -1)
		execvp(l->rsh, argv);
	saved = errno;
	(void)!write(report, &saved, sizeof(saved));
	_exit(NOT_FOUND);
}

/* Closed by exec, so that the child has only its own ends. */
static int
make_pipe(int fd[2])
{
	if (pipe(fd) == -1)
		return (-1);
	(void)fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return (0);
}

/*
 * Waits until the program runs or cannot be run: the pipe `report' is closed
 * by exec, or brings errno.
 */
int
link_open(struct sync_link *l, const char *rsh, const char *host,
    const char *program)
{
	int	to[2], from[2], report[2], error = 0;
	ssize_t	n;

	memset(l, 0, sizeof(*l));
	l->rsh = rsh;
	l->host = host;
	l->in = l->out = -1;
	if (make_pipe(to) == -1 || make_pipe(from) == -1 ||
	    make_pipe(report) == -1 || (l->pid = fork()) == -1) {
		out_error("%s: cannot run %s: %s", host, rsh, strerror(errno));
		l->pid = 0;
		return (-1);
	}
	if (l->pid == 0)
		run_child(l, program, to[0], from[1], report[1]);
	close(to[0]);
	close(from[1]);
	close(report[1]);
	l->in = from[0];
	l->out = to[1];
	while ((n = read(report[0], &error, sizeof(error))) == -1 &&
	    errno == EINTR)
		;
	close(report[0]);
	if (n <= 0)
		return (0);
	out_error("%s: cannot run %s: %s; name the program with -e", host,
	    rsh, strerror(error));
	link_close(l);
	return (-1);
}

/* For the side that answers. */
void
link_stdio(struct sync_link *l)
{
	memset(l, 0, sizeof(*l));
	l->host = "the other end";
	l->in = STDIN_FILENO;
	l->out = STDOUT_FILENO;
}

/* Blocks until all is written. */
int
link_send(struct sync_link *l)
{
	size_t	pos = 0;
	ssize_t	n;

	if (bulk_finish(&l->frame) == -1) {
		errno = EMSGSIZE;
		return (-1);
	}
	while (pos < l->frame.len) {
		n = write(l->out, l->frame.b + pos, l->frame.len - pos);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		pos += (size_t)n;
	}
	l->sent += pos;
	return (0);
}

/* Blocks until a frame is whole. */
int
link_next(struct sync_link *l, struct bulk_get *f)
{
	static uint8_t	body[BULK_FRAME_MAX];
	uint8_t		in[16384];
	size_t		used;
	ssize_t		n;
	int		r;

	for (;;) {
		r = bulk_next(buf_ptr(&l->buf), buf_len(&l->buf), f, &used);
		errno = EPROTO;
		if (r == -1)
			return (-1);
		if (r == 1)
			break;
		while ((n = read(l->in, in, sizeof(in))) == -1 &&
		    errno == EINTR)
			;
		if (n <= 0)
			return ((int)n);
		l->received += (uint64_t)n;
		if (buf_add(&l->buf, in, (size_t)n) == -1)
			return (-1);
	}
	/* The body must outlive the buffer. */
	memcpy(body, f->p, f->left);
	f->p = body;
	buf_drain_keep(&l->buf, used);
	l->greeted = 1;
	return (1);
}

/* Reports why the other end has gone, as far as its exit status tells. */
static void
say_end(struct sync_link *l)
{
	int	status = 0;

	close(l->out);
	l->out = -1;
	while (waitpid(l->pid, &status, 0) == -1 && errno == EINTR)
		;
	l->pid = 0;
	if (WIFSIGNALED(status))
		out_error("%s: %s was ended by signal %d", l->host, l->rsh,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) == SSH_FAILED)
		out_error("%s: %s could not connect, or lost the connection "
			  "(its own message is above)",
		    l->host, l->rsh);
	else if (WEXITSTATUS(status) == NOT_FOUND)
		out_error("%s: spamgreydb was not found; install it, or give "
			  "its path with --program",
		    l->host);
	else if (!l->greeted)
		out_error("%s: its spamgreydb ended with status %d (its own "
			  "message is above; does it know `sync --server'?)",
		    l->host, WEXITSTATUS(status));
	else
		out_error("%s: it ended with status %d before it was done; "
			  "what was exchanged is kept, so run the command "
			  "again",
		    l->host, WEXITSTATUS(status));
}

/* Reports that something came that is not a frame. */
static void
say_noise(struct sync_link *l)
{
	struct bulk_get	saw = { 0, buf_ptr(&l->buf), buf_len(&l->buf) };
	char		text[SAW_MAX];

	if (saw.left == 0)
		saw.p = (const uint8_t *)"";
	saw.left = strnlen((const char *)saw.p, saw.left);
	bulk_get_text(&saw, text, sizeof(text));
	out_error("%s: the program that answers is not a spamgreydb%s: it sent "
		  "\"%s\"%s",
	    l->host, l->greeted ? " of this version" : "", text,
	    l->greeted ? "" :
			 "; does a login script of that user print something?");
}

/* Any other frame than the expected one ends the sync. */
int
link_answer(struct sync_link *l, enum bulk_type type, struct bulk_get *f)
{
	char	text[BULK_TEXT_MAX];
	int	r = link_next(l, f);

	if (r == 1 && f->type == type)
		return (0);
	if (r == 1 && f->type == BULK_ERROR) {
		bulk_get_text(f, text, sizeof(text));
		out_error("%s: %s", l->host, text);
	} else if (r == 1 || (r == -1 && errno == EPROTO))
		say_noise(l);
	else if (r == 0 && l->pid > 0)
		say_end(l);
	else
		out_error("%s: %s", l->host, strerror(errno));
	return (-1);
}

/* One question and its answer. */
int
link_ask(struct sync_link *l, enum bulk_type type, struct bulk_get *f)
{
	if (link_send(l) == -1 && errno != EPIPE) {
		out_error("%s: %s", l->host, strerror(errno));
		return (-1);
	}
	/* After EPIPE, what it sent or how it ended is the reason. */
	return (link_answer(l, type, f));
}

/* Waits for the end of the program. */
void
link_close(struct sync_link *l)
{
	if (l->out != -1)
		close(l->out);
	if (l->in != -1)
		close(l->in);
	if (l->pid > 0) {
		/* Its input has ended, so it should end by itself. */
		(void)kill(l->pid, SIGTERM);
		while (waitpid(l->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	buf_free(&l->buf);
	l->in = l->out = -1;
	l->pid = 0;
}
