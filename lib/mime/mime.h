/*
 * The room lib/mime: a message's header, MIME parts, encodings and character
 * sets, as parsers that octets are pushed into.  The modules that look into
 * mail run it, and the spool of pass runs msghead.  It may use lib/base only.
 * In the order to read:
 *
 *	hdrline		what a line of a header is; all readers ask it
 *	msghead		a header on its way into the spool
 *	mime		lines to parts and their octets (this file); mime_int.h
 *	reading		the ways in which one message is read
 *	head		the header of a part
 *	param, value	parameters, and the ways to read a value; param_int.h
 *	name		names of files as readers make them
 *	word, cset	encoded words and encodings; character sets
 *
 * MIME (RFC 2045, 2046, 2231) as a bounded parser: a message's parts with their
 * types and names, and their decoded octets.  Nothing here sends, logs or
 * blocks.
 *
 * Readers of mail differ on malformed messages, and a message may be made so
 * that one of them sees an attachment where another one sees a text.  What they
 * would read differently is read in every way here: by several readings side by
 * side, each with its own parts and octets, which become one again where they
 * agree.  A name has all its spellings at once.  Where that has no end, or a
 * limit is reached, mime_past says so: the message cannot be examined.
 *
 * Memory and work are bounded: by MIME_READINGS and the limits, and by
 * MIME_WORK steps for each octet.
 */
#ifndef MIME_H
#define MIME_H

#include <stddef.h>
#include <stdint.h>

#define MIME_NAMES	32		/* of one part */
#define MIME_NAME_MAX	1024		/* octets of one */
#define MIME_TYPE_MAX	128
#define MIME_CHARSET_MAX 64
#define MIME_FIELD_MAX	16384		/* octets of a field; the rest is cut */
#define MIME_READINGS	8		/* at a time */
#define MIME_WORK	64		/* for each octet, and MIME_WORK_FREE */
#define MIME_WORK_FREE	(1024 * 1024)

struct mime;

struct mime_limits {
	unsigned int	 depth, parts;
};

struct mime_part {
	unsigned int	 reading;		/* below MIME_READINGS */
	uint64_t	 header;		/* the same for each reading of one
						   header, larger for later ones */
	unsigned int	 depth;			/* 0: the message itself */
	char		 type[MIME_TYPE_MAX];	/* "text/plain", lower case */
	char		 charset[MIME_CHARSET_MAX];	/* "": none */
	int		 multipart;		/* has parts, no octets */
	unsigned int	 nnames;		/* all that somebody may read */
	char		 name[MIME_NAMES][MIME_NAME_MAX];
};

/* Each may be NULL.  What they are given is valid during the call; they must not
 * free the parser. */
struct mime_calls {
	/* A field of the message's own header (depth 0), decoded to UTF-8; in
	 * each octet order, where it has an unclear one. */
	void	(*field)(const char *name, const char *value, void *arg);
	/* A part's header is over. */
	void	(*part)(const struct mime_part *, void *arg);
	/* Its octets, decoded; of no part with parts. */
	void	(*data)(const struct mime_part *, const uint8_t *, size_t len,
		    void *arg);
	/* It is over. */
	void	(*end)(const struct mime_part *, void *arg);
};

/* NULL: no memory.  The parser copies limits and calls. */
struct mime *mime_new(const struct mime_limits *, const struct mime_calls *,
	    void *arg);
void	 mime_free(struct mime *);		/* NULL is fine */
/* More octets of the message, then its end.  0, or -1 without memory: the parser
 * is then of no more use than to be freed. */
int	 mime_feed(struct mime *, const uint8_t *, size_t len);
int	 mime_finish(struct mime *);
/* What went past a limit, in words: "nested too deeply"; NULL: nothing.  A
 * constant. */
const char *mime_past(const struct mime *);
/* Steps that were done, each of about an octet's work. */
uint64_t mime_work(const struct mime *);

#endif
