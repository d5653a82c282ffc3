/* Words that are nearly the same; see near.h. */
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/near.h"

#define SHORT_WORD	4	/* letters; a shorter word may have one wrong */
#define LONG_WORD	8

static int
least(int a, int b, int c)
{
	if (b < a)
		a = b;
	return (c < a ? c : a);
}

static int
same(char a, char b)
{
	return (ascii_lower(a) == ascii_lower(b));
}

/*
 * The distance of Damerau and Levenshtein in which no letter moves twice:
 * d[i][j] is that between the first i letters of a and the first j of b.
 */
static int
distance(const char *a, size_t na, const char *b, size_t nb)
{
	int	d[NEAR_WORD_MAX + 1][NEAR_WORD_MAX + 1];
	size_t	i, j;

	for (i = 0; i <= na; i++)
		d[i][0] = (int)i;
	for (j = 0; j <= nb; j++)
		d[0][j] = (int)j;
	for (i = 1; i <= na; i++)
		for (j = 1; j <= nb; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
			    d[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]))
				d[i][j] = least(d[i][j], d[i][j],
				    d[i - 2][j - 2] + 1);
		}
	return (d[na][nb]);
}

/*
 * A short word may have one wrong letter, a longer one two or three.  So many
 * that nothing of the shorter word need be right are never near.
 */
int
near_word(const char *typed, const char *word)
{
	size_t	na = strlen(typed), nb = strlen(word);
	size_t	shorter = na < nb ? na : nb;
	int	d;

	if (na == 0 || nb == 0 || na > NEAR_WORD_MAX || nb > NEAR_WORD_MAX)
		return (-1);
	d = distance(typed, na, word, nb);
	if (d <= (shorter < SHORT_WORD ? 1 : shorter < LONG_WORD ? 2 : 3) &&
	    d < (int)shorter)
		return (d);
	return (shorter >= SHORT_WORD && ascii_same(typed, word, shorter) ? d :
	    -1);
}
