/*
 * The room lib/addrset: sets of networks, and the lines in which people and
 * programs write them.  The parent and the commands make sets, all roles that
 * ask about hosts only look them up.  It may use lib/base and, for the
 * template of spamd-setup's messages, lib/smtp.  In the order to read:
 *
 *	addrset		looking hosts up in an image (this file)
 *	build		making the lists and writing the image
 *	listline	a line of a list: an address, a network, a range
 *	listcfg		a line as spamd-setup(8) sends it
 *
 * Compiled address lists: many numbered lists in one position-independent
 * image.  The image lives in an unlinked file, is sent as a descriptor and is
 * mapped read-only by every process that looks hosts up.  In the image each
 * list is two sorted arrays of disjoint ranges (IPv4: 8 bytes, IPv6: 32
 * bytes); a look-up is one binary search a list.  Integers are in host order:
 * the image never leaves the machine and ends with the run.
 */
#ifndef ADDRSET_H
#define ADDRSET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

#define ADDRSET_LISTS_MAX	64	/* so that a set of lists is a uint64_t */

struct addrset_build;			/* one list being made */
struct addrset;				/* a mapped image */

/*
 * One list: new, then add and range in any order, then fold.  NULL: no memory.
 * The list is the caller's until addrset_build_free.
 */
struct addrset_build *addrset_build_new(void);
void	 addrset_build_free(struct addrset_build *);
/* -1 with errno ENOMEM.  Overlaps and duplicates are fine. */
int	 addrset_build_add(struct addrset_build *, const struct prefix *);
/* From lo to hi; IPv4 only if both are; lo is not past hi.  IPv6 never means
 * IPv4 hosts, not even with the IPv4-mapped block in it. */
int	 addrset_build_range(struct addrset_build *, const struct addr *lo,
	    const struct addr *hi);
/*
 * Calls fn for each range in order, IPv4 first; the list must be folded.  Stops
 * when fn returns non-zero and returns that.
 */
int	 addrset_build_each(const struct addrset_build *,
	    int (*fn)(const struct addr *lo, const struct addr *hi, void *),
	    void *arg);
/* Removes every address of the second list from the first.  -1: no memory, and
 * the first list is as it was, but folded. */
int	 addrset_build_subtract(struct addrset_build *,
	    const struct addrset_build *);
/* Sorts, and joins what overlaps or touches; 0.  Needed before count and each;
 * called by write. */
int	 addrset_build_fold(struct addrset_build *);
size_t	 addrset_build_count(const struct addrset_build *);	/* ranges */

/*
 * Write n lists (index in the array = index in the image; a NULL is an empty
 * list) to fd, an empty file.  -1 with errno.
 */
int	 addrset_write(int fd, struct addrset_build *const *, size_t n);

/* Maps fd (which the caller still owns); validates every offset; NULL/errno. */
struct addrset *addrset_map(int fd);
void	 addrset_unmap(struct addrset *);	/* NULL is fine */
size_t	 addrset_lists(const struct addrset *);
/* Bit i of the answer: list i holds the address.  NULL set: 0. */
uint64_t addrset_lookup(const struct addrset *, const struct addr *);
/* Only the lists of the mask are searched. */
uint64_t addrset_lookup_mask(const struct addrset *, const struct addr *,
	    uint64_t mask);
/*
 * Calls fn for each prefix of list i in order (ranges are split into prefixes);
 * stops when fn returns non-zero and returns that.
 */
int	 addrset_each(const struct addrset *, size_t i,
	    int (*fn)(const struct prefix *, void *), void *arg);
/* The same as ranges, which neither overlap nor touch. */
int	 addrset_each_range(const struct addrset *, size_t i,
	    int (*fn)(const struct addr *lo, const struct addr *hi, void *),
	    void *arg);
/* A range as networks, each as large as it can be; as addrset_each. */
int	 addrset_split(const struct addr *lo, const struct addr *hi,
	    int (*fn)(const struct prefix *, void *), void *arg);

#endif
