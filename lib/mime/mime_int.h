/*
 * What the files of the MIME parser share: mime.c (lines), reading.c (readings,
 * parts) and head.c (the header of a part).  Nobody else includes this.
 */
#ifndef MIME_INT_H
#define MIME_INT_H

#include "lib/base/buf.h"
#include "lib/mime/hdrline.h"
#include "lib/mime/mime.h"
#include "lib/mime/word.h"

#define LINE_HELD	(HDRLINE_MAX + 2)	/* octets of a line, with CRLF */
#define BOUNDARY_MAX	256
#define TYPES_MAX	8		/* readings of a part's type */
#define ENCODINGS_MAX	4		/* … of its encoding */
#define SHAPES_MAX	MIME_READINGS	/* … of its header as a whole */

enum encoding { ENC_NONE, ENC_BASE64, ENC_QP, ENC_MAX };

/*
 * A multipart that is open; its parts are one deeper.  Several readings may
 * be in it, and levels inside of it: refs counts both.
 */
struct level {
	struct level	*up;
	unsigned int	 refs;
	unsigned int	 depth;		/* of its parts */
	int		 digest;	/* its parts are messages by default */
	size_t		 len;
	char		 boundary[BOUNDARY_MAX];
};

/* A way to read a header: what the part is. */
struct shape {
	char		 type[MIME_TYPE_MAX];
	char		 charset[MIME_CHARSET_MAX];
	char		 boundary[BOUNDARY_MAX];	/* "": has no parts */
	enum encoding	 encoding;
};

/* What the fields of a header said so far. */
struct head {
	struct shape	 type[TYPES_MAX];	/* encoding is not set */
	unsigned int	 ntypes;
	int		 encoding[ENC_MAX];
	int		 has_encoding;
	struct buf	 field;		/* the last one, with its folds */
	int		 cut;		/* it was too long */
	int		 joined;	/* lines that are no field were added */
	int		 lenient;	/* such lines end no header */
	int		 any;		/* a field was there */
};

/* What all readings of a message, and of messages in it, have in common. */
struct mime_shared {
	struct mime_limits	 limits;
	struct mime_calls	 calls;
	void			*arg;
	const char		*past;
	int			 broken;	/* no memory */
	int			 over;		/* too much work: that is all */
	uint64_t		 fed, work;
	uint64_t		 lines;
	unsigned int		 ids;		/* readings that there are, bits */
	void			*memory;	/* of mimeparam */
};

/*
 * One way to read the message.  It is either in a header or in the octets of a
 * part; level is the innermost multipart around it.
 */
struct reading {
	unsigned int		 parts;
	struct level		*level;
	struct head		 head;
	int			 in_header;
	int			 fresh;		/* nothing since the boundary */
	int			 open;		/* the part has been told */
	int			 octets;	/* its octets are data */
	enum encoding		 encoding;
	struct b64		 b64;
	struct qp		 qp;
	struct mime		*inner;		/* an encoded message in it */
	struct mime_part	 part;		/* last: copied only in part */
};

/*
 * A parser: its readings, and the line that is not complete yet.  A message in
 * a message that is encoded has one of its own, with the same mime_shared.
 */
struct mime {
	struct mime_shared	*shared;
	int			 top;		/* not in another one */
	struct reading		*reading[MIME_READINGS];
	unsigned int		 n;
	uint64_t		 now;		/* the number of this line */
	uint8_t			 line[LINE_HELD];
	size_t			 nline;
	int			 rest;		/* of a line that is too long */
};

/* mime.c: a parser of its own for an encoded message in a message. */
int	 mime_inner_init(struct mime *, struct mime_shared *,
	    unsigned int depth, unsigned int id);
void	 mime_inner_free(struct mime *);
int	 mime_inner_feed(struct mime *, const uint8_t *, size_t len);
void	 mime_inner_finish(struct mime *);

/* reading.c */
void	 mime_past_set(struct mime_shared *, const char *);
void	 mime_work_add(struct mime_shared *, uint64_t);
void	 level_free(struct level *);
void	 reading_level(struct reading *, struct level *);
void	 reading_header(struct mime *, struct reading *, unsigned int depth,
	    int message);
struct reading *reading_copy(struct mime *, const struct reading *);
void	 reading_free(struct reading *);
void	 readings_merge(struct mime *);
/* Octets of the part that the reading is in, and its end. */
void	 reading_data(struct reading *, struct mime_shared *, const uint8_t *,
	    size_t len);
void	 reading_part_end(struct reading *, struct mime_shared *);
/* The header of a part is over: the reading goes on, and copies of it. */
void	 reading_header_end(struct mime *, struct reading *);

/* head.c */
void	 head_clear(struct head *);
void	 head_free(struct head *);
int	 head_copy(struct head *dst, const struct head *src);
/* A line of the header: 1 taken, 0 it is not a field and belongs to the body (or
 * to another reading; head_join), -1 the header is over at an empty line. */
int	 head_line(struct reading *, struct mime_shared *, int top,
	    const uint8_t *, size_t len);
/* More of a line that is too long. */
void	 head_more(struct reading *, struct mime_shared *, const uint8_t *,
	    size_t len);
/* A line that is not a field, for a reader that goes on. */
void	 head_join(struct reading *, struct mime_shared *, int top,
	    const uint8_t *, size_t len);
/* The header is over: each way to read it, at least one.  digest: without a
 * type the part is a message. */
unsigned int head_shapes(struct reading *, struct mime_shared *, int top,
	    int digest, struct shape s[SHAPES_MAX]);

#endif
