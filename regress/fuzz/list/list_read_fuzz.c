/* LIBS: -lz */
/*
 * Any bytes as a list, through gzip if they begin so, as a saved list, and as
 * one of spamd-setup: an accepted list is folded, and is the same when it is
 * written and read again.
 */
#include <sys/types.h>
#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/list/read.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
scratch(const void *data, size_t size)
{
	char	path[] = "/tmp/list_read_fuzz.XXXXXXXXXX";
	int	fd;

	if ((fd = mkstemp(path)) == -1)
		exit(1);
	unlink(path);
	if (size > 0 && write(fd, data, size) != (ssize_t)size)
		exit(1);
	if (lseek(fd, 0, SEEK_SET) == -1)
		exit(1);
	return (fd);
}

static void
say(const char *line, void *arg)
{
	(void)arg;
	for (; *line != '\0'; line++)
		if (*line < 0x20 || *line > 0x7e)
			abort();
}

/* Kept, it is what it was. */
static void
again(const struct addrset_build *set)
{
	struct addrset_build	*back = addrset_build_new();
	int64_t			 loaded;
	int			 fd = scratch("", 0);

	if (list_kept_write(fd, 7, 42, set) == -1 ||
	    list_kept_read(fd, 7, &loaded, back) == -1 || loaded != 42 ||
	    addrset_build_count(back) != addrset_build_count(set))
		abort();
	addrset_build_free(back);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list_setups	 all = TAILQ_HEAD_INITIALIZER(all);
	struct addrset_build	*set = addrset_build_new();
	struct list_report	 r;
	int64_t			 loaded;
	int			 fd = scratch(data, size);

	list_text_max = 1 << 20;
	if (list_read(fd, "fuzz", size & 1, set, &r, say, NULL) == 0)
		again(set);
	else if (r.why[0] == '\0')
		abort();
	addrset_build_free(set);
	set = addrset_build_new();
	(void)list_kept_read(fd, UINT64_C(0xd50c535ec3a9243d), &loaded, set);
	addrset_build_free(set);
	(void)list_setup_read(fd, &all);
	list_setup_free(&all);
	close(fd);
	return (0);
}
