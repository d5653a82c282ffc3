/*
 * SipHash-2-4; see siphash.h.  The result is that of the paper on every
 * machine, because it stands in keys on disk.
 */
#include "lib/base/siphash.h"

#define ROTL(x, b)	(((x) << (b)) | ((x) >> (64 - (b))))

struct sip {
	uint64_t	v0, v1, v2, v3;
};

/* SipHash is little-endian by definition, unlike all other formats here. */
static inline uint64_t
load64(const uint8_t *p)
{
	return ((uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	    (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	    (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = ROTL(s->v1, 13) ^ s->v0;
	s->v0 = ROTL(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTL(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTL(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTL(s->v1, 17) ^ s->v2;
	s->v2 = ROTL(s->v2, 32);
}

/* The two rounds for each word of input (the 2 of 2-4). */
static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

/*
 * The last word holds what is left of the data and, in its top octet, the
 * length.
 */
uint64_t
siphash24(const uint8_t key[16], const void *data, size_t len)
{
	struct sip	 s;
	const uint8_t	*p = data;
	uint64_t	 k0 = load64(key), k1 = load64(key + 8), last;
	size_t		 left;
	unsigned int	 i;

	s.v0 = k0 ^ UINT64_C(0x736f6d6570736575);
	s.v1 = k1 ^ UINT64_C(0x646f72616e646f6d);
	s.v2 = k0 ^ UINT64_C(0x6c7967656e657261);
	s.v3 = k1 ^ UINT64_C(0x7465646279746573);
	for (left = len; left >= 8; left -= 8, p += 8)
		sip_word(&s, load64(p));
	last = (uint64_t)(len & 0xff) << 56;
	for (i = 0; i < left; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(&s);
	return (s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}
