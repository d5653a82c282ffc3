/*
 * convert: reads the files of spamd that are named and prints a
 * spamgreyd.conf.  The daemon and the database have no part in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "spamgreydb.h"

/* The whole file as text; NULL: said. */
static char *
slurp(const char *name, FILE *fp)
{
	char	*text = NULL, *p;
	size_t	 len = 0, size = 0, n;

	do {
		if (len + 1 >= size) {
			size = size == 0 ? 4096 : size * 2;
			if (size > 2 * CONVERT_FILE_MAX ||
			    (p = realloc(text, size)) == NULL) {
				out_error("%s: larger than any such file",
				    name);
				free(text);
				return (NULL);
			}
			text = p;
		}
		n = fread(text + len, 1, size - len - 1, fp);
		len += n;
	} while (n > 0);
	text[len] = '\0';
	if (ferror(fp) || strlen(text) != len) {
		out_error("%s: %s", name, ferror(fp) ? strerror(errno) :
		    "no text file");
		free(text);
		return (NULL);
	}
	return (text);
}

static int
one(struct convert *cv, const char *name, FILE *in)
{
	char	*text;
	FILE	*fp;

	if (strcmp(name, "-") == 0) {
		fp = in;
		name = "standard input";
	} else if ((fp = fopen(name, "r")) == NULL) {
		out_error("%s: %s", name, strerror(errno));
		return (-1);
	}
	text = slurp(name, fp);
	if (fp != in)
		fclose(fp);
	if (text == NULL)
		return (-1);
	convert_text(cv, name, text);
	free(text);
	return (0);
}

int
cmd_convert(const struct args *args, FILE *in)
{
	struct convert	cv;
	size_t		p;
	int		i, status = 0;

	convert_init(&cv);
	for (i = 0; i < args->nkeys; i++)
		if (one(&cv, args->keys[i], in) == -1)
			status = 1;
	convert_finish(&cv);
	for (p = 0; p < cv.nproblems; p++) {
		out_error("%s", cv.problems[p]);
		status = 1;
	}
	if (i > 0)
		convert_print(&cv, stdout);
	convert_free(&cv);
	return (status);
}
