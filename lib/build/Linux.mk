# Linux with nftables; packages: lib/build/deps.sh.
SANDBOX =	seccomp
OS_CPPFLAGS =	-D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -DLIBBSD_OVERLAY -isystem /usr/include/bsd
OS_LDFLAGS =	-Wl,-z,relro,-z,now
OS_SRC =	spamgreyd/os/addrs.c spamgreyd/os/linux.c \
		spamgreyd/os/origdst_linux.c \
		spamgreyd/os/sandbox_${SANDBOX}.c \
		spamgreyd/os/syslog_socket.c spamgreyd/fw/nft/nft.c \
		spamgreyd/fw/nft/link.c spamgreyd/fw/nft/hosts.c \
		spamgreyd/fw/nft/nets.c spamgreyd/fw/nft/table.c
DB_LIBS =	-levent_core -ldb -lcares -lidn2 -ljansson -lbsd -lz -lpthread
D_LIBS =	-levent_core -ldb -ltls -lcrypto -lcares -lidn2 -lpcap -lnftables -lmnl -ljansson -lseccomp -lbsd -lz -lpthread
