/*
 * For print.c and print_pass.c only: the printers of the statements of
 * lib/conf/schema.h, and how values are written.  Each returns 0, or -1 when
 * there is no memory.
 */
#ifndef PRINTCONF_H
#define PRINTCONF_H

#include "lib/base/buf.h"
#include "lib/base/value.h"
#include "lib/conf/scalar.h"
#include "spamgreyd/parent/conf/conf.h"

/* put_restart() and so on.  A statement that is not set prints nothing. */
#define STATEMENT(block, part, form) \
	int	 put_##part(struct buf *, const struct config *);
#include "lib/conf/schema.h"

/* `before' is printed first; a blank that is needed is part of it. */
int	 put_value(struct buf *, const char *before, enum value_kind, int64_t);
int	 put_string(struct buf *, const char *before, const char *);
/* "name { ... }", an entry a line; an empty list is not printed. */
int	 put_strings(struct buf *, const char *name, const struct conf_strings *,
	    const char *indent);
/* before { "a" "b" }, in one line. */
int	 put_inline(struct buf *, const char *before,
	    const struct conf_strings *);
/* The listeners of pass, or those of front. */
int	 put_listeners(struct buf *, const struct config *, int pass,
	    const char *indent);

#endif
