# Linux with nftables; packages: lib/deps.sh.
SANDBOX =	seccomp
OS_CPPFLAGS =	-D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -DLIBBSD_OVERLAY -isystem /usr/include/bsd
OS_LDFLAGS =	-Wl,-z,relro,-z,now
OS_OBJ =	spamgreyd/sandbox_${SANDBOX}.o spamgreyd/origdst_linux.o \
		spamgreyd/fw_nft.o spamgreyd/fw_nft_link.o \
		spamgreyd/fw_nft_hosts.o spamgreyd/fw_nft_nets.o spamgreyd/fw_nft_table.o \
		spamgreyd/os_linux.o spamgreyd/syslog_socket.o
DB_LIBS =	-levent_core -ldb -lcares -lidn2 -ljansson -lbsd -lz -lpthread
D_LIBS =	-levent_core -ldb -ltls -lcrypto -lcares -lidn2 -lpcap -lnftables -lmnl -ljansson -lseccomp -lbsd -lz -lpthread
