/*
 * A descriptor as lines, unpacked by gzip when it begins like a gzip file.
 * The input may be hostile: packed or not, no more is read than a list may
 * have, and no line is longer than the buffer.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "lib/list/read.h"

#define IN_RAW		65536	/* bytes of a read */
#define IN_TEXT		65536
#define IN_LINE		8192	/* no address stands behind this in a line */
#define GZIP_BITS	(15 + 16)	/* inflateInit2: a gzip header */

uint64_t	list_text_max = LIST_TEXT_MAX;

/* One input: raw bytes, then text, then lines. */
struct list_in {
	int		 fd;
	int		 gzip;		/* -1: not known yet */
	int		 eof;		/* of the descriptor */
	int		 between;	/* at the end of a gzip member */
	z_stream	 z;
	uint64_t	 raw_total, text_total;
	uint8_t		 raw[IN_RAW];
	size_t		 raw_len;
	char		 text[IN_TEXT];
	size_t		 pos, end;
	char		 line[IN_LINE];
	size_t		 len;		/* of a line in more than one text */
	char		 why[64];
};

/* Large, since it has all buffers; so it is allocated. */
struct list_in *
list_in_open(int fd)
{
	struct list_in	*in;

	if ((in = calloc(1, sizeof(*in))) == NULL)
		return (NULL);
	in->fd = fd;
	in->gzip = -1;
	in->between = 1;
	return (in);
}

/* Frees it; NULL is fine. */
void
list_in_close(struct list_in *in)
{
	if (in == NULL)
		return;
	if (in->gzip == 1)
		(void)inflateEnd(&in->z);
	free(in);
}

/* Reads more raw bytes behind those that are there. */
static int
fill_raw(struct list_in *in, const char **why)
{
	ssize_t	n;

	do
		n = read(in->fd, in->raw + in->raw_len, IN_RAW - in->raw_len);
	while (n == -1 && errno == EINTR);
	if (n == -1) {
		*why = strerror(errno);
		return (-1);
	}
	in->eof = n == 0;
	in->raw_len += (size_t)n;
	in->raw_total += (uint64_t)n;
	if (in->raw_total > LIST_RAW_MAX) {
		*why = "larger than 128 MB";
		return (-1);
	}
	return (0);
}

/* Two bytes tell whether it is gzip; a shorter input is not. */
static int
detect_gzip(struct list_in *in, const char **why)
{
	while (in->raw_len < 2 && !in->eof)
		if (fill_raw(in, why) == -1)
			return (-1);
	in->gzip = in->raw_len >= 2 && in->raw[0] == 0x1f &&
	    in->raw[1] == 0x8b;
	if (in->gzip && inflateInit2(&in->z, GZIP_BITS) != Z_OK) {
		in->gzip = 0;
		*why = "no memory for gzip";
		return (-1);
	}
	return (0);
}

/* Raw bytes are text. */
static int
read_plain(struct list_in *in, const char **why)
{
	if (in->raw_len == 0 && !in->eof && fill_raw(in, why) == -1)
		return (-1);
	memcpy(in->text, in->raw, in->raw_len);
	in->end = in->raw_len;
	in->raw_len = 0;
	return (0);
}

/*
 * Unpacks raw bytes until the text buffer is full, over all members of the
 * file.
 */
static int
unpack(struct list_in *in, const char **why)
{
	int	r;

	in->z.next_out = (Bytef *)in->text;
	in->z.avail_out = IN_TEXT;
	while (in->z.avail_out == IN_TEXT) {
		if (in->raw_len == 0 && !in->eof && fill_raw(in, why) == -1)
			return (-1);
		if (in->raw_len == 0) {
			if (in->between)
				break;
			*why = "the gzip data is cut short";
			return (-1);
		}
		in->between = 0;
		in->z.next_in = in->raw;
		in->z.avail_in = (uInt)in->raw_len;
		r = inflate(&in->z, Z_NO_FLUSH);
		memmove(in->raw, in->z.next_in, in->z.avail_in);
		in->raw_len = in->z.avail_in;
		if (r == Z_STREAM_END) {
			in->between = 1;
			r = inflateReset(&in->z);
		}
		if (r != Z_OK && r != Z_BUF_ERROR) {
			*why = "the gzip data is damaged";
			return (-1);
		}
	}
	in->end = IN_TEXT - in->z.avail_out;
	return (0);
}

/* Fills the text buffer; in->end is 0 at the end. */
static int
fill_text(struct list_in *in, const char **why)
{
	in->pos = in->end = 0;
	if (in->gzip == -1 && detect_gzip(in, why) == -1)
		return (-1);
	if ((in->gzip ? unpack(in, why) : read_plain(in, why)) == -1)
		return (-1);
	in->text_total += in->end;
	if (in->text_total > list_text_max) {
		snprintf(in->why, sizeof(in->why),
		    "more than %llu MB when unpacked",
		    (unsigned long long)(list_text_max >> 20));
		*why = in->why;
		return (-1);
	}
	return (0);
}

/*
 * Keeps the part of a line that the buffer has; what is behind IN_LINE is
 * cut.
 */
static void
keep(struct list_in *in, const char *s, size_t n)
{
	if (n > IN_LINE - in->len)
		n = IN_LINE - in->len;
	memcpy(in->line + in->len, s, n);
	in->len += n;
}

/*
 * A line within one text is returned in place; one that goes over two texts
 * is put together in in->line.
 */
int
list_in_line(struct list_in *in, const char **line, size_t *len,
    const char **why)
{
	const char	*s, *nl;
	size_t		 n;
	int		 begun = 0;

	in->len = 0;
	for (;;) {
		if (in->pos == in->end) {
			if (fill_text(in, why) == -1)
				return (-1);
			if (in->end == 0)
				break;
		}
		s = in->text + in->pos;
		nl = memchr(s, '\n', in->end - in->pos);
		n = (nl != NULL ? (size_t)(nl - s) : in->end - in->pos);
		in->pos += n + (nl != NULL);
		if (nl != NULL && !begun) {
			*line = s;
			*len = n;
			return (1);
		}
		keep(in, s, n);
		begun = 1;
		if (nl != NULL)
			break;
	}
	*line = in->line;
	*len = in->len;
	return (begun);
}
