/*
 * Opening the files of address lists: between lists.c and the parent, which
 * opens them as root and gives the descriptors to another process.
 */
#ifndef LISTS_H
#define LISTS_H

#include "lib/conf/config.h"
#include "lib/list/read.h"

/* Opens STATE/lists, if the directory is ours; -1 with errno. */
int	 lists_dir(const char *statedir);
/* Opens a kept list in that directory; -1: there is none. */
int	 lists_kept_open(int dir, const char *name);
/* Opens the list's own file; -1 with a line to report. */
int	 lists_file_open(const struct config *, const struct conf_list *,
	    char *line, size_t size);
/* Makes an unlinked file for the compiled lists and returns a descriptor that
 * is read-only; *rw is for writing now.  -1 with errno. */
int	 lists_image_open(const char *statedir, int *rw);
/* The whitelists that a list excepts, as bits of their indexes. */
uint64_t lists_except_mask(const struct config *, const struct conf_list *);
/* Adds a list of spamd-setup behind all others.  NULL: no memory. */
struct conf_list *lists_setup_add(struct config *, const char *name,
	    const char *message);

/* Reads everything that the configuration names: certificates and keys, and the
 * lists, which are compiled to set_fd.  -1: something was reported. */
int	 config_load(struct config *, void (*report)(const char *, void *),
	    void *arg);
/* Only certificates, keys and CAs: another process reads the lists for the
 * parent (parent/list). */
int	 config_load_keys(struct config *,
	    void (*report)(const char *, void *), void *arg);
/*
 * Only the lists, for a program that needs no certificates and runs without the
 * daemon: files, and for what is fetched its last good version.  open opens
 * them, with the rights of the caller; load reads them and frees list_files.
 */
struct list_files;
struct list_files *config_open_lists(struct config *, int strict,
	    void (*report)(const char *, void *), void *arg);
int	 config_load_lists(struct config *, struct list_files *,
	    void (*report)(const char *, void *), void *arg);

#endif
