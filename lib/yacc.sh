#!/bin/sh
# yacc.sh grammar.y out.c: with whichever yacc the system has.
set -e
if command -v byacc >/dev/null 2>&1; then
	byacc -o "$2" "$1"
elif command -v bison >/dev/null 2>&1; then
	bison -y -Wno-yacc -o "$2" "$1"
else
	yacc -o "$2" "$1"
fi
