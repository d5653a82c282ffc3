/*
 * The journal that regress/db/record.c writes and regress/db/powercut.c reads:
 * records one after the other, each followed by its name, its second name and
 * its data.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

enum record_op {
	REC_CREATE,	/* name, file: a new file */
	REC_WRITE,	/* file, off, data */
	REC_SIZE,	/* file, off: its new size */
	REC_SYNC,	/* file: its data are on disk now */
	REC_SYNC_FAILED, /* file: its data may never get there */
	REC_RENAME,	/* name, name2 */
	REC_UNLINK,	/* name */
	REC_MKDIR,	/* name */
	REC_SYNC_DIR,	/* name: the names in it are on disk now */
	REC_ACK		/* data: what was promised, as text */
};

#define RECORD_NAME	48
/* Data take so many bytes, so that each record is aligned. */
#define RECORD_PAD(len)	(((len) + 7) & ~(size_t)7)

struct record {
	uint64_t	time;		/* CLOCK_MONOTONIC, ns */
	uint64_t	file;		/* inode */
	uint64_t	off;
	uint32_t	op;
	uint32_t	len;		/* of the data, which follow */
	char		name[RECORD_NAME];
	char		name2[RECORD_NAME];
};

#endif
