#!/bin/sh
# limit 900
# long
# The role fw with nftables in a process namespace, as in a container.  There
# the kernel's events have other process ids than getpid(2) returns, and fw must
# still recognise its own changes.
exec sh regress/system/private.sh "${PERL:-perl}" regress/fw/nft.t
