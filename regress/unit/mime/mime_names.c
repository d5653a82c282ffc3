/*
 * Each name that some reader of mail may see in the message on standard input,
 * a line each; for readers.t.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/mime/mime.h"

static void
on_part(const struct mime_part *p, void *arg)
{
	unsigned int	i;

	(void)arg;
	for (i = 0; i < p->nnames; i++)
		printf("%s\n", p->name[i]);
}

int
main(void)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls = { .part = on_part };
	static uint8_t			 text[1024 * 1024];
	size_t				 n = fread(text, 1, sizeof(text), stdin);
	struct mime			*m = mime_new(&limits, &calls, NULL);

	if (m == NULL || mime_feed(m, text, n) == -1 || mime_finish(m) == -1)
		return (1);
	if (mime_past(m) != NULL)
		printf("past %s\n", mime_past(m));
	mime_free(m);
	return (0);
}
