/*
 * Message templates: what the administrator wrote in the configuration, made
 * into reply lines.  %A is the client's address, %s the seconds left, %% a
 * percent sign; "\n" in the text begins a new line.
 */
#ifndef TMPL_H
#define TMPL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"

#define SMTP_REPLY_LINE_MAX	512	/* with CRLF, RFC 5321 4.5.3.1.5 */

/*
 * Is the template printable ASCII, are its % sequences known (allowed: the
 * letters that may occur, "A", "As" …), does each line fit when it is
 * expanded, "NNN-X.X.X " before it?  NULL: fine, else why not.
 */
const char *tmpl_check(const char *text, const char *allowed);

/*
 * Appends reply lines to out: "NNN-" on all but the last, "NNN " on the last,
 * each with CRLF; enhanced ("4.7.1", or NULL) after the code.  last: this
 * template is the last of the reply (a reply may be made of several).
 * -1: no memory.
 */
int	 tmpl_reply(struct buf *out, int code, const char *enhanced,
	    const char *text, const struct addr *client, int64_t seconds,
	    int last);
/*
 * The end of a refusal: how to reach a person (a template), and which session
 * it was; on two lines where one has no room for both.  -1: no memory.
 */
int	 tmpl_contact(struct buf *out, int code, const char *enhanced,
	    const char *contact, uint64_t id, const struct addr *client);

#endif
