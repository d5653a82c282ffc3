/*
 * A reply to one HTTP question that has a connection of its own.  Of HTTP it
 * knows what scanners use: Content-Length, chunks, or a body that ends with the
 * connection.  The functions are pure, and the memory is bounded by
 * HTTP_BODY_MAX.
 */
#ifndef HTTPREPLY_H
#define HTTPREPLY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define HTTP_BODY_MAX	(512 * 1024)

/*
 * Parses the len bytes that have come so far; eof: there will be no more.
 * Returns 1 if the reply is complete, 0 if more is needed, and -1 with *why
 * (static) if it is malformed or there is no memory.  Of a complete reply
 * *status is set, and the body is added to the buffer unless body is NULL.
 */
int	 http_parse(const uint8_t *, size_t len, int eof, int *status,
	    struct buf *body, const char **why);

#endif
