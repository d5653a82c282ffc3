/*
 * The state directory and its lock.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "regress/lib/tap.h"

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

static const char *
under(const char *name)
{
	snprintf(path, sizeof(path), "%s%s", dir, name);
	return (path);
}

static const char *
under2(const char *name)
{
	static char	second[256];

	snprintf(second, sizeof(second), "%s%s", dir, name);
	return (second);
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
	uid_t	spool = uid + (uid_t)root;
	int	fd;

	is_int(statedir_spool(dir, spool, uid), 0, "a spool is made");
	is_int(mode_of("/spool"), 0700, "mode");
	is_int(owner_of("/spool"), spool, "owner");
	touch("/spool/left");
	snprintf(path, sizeof(path), "%s/spool/link", dir);
	ok(symlink(base, path) == 0, "with a file and a link in it");
	is_int(statedir_spool(dir, spool, uid), 0, "again");
	is_int(mode_of("/spool/left"), -1, "what was left is gone");
	is_int(mode_of("/spool/link"), -1, "the link too");
	ok(mode_of("/../../../var") != -1, "not what it led to");
	ok((fd = statedir_sub(dir, "spool", spool)) != -1,
	    "its user opens it");
	close(fd);
	ok(statedir_sub(dir, "spool", uid + 7) == -1 && errno == EPERM,
	    "it is no other user's");
	snprintf(path, sizeof(path), "%s/spool", dir);
	ok(chmod(path, 0775) == 0 && statedir_sub(dir, "spool", spool) == -1,
	    "a directory that others may write is not opened");
	ok(statedir_spool(dir, spool, uid) == 0, "others in it");
	is_int(mode_of("/spool"), 0700, "are shut out");
	if (root) {
		snprintf(path, sizeof(path), "%s/spool", dir);
		ok(chown(path, uid, uid) == 0 &&
		    statedir_spool(dir, spool, uid) == -1,
		    "a spool that the state directory's user made is not "
		    "given away");
		is_int(owner_of("/spool"), uid, "it stays that user's");
		snprintf(path, sizeof(path), "%s/spool", dir);
		ok(chown(path, 0, 0) == 0 &&
		    statedir_spool(dir, spool, uid) == -1 &&
		    owner_of("/spool") == 0,
		    "nor a directory of root's in its place");
		ok(strstr(last, "chown it to user") != NULL,
		    "the remedy is named");
		snprintf(path, sizeof(path), "%s/spool", dir);
	}
	ok(rmdir(path) == 0 && symlink("db", path) == 0, "a link in its place");
	is_int(statedir_spool(dir, uid, uid), -1, "is not followed");
	ok(statedir_sub(dir, "spool", uid) == -1, "nor later");
	unlink(path);
	ok(make_in("/spool", 0700) == 0 &&
	    (!root || chown(path, uid, uid) == 0) &&
	    make_in("/spool/sub", 0700) == 0 &&
	    statedir_spool(dir, uid, uid) == 0,
	    "a directory in it is no obstacle");
	ok(strstr(last, "not removed") != NULL, "but told");
}

/* The lists that were loaded are this user's. */
static void
test_lists(int root, uid_t uid)
{
	int	fd;

	ok((fd = statedir_sub_make(dir, "lists")) != -1, "lists: made");
	close(fd);
	is_int(owner_of("/lists"), geteuid(), "lists: of who runs");
	is_int(mode_of("/lists"), 0700, "lists: mode");
	if (root) {
		ok(chown(path, uid, uid) == 0 &&
		    statedir_sub_make(dir, "lists") == -1 && errno == EPERM,
		    "lists: a directory of another user is not used");
		is_int(owner_of("/lists"), uid, "lists: nor given away");
	}
	ok(rmdir(path) == 0 && symlink("db", path) == 0 &&
	    statedir_sub_make(dir, "lists") == -1, "lists: a link is not used");
	unlink(path);
}

/* Files that the directory's user has put in place of ours, when root comes. */
static void
test_planted(uid_t uid)
{
	char	outside[256], text[64] = "";
	pid_t	pid;
	int	fd;

	snprintf(outside, sizeof(outside), "%s/secret", base);
	fd = open(outside, O_RDWR | O_CREAT, 0600);
	ok(fd != -1 && write(fd, "secret\n", 7) == 7, "a file of root's");
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	ok(link(outside, path) == 0 && statedir_lock(dir, &pid) == -1,
	    "a lock that is a hard link is refused");
	ok(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 63) == 7 &&
	    strcmp(text, "secret\n") == 0, "what it leads to is not written");
	is_int(owner_of("/../../../secret"), 0, "nor given away");
	ok(chown(outside, uid, uid) == 0 && statedir_lock(dir, &pid) == -1 &&
	    strstr(last, "single link") != NULL,
	    "a lock of two names is refused whoever owns it");
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	ok(mkfifo(path, 0666) == 0 && chown(path, uid, uid) == 0 &&
	    statedir_lock(dir, &pid) == -1, "a lock that is a FIFO is refused");
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	close(fd);

	ok((fd = statedir_lock(dir, &pid)) != -1, "a new lock");
	is_int(owner_of("/lock"), uid, "is the directory's user's");
	close(fd);
	is_int(geteuid(), 0, "root again");

	ok(rename(under("/db"), under2("/db2")) == 0 &&
	    make_in("/../../../roots", 0700) == 0 &&
	    symlink("../../../roots", under("/db")) == 0 &&
	    statedir_make(dir, uid, uid) == -1,
	    "db as a symbolic link to a directory of root's is refused");
	is_int(owner_of("/../../../roots"), 0, "that stays root's");
	unlink(under("/db"));
	ok(make_in("/db", 0700) == 0 && statedir_make(dir, uid, uid) == -1,
	    "a db of root's that was there is not given away");
	ok(strstr(last, "chown it to user 12345") != NULL, "the remedy");
	is_int(owner_of("/db"), 0, "it stays root's");
	ok(rmdir(under("/db")) == 0 && statedir_make(dir, uid, uid) == 0,
	    "a missing db is made");
	is_int(owner_of("/db"), uid, "as its user's");
	ok(rmdir(under("/db")) == 0 &&
	    rename(under2("/db2"), under("/db")) == 0, "put back");
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
	touch("/db/other");
	is_int(statedir_make(dir, uid, uid), 0, "again");
	if (root) {
		is_int(owner_of("/db/other"), 0, "a file in it is not ours");
		touch("/db/grey.db");
		is_int(statedir_make(dir, uid, uid), -1,
		    "a database of root's is not given away");
		ok(strstr(last, "db/grey.db belongs to user 0") != NULL &&
		    strstr(last, "chown it to user 12345") != NULL,
		    "the file and the remedy are named");
		is_int(owner_of("/db/grey.db"), 0, "it stays root's");
		ok(chown(under("/db/grey.db"), uid, uid) == 0 &&
		    statedir_make(dir, uid, uid) == 0, "after that it starts");
		ok(link(under("/db/grey.db"), under2("/second")) == 0 &&
		    statedir_make(dir, uid, uid) == -1,
		    "a database of two names is refused");
		unlink(under("/second"));
	}
	test_lock();
	if (root)
		test_planted(uid);

	test_lists(root, uid);
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
	if (root) {
		snprintf(dir, sizeof(dir), "%s/strangers", base);
		ok(mkdir(dir, 0700) == 0 && chown(dir, uid + 1, uid) == 0 &&
		    statedir_make(dir, uid, uid) == -1,
		    "nor an empty directory of a third user");
		is_int(owner_of(""), uid + 1, "which stays that user's");
	}
	snprintf(dir, sizeof(dir), "%s/var/file", base);
	is_int(statedir_make(dir, uid, uid), -1, "a file is no directory");
	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	return (system(cmd) != 0 || done());
}
