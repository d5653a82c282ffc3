/*
 * MIME (RFC 2045, 2046, 2231) as a bounded parser that octets are pushed into:
 * a message's parts with their types and names, and their decoded octets.
 * Nothing here sends, logs or blocks; memory is bounded by the limits, not by
 * the message.  What is wrong is taken as the readers of mail take it; where
 * those differ (two names, a word in a name) all readings are given.
 */
#ifndef MIME_H
#define MIME_H

#include <stddef.h>
#include <stdint.h>

#define MIME_NAMES	8		/* of one part */
#define MIME_NAME_MAX	512		/* octets of one */
#define MIME_TYPE_MAX	128
#define MIME_FIELD_MAX	16384		/* octets of a field; the rest is cut */

struct mime;

struct mime_limits {
	unsigned int	 depth, parts;
};

struct mime_part {
	unsigned int	 depth;			/* 0: the message itself */
	char		 type[MIME_TYPE_MAX];	/* "text/plain", lower case */
	char		 charset[32];		/* "": none */
	unsigned int	 nnames;		/* all that somebody may read */
	char		 name[MIME_NAMES][MIME_NAME_MAX];
	int		 multipart;		/* has parts, no octets */
};

struct mime_calls {
	/* A field of the message's own header (depth 0), decoded to UTF-8. */
	void	(*field)(const char *name, const char *value, void *arg);
	/* A part's header is over. */
	void	(*part)(const struct mime_part *, void *arg);
	/* Its octets, decoded; of no part with parts. */
	void	(*data)(const struct mime_part *, const uint8_t *, size_t len,
		    void *arg);
	/* It is over. */
	void	(*end)(const struct mime_part *, void *arg);
};

/* NULL: no memory.  Calls may be NULL each. */
struct mime *mime_new(const struct mime_limits *, const struct mime_calls *,
	    void *arg);
void	 mime_free(struct mime *);		/* NULL is fine */
/* 0, or -1 without memory: it is of no use any more. */
int	 mime_feed(struct mime *, const uint8_t *, size_t len);
int	 mime_finish(struct mime *);
/* What went past a limit, in words: "nested too deeply"; NULL: nothing. */
const char *mime_past(const struct mime *);

/*
 * mimeparam.c: the parameters of a field's value, with continuations and
 * character sets.  Each reading of that parameter is given, up to max of them,
 * as UTF-8, blanks and dots at the end gone; how many.
 */
unsigned int mimeparam_get(const char *value, size_t len, const char *name,
	    char (*dst)[MIME_NAME_MAX], unsigned int max);
/* Its octets as they are, of the first one.  0: there is none. */
int	 mimeparam_raw(const char *value, size_t len, const char *name,
	    char dst[MIME_NAME_MAX]);
/* What is before the first ';', lower case, without blanks and comments. */
void	 mimeparam_head(const char *value, size_t len, char *dst, size_t size);

#endif
