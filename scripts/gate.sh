#!/bin/sh
# `npm run gate`: brings what is missing, then runs the gate. Where files are only read no engine is brought.
set -eu
scripts=$(dirname "$0")

needs=engine
for argument in "$@"; do
  case $argument in
    --explain | --init | --list | --coverage | --help | -h) needs=dependencies ;;
  esac
done
sh "$scripts/setup.sh" "$needs"
exec node --max-semi-space-size=2 "$scripts/gate.ts" "$@"
