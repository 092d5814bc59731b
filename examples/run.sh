#!/bin/sh
# run.sh PROGRAM -- runs an example in a directory of its own.
program=$(realpath "$1") || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
"$program"
