/*
 * The room lib/list: address lists from files and from what was fetched, to sets
 * of networks.  The parent and spamgreydb run it, and the process that loads
 * lists.  It may use lib/base, lib/addrset and lib/conf.  In the order to read:
 *
 *	read		lines to a list; the lists kept in STATE/lists
 *	in		gzip or not, blocks to lines
 *	file		writing and reading the kept lists
 *	lists		where lists are, and the set of all of them (this file)
 *
 * Several headers: the process that loads a list reads it without knowing where
 * lists are kept.
 *
 * Where lists are kept, where the compiled ones go, and what loads them.
 */
#ifndef LISTS_H
#define LISTS_H

#include "lib/conf/config.h"
#include "lib/list/read.h"

/* STATE/lists, if it is ours; -1 errno. */
int	 lists_dir(const char *statedir);
int	 lists_kept_open(int dir, const char *name);
/* The list's own file; -1 and the line to report. */
int	 lists_file_open(const struct config *, const struct conf_list *,
	    char *line, size_t size);
int	 lists_image_open(const char *statedir, int *rw);
uint64_t lists_except_mask(const struct config *, const struct conf_list *);
/* One that spamd-setup brought, behind all others.  NULL: no memory. */
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
