/*
 * spf: the networks that domains allow by their SPF records, as a file for
 * `whitelist'.  It asks the DNS, and neither the daemon nor the database.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/domain.h"
#include "lib/db/entry.h"
#include "lib/base/textfile.h"
#include "spamgreydb/spamgreydb.h"
#include "spamgreydb/spf/spf.h"

#define NOTE_MAX	(2 * SPF_DOMAIN_MAX + 256) /* two names, some words */

/*
 * Says whether it can stand in a question.  Its syntax is not checked further,
 * since the DNS answers that there is no such name.
 */
static int
is_dns_name(const char *s)
{
	size_t	n = strlen(s);

	return (n > 0 && n <= SPF_DOMAIN_MAX &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_.") == n);
}

/*
 * Prints the networks; what could not be expanded is a comment.  A note has
 * text of the DNS, so that control characters are escaped.
 */
static int
print_spf_text(const char *domain, const struct spf_result *r)
{
	char	net[PREFIX_STRLEN], text[4 * NOTE_MAX + 1];
	size_t	i;

	printf("# %s\n", domain);
	for (i = 0; i < r->nnotes; i++) {
		if (strlen(r->notes[i]) > NOTE_MAX)
			continue;
		(void)entry_put_text(text, r->notes[i]);
		printf("# %s\n", text);
	}
	for (i = 0; i < r->nnets; i++)
		printf("%s\n", prefix_str(&r->nets[i], net));
	return (0);
}

/* Without memory, out_json reports it. */
static int
print_spf_json(const char *domain, const struct spf_result *r)
{
	json_t	*o = json_object(), *nets = json_array(),
		*notes = json_array();
	char	 net[PREFIX_STRLEN];
	size_t	 i;

	for (i = 0; i < r->nnets; i++)
		json_array_append_new(nets, json_string(prefix_str(
		    &r->nets[i], net)));
	for (i = 0; i < r->nnotes; i++)
		json_array_append_new(notes, json_string(r->notes[i]));
	json_object_set_new(o, "domain", json_string(domain));
	json_object_set_new(o, "networks", nets);
	json_object_set_new(o, "notes", notes);
	return (out_json(o));
}

/* Prints the networks of one domain.  Returns 0, or 1: reported. */
static int
spf_domain(
    const struct spf_dns *dns, const struct args *args, const char *domain)
{
	struct spf_result	r;
	char			name[SPF_DOMAIN_MAX + 1];
	int			status = 0;

	/* The DNS has names in ASCII only. */
	if (domain_fold(domain, strlen(domain), name, sizeof(name)) == -1 ||
	    !is_dns_name(name)) {
		out_error("%s: not a domain", domain);
		return (1);
	}
	domain = name;
	if (spf_walk(dns, domain, &r) == -1) {
		/* The error may begin with the domain already. */
		if (strncmp(r.error, domain, strlen(domain)) == 0 &&
		    r.error[strlen(domain)] == ':')
			out_error("%s", r.error);
		else
			out_error("%s: %s", domain, r.error);
		status = 1;
	} else if ((args->json ? print_spf_json(domain, &r) :
	    print_spf_text(domain, &r)) == -1)
		status = 1;
	spf_result_free(&r);
	return (status);
}

/*
 * Reads domains, one per line; # begins a comment.  Returns 0, or 1 when any of
 * them failed.
 */
static int
from_file(const struct spf_dns *dns, const struct args *args, FILE *fp)
{
	char	*line = NULL, *word;
	size_t	 size = 0;
	ssize_t	 len;
	int	 status = 0, first = 1;

	while ((len = getline(&line, &size, fp)) != -1) {
		word = line + (first ? text_bom(line, (size_t)len) : 0);
		first = 0;
		word += strspn(word, " \t");
		word[strcspn(word, " \t\r\n#")] = '\0';
		if (*word != '\0')
			status |= spf_domain(dns, args, word);
	}
	if (ferror(fp)) {
		out_error("standard input cannot be read");
		status = 1;
	}
	free(line);
	return (status);
}

/*
 * The status is 1 when any domain failed; the others are printed all the same.
 * "-" stands for domains on standard input.
 */
int
cmd_spf(const struct args *args, FILE *in)
{
	struct spf_dns	*dns;
	int		 i, status = 0;

	if ((dns = spf_dns_new(args->server)) == NULL)
		return (1);
	for (i = 0; i < args->nkeys; i++)
		status |= strcmp(args->keys[i], "-") == 0 ?
		    from_file(dns, args, in) :
		    spf_domain(dns, args, args->keys[i]);
	spf_dns_free(dns);
	return (status);
}
