# FreeBSD with PF; packages db5, libevent, jansson, libretls, libidn2.
SANDBOX =	capsicum
OS_CPPFLAGS =	-D_FORTIFY_SOURCE=2 -I/usr/local/include/db5 -I/usr/local/include
OS_LDFLAGS =	-L/usr/local/lib/db5 -L/usr/local/lib -Wl,-rpath,/usr/local/lib/db5
OS_SRC =	spamgreyd/os/addrs.c spamgreyd/os/freebsd.c \
		spamgreyd/os/origdst_pf.c spamgreyd/os/sandbox_${SANDBOX}.c \
		spamgreyd/os/syslog_socket.c spamgreyd/fw/nft/none.c
DB_LIBS =	-levent_core -ldb-5.3 -lcares -lidn2 -ljansson -lz -lpthread
D_LIBS =	-levent_core -ldb-5.3 -ltls -lcrypto -lcares -lidn2 -lpcap -ljansson -lz -lpthread
