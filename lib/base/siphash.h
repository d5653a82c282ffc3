/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012), 64 bits: a keyed hash for tables
 * whose keys a stranger chooses.  A pure function.
 */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash24(const uint8_t key[16], const void *, size_t);

#endif
