/*
 * An HTTP reply to one question on a connection of its own, as far as scanners
 * give it: Content-Length, chunks, or all until the end.  Pure and bounded.
 */
#ifndef HTTPREPLY_H
#define HTTPREPLY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define HTTP_BODY_MAX	(512 * 1024)

/*
 * What came so far, eof: all of it.  1: whole, with its status and, unless body
 * is NULL, the body added to that; 0: more is needed; -1: it is none, *why
 * (static).
 */
int	 http_parse(const uint8_t *, size_t len, int eof, int *status,
	    struct buf *body, const char **why);

#endif
