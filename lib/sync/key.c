/*
 * Keys and MACs of sync datagrams, by libcrypto; see key.h.  Knows no
 * datagram.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "lib/base/ascii.h"
#include "lib/sync/key.h"

/* So that the two versions never use the same octets as a key. */
static const char	v3_text[] = "spamgreyd sync version 3";

/* A NULL key means "the one before" to some versions of libcrypto. */
static int
mac(const EVP_MD *md, const uint8_t *key, size_t keylen, const uint8_t *data,
    size_t len, uint8_t *dst, unsigned int want)
{
	static const uint8_t	none[1];
	unsigned int		got = 0;

	if (HMAC(md, keylen == 0 ? none : key, (int)keylen, data, len, dst,
	    &got) == NULL || got != want)
		return (-1);
	return (0);
}

/*
 * Version 2 uses what spamd uses, the hexadecimal SHA-1 of the file; version 3
 * has a key derived with another function and a fixed text.
 */
int
synckey_make(const uint8_t *content, size_t len, struct sync_key *k)
{
	uint8_t	sum[SHA_DIGEST_LENGTH];
	size_t	i;

	memset(k, 0, sizeof(*k));
	if (len == 0)
		return (0);
	if (len > SYNCKEY_FILE_MAX || SHA1(content, len, sum) == NULL)
		return (-1);
	for (i = 0; i < sizeof(sum); i++) {
		k->v2[2 * i] = (uint8_t)ascii_hex_digit(sum[i] >> 4);
		k->v2[2 * i + 1] = (uint8_t)ascii_hex_digit(sum[i]);
	}
	k->v2_len = SYNCKEY_V2_LEN;
	explicit_bzero(sum, sizeof(sum));
	if (mac(EVP_sha256(), content, len, (const uint8_t *)v3_text,
	    sizeof(v3_text) - 1, k->v3, sizeof(k->v3)) == -1)
		return (-1);
	k->has = 1;
	return (0);
}

int
synckey_mac2(const struct sync_key *k, const uint8_t *data, size_t len,
    uint8_t dst[SYNCMAC_V2_LEN])
{
	return (mac(EVP_sha1(), k->v2, k->v2_len, data, len, dst,
	    SYNCMAC_V2_LEN));
}

int
synckey_mac3(const struct sync_key *k, const uint8_t *data, size_t len,
    uint8_t dst[SYNCMAC_V3_LEN])
{
	if (!k->has)
		return (-1);
	return (mac(EVP_sha256(), k->v3, sizeof(k->v3), data, len, dst,
	    SYNCMAC_V3_LEN));
}

/* In a time that does not depend on where they differ. */
int
synckey_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return (CRYPTO_memcmp(a, b, len) == 0);
}
