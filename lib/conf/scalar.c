/*
 * The table of settings that are one value each, and what is asked of it.  Rows
 * are found by a walk through the table: there are about a hundred, and they
 * are looked at when a configuration is read, printed or shipped, never in a
 * session.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/value.h"
#include "lib/conf/limits.h"
#include "lib/conf/scalar.h"
#include "lib/conf/strategy.h"

/* The structure of each block's rows. */
#define BASE_TOP	struct config
#define BASE_GREYLIST	struct config
#define BASE_TARPIT	struct config
#define BASE_FIREWALL	struct config
#define BASE_LIMIT	struct conf_limit
#define BASE_LEARN	struct conf_learn
#define BASE_SYNC	struct conf_sync
#define BASE_TRACK	struct conf_track
#define BASE_PASS	struct conf_pass

#define ROW(block, type, own, m, form, def, min, max) \
	{ CB_##block, CT_##type, own, form, def, offsetof(BASE_##block, m), \
	  sizeof(((BASE_##block *)NULL)->m), min, max },
#define OTHER(block, type, form, n) \
	{ CB_##block, type, 1, form, "", 0, 0, n, 0 },

const struct conf_scalar conf_scalars[] = {
#define TOP(type, ...)			ROW(TOP, type, 0, __VA_ARGS__)
#define PASS(type, ...)			ROW(PASS, type, 0, __VA_ARGS__)
#define GREYLIST(type, ...)		ROW(GREYLIST, type, 0, __VA_ARGS__)
#define TARPIT(type, ...)		ROW(TARPIT, type, 0, __VA_ARGS__)
#define LIMIT(type, ...)		ROW(LIMIT, type, 0, __VA_ARGS__)
#define LEARN(type, ...)		ROW(LEARN, type, 0, __VA_ARGS__)
#define SYNC(type, ...)			ROW(SYNC, type, 0, __VA_ARGS__)
#define AT(block, type, ...)		ROW(block, type, 0, __VA_ARGS__)
#define OWN(block, type, ...)		ROW(block, type, 1, __VA_ARGS__)
#define STATEMENT(block, part, form)	OTHER(block, CT_STATEMENT, form, \
					    PART_##part)
#define BRACES(block, inner, form)	OTHER(block, CT_BRACES, form, \
					    CB_##inner)
#define FORM(block, form)		OTHER(block, CT_FORM, form, 0)
#include "lib/conf/schema.h"
	{ CB_TOP, CT_FORM, 1, NULL, NULL, 0, 0, 0, 0 }
};

static const char *const block_names[CB_BLOCKS] = {
	[CB_TOP] = "", [CB_PASS] = "pass", [CB_GREYLIST] = "greylist",
	[CB_TARPIT] = "tarpit", [CB_LIMIT] = "limit", [CB_LEARN] = "learn",
	[CB_SYNC] = "sync", [CB_FIREWALL] = "firewall", [CB_TRACK] = "track"
};

/*
 * The keyword before the block's brace.  FIREWALL and TRACK are no blocks of
 * the file; their names begin the labels of their rows.
 */
const char *
conf_block_name(enum conf_block b)
{
	return (block_names[b]);
}

/* GREYLIST, TARPIT and FIREWALL are members of struct config itself. */
void *
conf_base(struct config *c, enum conf_block b)
{
	switch (b) {
	case CB_LIMIT:
		return (&c->limit);
	case CB_LEARN:
		return (&c->learn);
	case CB_SYNC:
		return (c->sync);
	case CB_TRACK:
		return (c->track);
	case CB_PASS:
		return (c->pass);
	default:
		return (c);
	}
}

/* The same to read only. */
const void *
conf_base_of(const struct config *c, enum conf_block b)
{
	union {
		const struct config	*read;
		struct config		*write;
	} u = { c };

	return (conf_base(u.write, b));
}

/* The number of the row, by the size and the sign of its member. */
int64_t
conf_get(const struct conf_scalar *r, const void *base)
{
	const char	*p = (const char *)base + r->offset;
	int32_t		 i;
	uint32_t	 u;
	int64_t		 v;

	if (r->size == sizeof(uint8_t))
		return (*(const uint8_t *)p);
	if (r->size == sizeof(uint16_t)) {
		uint16_t	 s;

		memcpy(&s, p, sizeof(s));
		return (s);
	}
	if (r->size == sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		return (v);
	}
	if (r->type == CT_NUMBER || r->type == CT_PERCENT) {
		memcpy(&u, p, sizeof(u));
		return (u);
	}
	memcpy(&i, p, sizeof(i));
	return (i);
}

/* v fits: it was read by the row's limits, or conf_is_valid said so. */
void
conf_put(const struct conf_scalar *r, void *base, int64_t v)
{
	char		*p = (char *)base + r->offset;
	uint8_t		 u8 = (uint8_t)v;
	uint16_t	 u16 = (uint16_t)v;
	uint32_t	 u32 = (uint32_t)v;	/* (of int the same bits) */

	if (r->size == sizeof(u8))
		memcpy(p, &u8, sizeof(u8));
	else if (r->size == sizeof(u16))
		memcpy(p, &u16, sizeof(u16));
	else if (r->size == sizeof(u32))
		memcpy(p, &u32, sizeof(u32));
	else
		memcpy(p, &v, sizeof(v));
}

/* (By way of an integer, because base is const for a reader.) */
char **
conf_string(const struct conf_scalar *r, const void *base)
{
	uintptr_t	at = (uintptr_t)base + r->offset;

	return ((char **)at);
}

int
conf_kind(const struct conf_scalar *r)
{
	switch (r->type) {
	case CT_NUMBER:
		return (VALUE_NUMBER);
	case CT_SECONDS:
		return (VALUE_SECONDS);
	case CT_MS:
		return (VALUE_MS);
	case CT_SIZE:
		return (VALUE_SIZE);
	case CT_POINTS:
		return (VALUE_POINTS);
	case CT_PERCENT:
		return (VALUE_PERCENT);
	case CT_PREFIX:
		return (VALUE_PREFIX);
	default:
		return (-1);
	}
}

/* Length of the word at p, which begins after blanks and an opening bracket; of
 * the name's words only: 0 where they end. */
static size_t
name_word(const char **p)
{
	size_t	len;

	*p += strspn(*p, " [");
	len = strcspn(*p, " ]\n;");
	if (!islower((unsigned char)**p) || memchr(*p, '|', len) != NULL)
		return (0);
	return (len);
}

/* See scalar.h.  A name that is too long would be cut; there is none. */
const char *
conf_name(const struct conf_scalar *r, char name[CONF_NAME_MAX])
{
	const char	*p = r->form;
	size_t		 len, n = 0;

	while ((len = name_word(&p)) > 0 && n + len + 1 < CONF_NAME_MAX) {
		if (n > 0)
			name[n++] = ' ';
		memcpy(name + n, p, len);
		n += len;
		p += len;
	}
	name[n] = '\0';
	return (p);
}

/* The block's name comes first, since several blocks have a "session". */
const char *
conf_label(const struct conf_scalar *r, char what[CONF_NAME_MAX])
{
	char	name[CONF_NAME_MAX];

	conf_name(r, name);
	strlcpy(what, block_names[r->block], CONF_NAME_MAX);
	if (*what != '\0' && *name != '\0')
		strlcat(what, " ", CONF_NAME_MAX);
	strlcat(what, name, CONF_NAME_MAX);
	return (what);
}

/* Brackets in the form say so. */
int
conf_is_grouped(const struct conf_scalar *r)
{
	return (!r->own && strchr(r->form, '[') != NULL);
}

/* Rows without a value, which are for hints, have no name. */
const struct conf_scalar *
conf_find(enum conf_block b, const char *name)
{
	const struct conf_scalar	*r;
	char				 own[CONF_NAME_MAX];

	for (r = conf_scalars; r->form != NULL; r++) {
		if (r->block != b || !conf_has_value(r))
			continue;
		conf_name(r, own);
		if (strcmp(name, own) == 0)
			return (r);
	}
	return (NULL);
}

/*
 * The next of "a|b" at *p, its length to *len; NULL: no more. *p is moved
 * behind it and its "|".
 */
static const char *
alternative(const char **p, size_t *len)
{
	const char	*from = *p;

	*len = strcspn(from, "| ];\n");
	if (*len == 0)
		return (NULL);
	*p = from + *len + (from[*len] == '|');
	return (from);
}

/*
 * The value of the word in place i of the form: of WORD its place, of "yes|no"
 * 1 and 0, of others 0.
 */
static int64_t
place_value(const struct conf_scalar *r, int i)
{
	if (r->type == CT_WORD)
		return (i);
	return (r->type == CT_YESNO && i == 0);
}

/* See scalar.h.  Words in capitals describe values and are none. */
int
conf_word_value(const struct conf_scalar *r, const char *word, int64_t *v)
{
	char		 name[CONF_NAME_MAX];
	const char	*p = conf_name(r, name), *w;
	size_t		 len;
	int		 i;

	for (i = 0; (w = alternative(&p, &len)) != NULL; i++)
		if (islower((unsigned char)*w) && strlen(word) == len &&
		    memcmp(w, word, len) == 0) {
			*v = place_value(r, i);
			return (0);
		}
	return (-1);
}

const char *
conf_word(const struct conf_scalar *r, int64_t v, char word[CONF_NAME_MAX])
{
	const char	*p = conf_name(r, word), *w;
	size_t		 len;
	int		 i;

	for (i = 0; (w = alternative(&p, &len)) != NULL; i++)
		if (islower((unsigned char)*w) && place_value(r, i) == v) {
			memcpy(word, w, len);
			word[len] = '\0';
			return (word);
		}
	return (NULL);
}

/* 0 is also the value of what has no default, and of a word like "auto". */
int
conf_is_valid(const struct conf_scalar *r, int64_t v)
{
	char	word[CONF_NAME_MAX];

	return ((v >= r->min && v <= r->max) || (v == 0 &&
	    (*r->def == '\0' || conf_word(r, v, word) != NULL)));
}

/* Is it a word of the form, of those in lower case? len: of the word. */
static int
form_has(const char *form, const char *word, size_t len)
{
	size_t	n;

	for (form += strspn(form, " [|"); *form != '\0';
	    form += n, form += strspn(form, " [|];\n")) {
		n = strcspn(form, " [|];\n");
		if (n == len && memcmp(form, word, len) == 0)
			return (islower((unsigned char)*word));
	}
	return (0);
}

/* The words of statements are the grammar's (parse.y). */
int
conf_is_reserved(const char *word)
{
	const struct conf_scalar	*r;
	size_t				 len = strlen(word);

	for (r = conf_scalars; r->form != NULL; r++)
		if (!r->own && form_has(r->form, word, len))
			return (1);
	return (0);
}

/* Gives a member its default, by the reader of the file's values. */
static int
set_default(const struct conf_scalar *r, void *base)
{
	char	why[VALUE_WHY];
	int64_t	v = 0;

	if (*r->def == '\0' || conf_word_value(r, r->def, &v) == 0)
		;
	else if (conf_is_string(r)) {
		*conf_string(r, base) = strdup(r->def);
		return (*conf_string(r, base) == NULL ? -1 : 0);
	} else if (r->type == CT_CODE)
		v = strtol(r->def, NULL, 10);
	else if (value_read((enum value_kind)conf_kind(r), r->def, r->min,
	    r->max, &v, why) == -1)
		return (-1);		/* (a mistake in schema.h) */
	if (conf_is_number(r))
		conf_put(r, base, v);
	return (0);
}

/* See scalar.h.  The members must be zeroed: no string is freed. */
int
conf_defaults(void *base, enum conf_block b)
{
	const struct conf_scalar	*r;

	for (r = conf_scalars; r->form != NULL; r++)
		if (r->block == b && conf_has_value(r) &&
		    set_default(r, base) == -1)
			return (-1);
	return (0);
}

/* Frees the block's strings; they are NULL afterwards. */
void
conf_strings_clear(void *base, enum conf_block b)
{
	const struct conf_scalar	*r;

	for (r = conf_scalars; r->form != NULL; r++)
		if (r->block == b && conf_is_string(r)) {
			free(*conf_string(r, base));
			*conf_string(r, base) = NULL;
		}
}
