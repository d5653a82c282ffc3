# The only makefile that a user needs.  BSD make and GNU make both run it.
#	make		build
#	make run	install missing packages, build, run on loopback; as
#			root also make the users _spamgreyd and _spamgreydb
#	make check	install what the tests need, and run all tests
#	make torture	run the long tests of kills and load in full
#	make soak	run a whole gateway for TIME seconds (3600) and watch
#			memory, descriptors and disk (regress/soak)
#	make mutants	change the program in small ways, one at a time, and see
#			that the tests fail; SAMPLE=10 tries ten of them
#			(regress/mutate/run.pl has the other settings)
#	make fuzz TIME=60	search for inputs that crash, with clang's
#			libFuzzer, 60 seconds for each parser and role; a night
#			is TIME=900 (regress/fuzz/README.md)
#	make bench	measure beside other mail servers, as root, in about 15
#			minutes; SHORT=yes only sees that all runs, PARTS="front
#			pass" runs some (regress/bench/README.md)
#	make install	install; set DESTDIR, PREFIX, SYSCONFDIR, MANDIR
#	make install-compat	the same, with spamdb as a name for spamgreydb
#	make syntax SYSROOT=DIR TARGET=x86_64-unknown-openbsd7.8
#			check with clang all files for that system (or for
#			x86_64-unknown-freebsd14 ...).  DIR/usr/include must
#			have all its headers.  Headers of packages that are
#			missing there are taken from this machine
#			(lib/build/syntax.sh).
# V=1 shows each command of the build, not only its file.
# SANDBOX=none builds without the system's sandbox (for ASan and valgrind).
# Differences between systems are files of their own; lib/build/OS.mk names them.

PREFIX ?=	/usr/local
SYSCONFDIR ?=	/etc
MANDIR ?=	${PREFIX}/share/man
SBINDIR ?=	${PREFIX}/sbin

OS !=		uname -s
include lib/build/${OS}.mk

all: spamgreyd/spamgreyd spamgreydb/spamgreydb

WARN =		-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
		-Wmissing-declarations -Wshadow -Wpointer-arith -Wcast-qual \
		-Wsign-compare -Wformat=2 -Wundef -Wvla
HARDEN =	-fstack-protector-strong -fPIE
OWN_CFLAGS =	-std=c11 -O2 -g -I. ${WARN} ${HARDEN} ${OS_CPPFLAGS}
OWN_LDFLAGS =	-pie -pthread ${OS_LDFLAGS}
YACC_CMD =	sh lib/build/yacc.sh
QUIET =		@V='${V}' sh lib/build/quiet.sh

COMPILE =	${CC} ${OWN_CFLAGS} ${CPPFLAGS} ${CFLAGS} -MMD -MP -c

# Each make looks again which modules (out/modules_tab.c) and which sources
# (out/OS.mk: their lists, and a rule for each object) there are.
MODULES !=	sh lib/build/modules.sh
RULES !=	sh lib/build/rules.sh out/${OS}.mk ${OS_SRC}
include out/${OS}.mk

.SUFFIXES:
.PHONY: all run check torture mutants fuzz soak bench deps install \
    install-compat syntax syntax-files clean

out/libspamgrey.a: ${LIB_OBJ}
	@rm -f $@
	${QUIET} AR $@ ${AR} rc $@ ${LIB_OBJ}

# The daemon's processes compare it: all were built of the same sources.
out/buildid.c: ${LIB_SRC} ${D_SRC} ${HEADERS} ${GRAMMARS} out/modules_tab.c
	${QUIET} GEN $@ sh lib/build/buildid.sh $@ ${LIB_SRC} ${D_SRC} \
	    ${HEADERS} ${GRAMMARS} out/modules_tab.c

out/modules_tab.c:
	${QUIET} GEN $@ sh lib/build/modules.sh

spamgreyd/spamgreyd: ${D_OBJ} out/buildid.o out/libspamgrey.a
	${QUIET} LD $@ ${CC} ${OWN_LDFLAGS} ${CFLAGS} ${LDFLAGS} -o $@ ${D_OBJ} \
	    out/buildid.o out/libspamgrey.a ${D_LIBS}

spamgreydb/spamgreydb: ${DB_OBJ} out/libspamgrey.a
	${QUIET} LD $@ ${CC} ${OWN_LDFLAGS} ${CFLAGS} ${LDFLAGS} -o $@ ${DB_OBJ} \
	    out/libspamgrey.a ${DB_LIBS}

deps:
	@sh lib/build/deps.sh build

run:
	@sh lib/build/deps.sh build
	@${MAKE} all
	@sh spamgreyd/demo.sh

check:
	@sh lib/build/deps.sh check
	@${MAKE} all
	@sh regress/run.sh

torture:
	@sh lib/build/deps.sh check
	@${MAKE} all
	TORTURE=full sh regress/run.sh torture

mutants:
	@sh lib/build/deps.sh check
	@${MAKE} all
	@perl regress/mutate/run.pl

fuzz:
	@sh lib/build/deps.sh fuzz
	@TIME='${TIME}' JOBS='${JOBS}' FUZZ='${FUZZ}' KEEP='${KEEP}' \
	    sh regress/fuzz/run.sh

soak:
	@sh lib/build/deps.sh check
	@${MAKE} all
	@perl regress/soak/soak.pl

bench:
	@sh lib/build/deps.sh bench
	@${MAKE} all
	@SHORT='${SHORT}' perl regress/bench/run.pl ${PARTS}

install: all
	sh lib/build/install.sh '${DESTDIR}' '${SBINDIR}' '${MANDIR}' '${SYSCONFDIR}'

install-compat: install
	sh lib/build/compat.sh '${DESTDIR}' '${SBINDIR}' '${MANDIR}'

# lib/build/OS.mk has the name of TARGET's system, as uname -s prints it there.
syntax:
	@case '${TARGET}' in \
	*openbsd*) os=OpenBSD ;; \
	*freebsd*) os=FreeBSD ;; \
	*) echo "syntax: TARGET is missing; set for example" \
	    "TARGET=x86_64-unknown-openbsd7.8" >&2; exit 2 ;; \
	esac; \
	${MAKE} OS=$$os SYSROOT='${SYSROOT}' TARGET='${TARGET}' syntax-files

syntax-files: ${MADE_SRC}
	@sh lib/build/syntax.sh '${SYSROOT}' '${TARGET}' \
	    '-std=c11 -O2 -I. ${WARN} ${OS_CPPFLAGS}' ${LIB_SRC} ${D_SRC} \
	    ${MADE_SRC} ${DB_SRC} regress/fw/pfabi_${OS}.c

clean:
	rm -rf out regress/obj
	rm -f spamgreyd/spamgreyd spamgreydb/spamgreydb
