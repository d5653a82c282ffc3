#!/bin/sh
# The role fw on nftables once more, in a process namespace, as in a container:
# there the kernel's events number processes otherwise than getpid(2) does, and
# fw has to know its own changes from others' all the same.
exec sh regress/system/private.sh "${PERL:-perl}" regress/fw/nft.t
