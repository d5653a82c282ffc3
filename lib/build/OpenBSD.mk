# OpenBSD with PF; packages db, libevent, jansson, libidn2.
SANDBOX =	pledge
OS_CPPFLAGS =	-D_FORTIFY_SOURCE=2 -I/usr/local/include/db4 -I/usr/local/include
OS_LDFLAGS =	-L/usr/local/lib/db4 -L/usr/local/lib -Wl,-rpath,/usr/local/lib/db4
OS_SRC =	spamgreyd/os/addrs.c spamgreyd/os/openbsd.c \
		spamgreyd/os/origdst_none.c spamgreyd/os/sandbox_${SANDBOX}.c \
		spamgreyd/os/syslog_libc.c spamgreyd/fw/nft/none.c
DB_LIBS =	-levent_core -ldb -lcares -lidn2 -ljansson -lz -lpthread
D_LIBS =	-levent_core -ldb -ltls -lcares -lidn2 -lpcap -lssl -lcrypto -ljansson -lz -lpthread
