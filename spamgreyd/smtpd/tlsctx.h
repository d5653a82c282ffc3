/*
 * Certificates for STARTTLS, as front and pass use them: made from the bytes
 * that the parent read, tried out by a handshake with ourselves, replaced at
 * reload while sessions go on with the old one.  No file is opened here.
 */
#ifndef TLSCTX_H
#define TLSCTX_H

#include <sys/types.h>

#include "lib/conf/config.h"

struct tls;
struct tlsctx;

void	 tlsctx_init(void);			/* before the chroot */
struct tlsctx *tlsctx_new(const struct conf_tls *);	/* NULL: logged */
/* For a reload: a new one of it, or, when it cannot be used, a reference to the
 * one before; that is logged.  NULL: neither. */
struct tlsctx *tlsctx_renew(const struct conf_tls *, struct tlsctx *before);
struct tlsctx *tlsctx_ref(struct tlsctx *);	/* NULL is fine */
void	 tlsctx_unref(struct tlsctx *);
void	 tlsctx_expiry(const struct tlsctx *);	/* warns when it is near */
/* A server's session on fd; NULL: logged. */
struct tls *tlsctx_accept(struct tlsctx *, int fd);

#endif
