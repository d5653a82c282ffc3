/*
 * convert: reads the files of spamd that are named and prints a
 * spamgreyd.conf.  It needs neither the daemon nor the database.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/textfile.h"
#include "spamgreydb/convert/convert.h"
#include "spamgreydb/spamgreydb.h"

/*
 * Reads a whole file as text, which the caller frees.  NULL: reported.  The
 * limit is on the buffer, which doubles, so a file of up to twice
 * CONVERT_FILE_MAX bytes may be read.
 */
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
				out_error("%s: the file is too large",
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
		    "not a text file");
		free(text);
		return (NULL);
	}
	return (text);
}

/* Takes in one file; "-" is standard input, which stays open.  -1: reported. */
static int
convert_file(struct convert *cv, const char *name, FILE *in)
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
	convert_text(cv, name, text + text_bom(text, strlen(text)));
	free(text);
	return (0);
}

/* Says whether the files had anything of a configuration of spamd. */
static int
is_spamds(const struct convert *cv)
{
	size_t	i;

	for (i = 0; i < CONVERT_PROGRAMS; i++)
		if (cv->flags[i].value != NULL)
			return (1);
	/* A list counts if it has a file; a colon alone may mean anything. */
	for (i = 0; i < cv->nlists; i++)
		if (cv->lists[i].file != NULL)
			return (1);
	return (cv->has_all || cv->ndomains > 0);
}

/*
 * Prints the configuration as text or, with -j, as one object that also has
 * what was not converted.  0, or -1: output failed, which is reported.
 */
static int
print_configuration(const struct convert *cv, int json)
{
	json_t	*o, *dropped;
	char	*text = NULL;
	size_t	 size, i;
	FILE	*fp;

	if (!json) {
		convert_print(cv, stdout);
		return (0);
	}
	if ((fp = open_memstream(&text, &size)) == NULL)
		return (out_json(NULL));
	convert_print(cv, fp);
	if (fclose(fp) != 0 || (dropped = json_array()) == NULL) {
		free(text);
		return (out_json(NULL));
	}
	for (i = 0; i < cv->nproblems; i++)
		(void)json_array_append_new(dropped,
		    json_string(cv->problems[i]));
	o = json_pack("{s:s,s:o}", "configuration", text, "not_converted",
	    dropped);
	free(text);
	return (out_json(o));
}

/*
 * Reads all files before it prints anything, since flags in one may belong to
 * lists in another.  The status is 1 when anything could not be converted, so
 * that a script notices; the configuration is printed all the same.
 */
int
cmd_convert(const struct args *args, FILE *in)
{
	struct convert	cv;
	size_t		p;
	int		i, status = 0;

	convert_init(&cv);
	for (i = 0; i < args->nkeys; i++)
		if (convert_file(&cv, args->keys[i], in) == -1)
			status = 1;
	if (status == 0 && !is_spamds(&cv)) {
		out_error("these files have nothing of a spamd configuration");
		status = 1;
	}
	if (status == 0) {
		convert_finish(&cv);
		for (p = 0; p < cv.nproblems; p++)
			out_error("%s", cv.problems[p]);
		status = print_configuration(&cv, args->json) == -1 ||
		    cv.nproblems > 0;
	}
	convert_free(&cv);
	return (status);
}
