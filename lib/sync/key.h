/*
 * The key of sync datagrams, made from the content of the key file: for
 * version 2 as spamd makes it, and for our version 3.  The only file of lib
 * that uses libcrypto (which libtls brings).  A struct sync_key holds no
 * pointers; its owner clears it with explicit_bzero.
 */
#ifndef SYNCKEY_H
#define SYNCKEY_H

#include <stddef.h>
#include <stdint.h>

#define SYNCKEY_V2_LEN	40	/* the lower-case hex of SHA-1 of the content */
#define SYNCKEY_V3_LEN	32	/* HMAC-SHA256 of a fixed text by the content */
#define SYNCMAC_V2_LEN	20
#define SYNCMAC_V3_LEN	32
#define SYNCKEY_FILE_MAX 65536

struct sync_key {
	uint8_t		v2[SYNCKEY_V2_LEN];
	size_t		v2_len;			/* 0: without a key, as a spamd
						   that has no key file */
	uint8_t		v3[SYNCKEY_V3_LEN];
	int		has;			/* 0: version 3 must not be used */
};

/* len 0: no key.  -1: libcrypto failed. */
int	 synckey_make(const uint8_t *content, size_t len, struct sync_key *);

/* -1: libcrypto failed. */
int	 synckey_mac2(const struct sync_key *, const uint8_t *, size_t len,
	    uint8_t mac[SYNCMAC_V2_LEN]);
int	 synckey_mac3(const struct sync_key *, const uint8_t *, size_t len,
	    uint8_t mac[SYNCMAC_V3_LEN]);
/* In a time that does not tell where they differ. */
int	 synckey_same(const uint8_t *, const uint8_t *, size_t len);

#endif
