#!/bin/sh
PROGRAM=scenario_pass exec sh regress/store/run.sh learn
