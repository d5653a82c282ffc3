/*
 * import: lines of spamdb or of an export are sent to the process that holds
 * the database, many to a frame.  That process takes no further frame before
 * the last one is on disk, so a full socket is all the flow control that is
 * needed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/base/textfile.h"
#include "spamgreydb/spamgreydb.h"

#define FRAME_FULL	(IPC_MAX - 64)	/* bytes of lines in a frame */
#define FRAME_LINES	400		/* a frame is a transaction or two */
#define LINE_COST	3		/* bytes of a string beside its text */
#define PROGRESS_MS	200		/* ms between lines of progress */
#define REPORT_MAX	20		/* bad lines reported; the other end has
					   the same limit */

/* An import under way. */
struct import {
	struct conn	*conn;
	struct answer	 answer;
	int		 ended;		/* the other end has ended it */
	size_t		 frame, lines;	/* bytes and lines in the frame */
	uint32_t	 line;		/* number of the line, from 1 */
	uint32_t	 bad;		/* found here */
	uint32_t	 bad_there;	/* found by the other end */
	uint32_t	 over;		/* left out, as they have expired */
	int		 progress;	/* standard error is a terminal */
	int64_t		 shown;		/* clock_mono of the last progress */
};

/* Takes what the other end has counted: facts that come before the end. */
static void
import_fact(const char *name, const char *value, void *arg)
{
	struct import	*im = arg;

	if (strcmp(name, "bad") == 0)
		im->bad_there = (uint32_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "expired") == 0)
		im->over = (uint32_t)strtoul(value, NULL, 10);
}

/* Shows the number of lines, on a terminal only. */
static void
show_progress(struct import *im)
{
	int64_t	now = clock_mono();

	if (!im->progress || now - im->shown < PROGRESS_MS)
		return;
	im->shown = now;
	fprintf(stderr, "\r%u lines", im->line);
	fflush(stderr);
}

/*
 * Takes the frames that have arrived, without waiting: the other end may refuse
 * the import before all lines are sent.  0, or -1: reported.
 */
static int
import_hear(struct import *im)
{
	struct msg	m;
	int		r;

	while (!im->ended && (r = conn_next(im->conn, &m, 0)) != 0) {
		if (r == -1 || (r = request_frame(&m, &im->answer)) == -1)
			return (-1);
		im->ended = r;
	}
	return (0);
}

/*
 * Sends the frame, if it has lines, and takes what has arrived.  0, or -1:
 * reported.
 */
static int
frame_send(struct import *im)
{
	if (im->lines == 0)
		return (0);
	im->lines = im->frame = 0;
	if (conn_send(im->conn) == -1)
		return (-1);
	show_progress(im);
	return (import_hear(im));
}

/*
 * Returns the line, or an empty one in place of a line that cannot be sent,
 * so that the other end counts the same lines.
 */
static const char *
line_check(struct import *im, char *line, size_t len)
{
	const char	*why = NULL;

	if (strlen(line) != len)
		why = "it has a NUL in it";
	else if (len + LINE_COST > FRAME_FULL)
		why = "it is too long";
	if (why == NULL)
		return (line);
	if (im->bad++ < REPORT_MAX)
		out_error("line %u: %s", im->line, why);
	return ("");
}

/* Adds a line to the frame; sends the frame first if there is no room. */
static int
line_send(struct import *im, const char *line)
{
	size_t	cost = strlen(line) + LINE_COST;

	if ((im->frame + cost > FRAME_FULL || im->lines == FRAME_LINES) &&
	    frame_send(im) == -1)
		return (-1);
	if (im->lines++ == 0)
		ipc_begin(conn_ipc(im->conn), CTL_IMPORT, 1);
	ipc_put_str(conn_ipc(im->conn), line);
	im->frame += cost;
	return (0);
}

/*
 * Sends all lines of the file, without their ends: \n or \r\n.  A byte order
 * mark before the first line is skipped.  0, or -1: reported.
 */
static int
send_file(struct import *im, const char *name, FILE *fp)
{
	char	*line = NULL;
	size_t	 size = 0, bom;
	ssize_t	 len;
	int	 r = 0;

	while (r == 0 && !im->ended &&
	    (len = getline(&line, &size, fp)) != -1) {
		while (len > 0 && (line[len - 1] == '\n' ||
		    line[len - 1] == '\r'))
			line[--len] = '\0';
		bom = im->line++ == 0 ? text_bom(line, (size_t)len) : 0;
		r = line_send(im, line_check(im, line + bom,
		    (size_t)len - bom));
	}
	if (r == 0 && !im->ended && ferror(fp)) {
		out_error("%s: %s", name, strerror(errno));
		r = -1;
	}
	free(line);
	return (r);
}

/*
 * Prints the result.  Returns the exit status, which is 1 when any line was
 * bad.
 */
static int
report_import(struct import *im, const struct args *args)
{
	uint32_t	bad = im->bad + im->bad_there;

	if (im->progress)
		fprintf(stderr, "\r%u lines, %u entries\n", im->line,
		    im->answer.count);
	if (args->json && out_json(json_pack("{s:I,s:I,s:I}", "imported",
	    (json_int_t)im->answer.count, "bad", (json_int_t)bad, "expired",
	    (json_int_t)im->over)) == -1)
		return (1);
	if (im->answer.text[0] != '\0')
		out_error("%s", im->answer.text);
	if (im->over > 0)
		out_error("%u entries were left out because they have expired",
		    im->over);
	if (bad > 0)
		out_error("%u entries imported, %u bad lines",
		    im->answer.count, bad);
	return (im->answer.status == CTL_OK && bad == 0 ? 0 : 1);
}

/*
 * The file was opened by main, before root's privileges were dropped.
 * IMPORT_END asks for the answer, which comes when all lines are on disk.
 */
int
cmd_import(struct conn *c, const struct args *args, FILE *fp)
{
	struct import	im;

	memset(&im, 0, sizeof(im));
	im.conn = c;
	im.answer.fact = import_fact;
	im.answer.arg = &im;
	im.progress = isatty(STDERR_FILENO);
	if (send_file(&im, args->keys[0], fp) == -1)
		return (1);
	if (!im.ended) {
		if (frame_send(&im) == -1)
			return (1);
		ipc_begin(conn_ipc(c), CTL_IMPORT_END, 1);
		if (!im.ended && (conn_send(c) == -1 ||
		    request_wait(c, &im.answer) == -1))
			return (1);
	}
	return (report_import(&im, args));
}
