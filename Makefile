# The only makefile that a user needs.  BSD make and GNU make both run it.
#	make		build
#	make run	install missing packages, build, run on loopback; as
#			root also make the users _spamgreyd and _spamgreydb
#	make check	install what the tests need, and run all tests
#	make torture	run the long tests of kills and load in full
#	make install	install; set DESTDIR, PREFIX, SYSCONFDIR, MANDIR
#	make install-compat	the same, with spamdb as a name for spamgreydb
#	make syntax SYSROOT=DIR TARGET=x86_64-unknown-openbsd7.8
#			check with clang all files for that system (or for
#			x86_64-unknown-freebsd14 ...).  DIR/usr/include must
#			have all its headers.  Headers of packages that are
#			missing there are taken from this machine
#			(lib/syntax.sh).
# V=1 shows each command of the build, not only its file.
# SANDBOX=none builds without the system's sandbox (for ASan and valgrind).
# Differences between systems are files of their own; lib/OS.mk names them.

PREFIX ?=	/usr/local
SYSCONFDIR ?=	/etc
MANDIR ?=	${PREFIX}/share/man
SBINDIR ?=	${PREFIX}/sbin

OS !=		uname -s
include lib/${OS}.mk

all: spamgreyd/spamgreyd spamgreydb/spamgreydb

WARN =		-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
		-Wmissing-declarations -Wshadow -Wpointer-arith -Wcast-qual \
		-Wsign-compare -Wformat=2 -Wundef -Wvla
HARDEN =	-fstack-protector-strong -fPIE
OWN_CFLAGS =	-std=c11 -O2 -g ${WARN} ${HARDEN} ${OS_CPPFLAGS}
OWN_LDFLAGS =	-pie -pthread ${OS_LDFLAGS}
YACC_CMD =	sh lib/yacc.sh
QUIET =		@V='${V}' sh lib/quiet.sh

LIB_SRC !=	ls lib/*.c | grep -v buildid | tr '\n' ' '
D_SRC !=	ls spamgreyd/*.c | grep -Ev '/(sandbox_|origdst_|fw_nft|os_|syslog_|(parse|modules_tab)\.c)' | tr '\n' ' '
DB_SRC !=	ls spamgreydb/*.c 2>/dev/null | tr '\n' ' '
# Each mod_*.c is a module.  This writes their table, spamgreyd/modules_tab.c.
MODULES !=	sh lib/modtab.sh
HEADERS !=	ls lib/*.h spamgreyd/*.h spamgreydb/*.h 2>/dev/null | tr '\n' ' '
LIB_OBJ =	${LIB_SRC:.c=.o}
D_OBJ =		${D_SRC:.c=.o} ${OS_OBJ} spamgreyd/parse.o \
		spamgreyd/modules_tab.o
DB_OBJ =	${DB_SRC:.c=.o}
# The objects of the daemon that spamgreydb uses: the configuration and the
# policy.
DB_SHARED =	spamgreyd/config.o spamgreyd/conf_check.o \
		spamgreyd/conf_check_pass.o spamgreyd/conf_pass.o \
		spamgreyd/conf_resolv.o spamgreyd/conf_scalar.o \
		spamgreyd/conf_strategy.o \
		spamgreyd/conf_entries.o spamgreyd/conf_file.o \
		spamgreyd/conf_forms.o \
		spamgreyd/conf_learn.o spamgreyd/conf_sync.o \
		spamgreyd/conf_track.o \
		spamgreyd/conf_lex.o spamgreyd/conf_report.o \
		spamgreyd/conf_set.o spamgreyd/conf_value.o \
		spamgreyd/parse.o spamgreyd/lists.o \
		spamgreyd/conf_list.o spamgreyd/list_in.o \
		spamgreyd/list_read.o spamgreyd/list_file.o \
		spamgreyd/policy.o spamgreyd/policy_conf.o \
		spamgreyd/policy_edit.o spamgreyd/policy_enter.o \
		spamgreyd/policy_event.o \
		spamgreyd/policy_learn.o spamgreyd/policy_mail.o \
		spamgreyd/policy_rcpt.o spamgreyd/policy_rules.o \
		spamgreyd/policy_show.o spamgreyd/policy_sync.o \
		spamgreyd/policy_bulk.o spamgreyd/policy_tuple.o \
		spamgreyd/ctl.o \
		spamgreyd/ctl_edit.o spamgreyd/ctl_import.o \
		spamgreyd/ctl_learn.o spamgreyd/ctl_sync.o

.SUFFIXES:
.SUFFIXES: .c .o
.PHONY: all run check torture deps install install-compat syntax syntax-files \
    clean

.c.o:
	${QUIET} CC $@ ${CC} ${OWN_CFLAGS} ${CPPFLAGS} ${CFLAGS} -c -o $@ $<

lib/libspamgrey.a: ${LIB_OBJ}
	@rm -f $@
	${QUIET} AR $@ ${AR} rc $@ ${LIB_OBJ}

lib/buildid.c: ${LIB_SRC} ${D_SRC} ${HEADERS} spamgreyd/parse.y \
    spamgreyd/modules_tab.c
	${QUIET} GEN $@ sh lib/buildid.sh $@ ${LIB_SRC} ${D_SRC} ${HEADERS} \
	    spamgreyd/parse.y spamgreyd/modules_tab.c

spamgreyd/parse.c: spamgreyd/parse.y lib/yacc.sh
	${QUIET} YACC $@ ${YACC_CMD} spamgreyd/parse.y $@

spamgreyd/modules_tab.c:
	${QUIET} GEN $@ sh lib/modtab.sh

spamgreyd/spamgreyd: ${D_OBJ} lib/libspamgrey.a lib/buildid.o
	${QUIET} LD $@ ${CC} ${OWN_LDFLAGS} ${CFLAGS} ${LDFLAGS} -o $@ ${D_OBJ} \
	    lib/buildid.o lib/libspamgrey.a ${D_LIBS}

spamgreydb/spamgreydb: ${DB_OBJ} ${DB_SHARED} lib/libspamgrey.a
	${QUIET} LD $@ ${CC} ${OWN_LDFLAGS} ${CFLAGS} ${LDFLAGS} -o $@ ${DB_OBJ} \
	    ${DB_SHARED} lib/libspamgrey.a ${DB_LIBS}

${LIB_OBJ} ${D_OBJ} ${DB_OBJ}: ${HEADERS}

deps:
	@sh lib/deps.sh build

run:
	@sh lib/deps.sh build
	@${MAKE} all
	@sh spamgreyd/demo.sh

check:
	@sh lib/deps.sh check
	@${MAKE} all
	@sh regress/run.sh

torture:
	@sh lib/deps.sh check
	@${MAKE} all
	TORTURE=full sh regress/run.sh torture

install: all
	sh lib/install.sh '${DESTDIR}' '${SBINDIR}' '${MANDIR}' '${SYSCONFDIR}'

install-compat: install
	sh lib/compat.sh '${DESTDIR}' '${SBINDIR}' '${MANDIR}'

# lib/OS.mk has the name of TARGET's system, as uname -s prints it there.
syntax:
	@case '${TARGET}' in \
	*openbsd*) os=OpenBSD ;; \
	*freebsd*) os=FreeBSD ;; \
	*) echo "syntax: TARGET is missing; set for example" \
	    "TARGET=x86_64-unknown-openbsd7.8" >&2; exit 2 ;; \
	esac; \
	${MAKE} OS=$$os SYSROOT='${SYSROOT}' TARGET='${TARGET}' syntax-files

syntax-files: spamgreyd/parse.c spamgreyd/modules_tab.c
	@sh lib/syntax.sh '${SYSROOT}' '${TARGET}' \
	    '-std=c11 -O2 ${WARN} ${OS_CPPFLAGS}' ${LIB_SRC} ${D_SRC} \
	    ${OS_OBJ:.o=.c} spamgreyd/parse.c spamgreyd/modules_tab.c \
	    ${DB_SRC} regress/fw/pfabi_${OS}.c

clean:
	rm -f lib/*.o spamgreyd/*.o spamgreydb/*.o lib/libspamgrey.a
	rm -f lib/buildid.c spamgreyd/parse.c spamgreyd/modules_tab.c
	rm -f spamgreyd/spamgreyd spamgreydb/spamgreydb
	rm -rf regress/obj
