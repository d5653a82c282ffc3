#!/bin/sh
# yacc.sh grammar.y out.c: runs bison when YACC is "bison", otherwise the first
# of byacc, bison and yacc that the system has.
set -e
if [ "${YACC:-}" = bison ]; then
	bison -y -Wno-yacc -o "$2" "$1"
elif command -v byacc >/dev/null 2>&1; then
	byacc -o "$2" "$1"
elif command -v bison >/dev/null 2>&1; then
	bison -y -Wno-yacc -o "$2" "$1"
else
	yacc -o "$2" "$1"
fi
