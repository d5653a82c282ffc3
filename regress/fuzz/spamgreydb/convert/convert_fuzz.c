/* Any bytes as spamd's files: the output is always a text of whole lines. */
/* LINK: spamgreydb/convert */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/convert/convert.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct convert	 cv;
	char		*text, *out = NULL, *p;
	size_t		 len = 0;
	FILE		*fp;

	if ((text = malloc(size + 1)) == NULL)
		return (0);
	memcpy(text, data, size);
	text[size] = '\0';
	convert_init(&cv);
	convert_text(&cv, "input", text);
	convert_finish(&cv);
	if ((fp = open_memstream(&out, &len)) == NULL)
		abort();
	convert_print(&cv, fp);
	fclose(fp);
	if (len == 0 || strlen(out) != len || out[len - 1] != '\n')
		abort();
	for (p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
			abort();
	free(out);
	free(text);
	convert_free(&cv);
	return (0);
}
