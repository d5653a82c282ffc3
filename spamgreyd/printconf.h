/*
 * Between printconf.c and printconf_pass.c only: how values are written.
 * Each: 0, or -1 when there is no memory.
 */
#ifndef PRINTCONF_H
#define PRINTCONF_H

#include "../lib/buf.h"
#include "config.h"

/* printconf.c; `before' is written first */
int	 put_time(struct buf *, const char *before, int64_t seconds);
int	 put_size(struct buf *, const char *before, uint64_t size);
int	 put_string(struct buf *, const char *before, const char *);
int	 put_setting(struct buf *, const char *name, const char *value);
int	 put_strings(struct buf *, const char *name, const struct conf_strings *,
	    const char *indent);
int	 put_listens(struct buf *, const struct config *, int pass,
	    const char *indent);

/* printconf_pass.c */
int	 put_resolvers(struct buf *, const struct conf_strings *);
int	 put_pass(struct buf *, const struct config *);

#endif
