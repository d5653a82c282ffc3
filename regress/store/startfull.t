#!/bin/sh
exec sh regress/store/run.sh startfull 32m
