#!/bin/sh
exec sh regress/store/run.sh full 32m
