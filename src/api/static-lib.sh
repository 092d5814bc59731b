#!/bin/sh
# static-lib.sh CC OBJCOPY AR OUTPUT ARCHIVE... -- one archive of one object whose internal names
# are local, so that they can neither collide with a host's nor be replaced by them.
set -eu
cc=$1 objcopy=$2 ar=$3 output=$4
shift 4
object=${output%.a}.o
$cc -r -nostdlib -o "$object" -Wl,--whole-archive "$@" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$object"
rm -f "$output"
"$ar" rcs "$output" "$object"
