/*
 * The state directory and its lock.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/log.h"
#include "../../lib/statedir.h"
#include "tap.h"

static char	base[] = "/tmp/statedir_test.XXXXXX";
static char	dir[128], path[256];
static char	last[LOG_LINE_MAX];

static void
keep(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	snprintf(last, sizeof(last), "%s", line);
}

static int
mode_of(const char *name)
{
	struct stat	st;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return (lstat(path, &st) == 0 ? (int)(st.st_mode & 07777) : -1);
}

static uid_t
owner_of(const char *name)
{
	struct stat	st;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	return (lstat(path, &st) == 0 ? st.st_uid : (uid_t)-1);
}

static void
touch(const char *name)
{
	snprintf(path, sizeof(path), "%s%s", dir, name);
	close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void
test_lock(void)
{
	pid_t	pid, child;
	int	fd, fd2, status;

	ok((fd = statedir_lock(dir, &pid)) != -1, "locked");
	is_int(mode_of("/lock"), 0600, "mode of the lock");
	fd2 = statedir_lock(dir, &pid);
	ok(fd2 == -1 && errno == EWOULDBLOCK, "a second time is refused");
	is_int(pid, getpid(), "and says who has it");
	close(fd);
	/* The lock goes with its last descriptor, however its owner ended. */
	if ((child = fork()) == 0) {
		if (statedir_lock(dir, &pid) == -1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	waitpid(child, &status, 0);
	ok(WIFSIGNALED(status), "its owner is killed");
	ok((fd = statedir_lock(dir, &pid)) != -1, "no obstacle");
	close(fd);
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	ok(symlink("/tmp/nowhere", path) == 0 &&
	    statedir_lock(dir, &pid) == -1 && errno != EWOULDBLOCK,
	    "a link is not followed");
	unlink(path);
}

static int
make_in(const char *name, mode_t mode)
{
	snprintf(path, sizeof(path), "%s%s", dir, name);
	return (mkdir(path, mode));
}

/* What pass' spool must be: uid's alone, empty, and no link. */
static void
test_spool(int root, uid_t uid)
{
	int	fd;

	is_int(statedir_spool(dir, uid + (uid_t)root, uid), 0,
	    "a spool is made");
	is_int(mode_of("/spool"), 0700, "mode");
	is_int(owner_of("/spool"), uid + (uid_t)root, "owner");
	touch("/spool/left");
	snprintf(path, sizeof(path), "%s/spool/link", dir);
	ok(symlink(base, path) == 0, "with a file and a link in it");
	is_int(statedir_spool(dir, uid + (uid_t)root, uid), 0, "again");
	is_int(mode_of("/spool/left"), -1, "what was left is gone");
	is_int(mode_of("/spool/link"), -1, "the link too");
	ok(mode_of("/../../../var") != -1, "not what it led to");
	ok((fd = statedir_spool_open(dir, uid + (uid_t)root)) != -1,
	    "its user opens it");
	close(fd);
	ok(statedir_spool_open(dir, uid + 7) == -1 && errno == EPERM,
	    "it is no other user's");
	snprintf(path, sizeof(path), "%s/spool", dir);
	ok(chmod(path, 0755) == 0 &&
	    statedir_spool(dir, uid + (uid_t)root, uid) == 0, "others in it");
	is_int(mode_of("/spool"), 0700, "are shut out");
	if (root) {
		ok(chown(path, uid, uid) == 0 &&
		    statedir_spool(dir, uid + 1, uid) == 0,
		    "the directory's owner made it");
		is_int(owner_of("/spool"), uid + 1, "it is given away");
		snprintf(path, sizeof(path), "%s/spool", dir);
		ok(chown(path, 54321, uid) == 0 &&
		    statedir_spool(dir, uid + 1, uid) == -1,
		    "somebody else's is not taken");
		ok(strstr(last, "chown it to user") != NULL,
		    "the remedy is named");
		snprintf(path, sizeof(path), "%s/spool", dir);
	}
	ok(rmdir(path) == 0 && symlink("db", path) == 0, "a link in its place");
	is_int(statedir_spool(dir, uid, uid), -1, "is not followed");
	ok(statedir_spool_open(dir, uid) == -1, "nor later");
	unlink(path);
	ok(make_in("/spool", 0700) == 0 &&
	    make_in("/spool/sub", 0700) == 0 &&
	    statedir_spool(dir, uid, uid) == 0,
	    "a directory in it is no obstacle");
	ok(strstr(last, "not removed") != NULL, "but told");
}

int
main(void)
{
	char	cmd[256];
	int	root = geteuid() == 0;
	uid_t	uid = root ? 12345 : geteuid();

	log_set_sink(keep, NULL);
	if (mkdtemp(base) == NULL)
		return (1);
	snprintf(dir, sizeof(dir), "%s/var/db/spamgreyd", base);
	is_int(statedir_make(dir, uid, uid), 0, "made with all above it");
	is_int(mode_of(""), 0700, "mode");
	is_int(mode_of("/db"), 0700, "mode of db");
	is_int(owner_of(""), uid, "owner");
	is_int(owner_of("/db"), uid, "owner of db");
	touch("/db/grey.db");
	if (root) {
		snprintf(path, sizeof(path), "%s/outside", base);
		close(open(path, O_WRONLY | O_CREAT, 0600));
		snprintf(cmd, sizeof(cmd), "%s/db/link", dir);
		ok(symlink(path, cmd) == 0, "a link in it");
		snprintf(cmd, sizeof(cmd), "%s/db/hard", dir);
		ok(link(path, cmd) == 0, "a second name");
	}
	is_int(statedir_make(dir, uid, uid), 0, "again");
	is_int(owner_of("/db/grey.db"), uid, "a file of root's is given away");
	if (root) {
		is_int(owner_of("/../../../outside"), 0,
		    "what is outside is not");
	}
	test_lock();
	if (root)
		is_int(owner_of("/db/hard"), 0, "nor a file with two names");

	test_spool(root, uid);
	snprintf(dir, sizeof(dir), "%s/var", base);
	touch("/another");
	if (root) {
		is_int(statedir_make(dir, uid, uid), -1,
		    "another's directory is not taken over");
		ok(strstr(last, "chown") != NULL, "the remedy is named");
		is_int(owner_of(""), 0, "and it stays whose it was");
	}
	touch("/file");
	snprintf(dir, sizeof(dir), "%s/var/file", base);
	is_int(statedir_make(dir, uid, uid), -1, "a file is no directory");
	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	return (system(cmd) != 0 || done());
}
