#!/bin/sh
exec sh regress/store/run.sh clock
