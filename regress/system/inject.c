/*
 * inject PID FD: writes standard input to descriptor FD of another process, as
 * if that process had written it.  So a test can make a role of the daemon send
 * garbage to its peer, without any code for it in the daemon.
 */
#include <sys/types.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	const struct timespec	ms = { 0, 1000000 };
	char			data[65536];
	size_t			len, off = 0;
	ssize_t			n;
	int			tries, pidfd, fd;

	if (argc != 3)
		errx(2, "usage: inject pid fd");
	if ((pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0)) == -1)
		err(1, "process %s", argv[1]);
	if ((fd = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(argv[2]), 0)) ==
	    -1)
		err(1, "descriptor %s of process %s", argv[2], argv[1]);
	len = fread(data, 1, sizeof(data), stdin);
	/* It is non-blocking, and the peer may close it because of our
	 * bytes. */
	for (tries = 0; off < len && tries < 5000; ) {
		if ((n = write(fd, data + off, len - off)) > 0)
			off += (size_t)n;
		else if (n == -1 && errno == EAGAIN) {
			nanosleep(&ms, NULL);
			tries++;
		} else
			break;
	}
	printf("%zu\n", off);
	return (off == 0);
}
