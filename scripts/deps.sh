#!/bin/sh
# Installs the Debian or Ubuntu packages this project needs, and does nothing when they are there.
#
#   scripts/deps.sh          what building needs
#   scripts/deps.sh --all    also what tests and analysis need
#   scripts/deps.sh --bench  what building needs, and what the benchmark compares with
#
# As root, or through sudo. When it may not install it prints the exact line and exits 1.
set -u

build='gcc g++ libc6-dev binutils meson ninja-build pkg-config liburing-dev libxxhash-dev libzstd-dev libinih-dev libedit-dev'
more='check clang clang-tidy clang-format libclang-rt-dev cppcheck valgrind gcovr python3 scdoc'
peers='librocksdb-dev liblmdb-dev libleveldb-dev libwiredtiger-dev libsqlite3-dev fio python3'

wanted=$build
case "${1-}" in
'') ;;
--all) wanted="$build $more" ;;
--bench) wanted="$build $peers" ;;
*)
    echo "usage: $0 [--all | --bench]" >&2
    exit 2
    ;;
esac

# Without dpkg there are no package names to ask for: look for what the packages would bring.
if ! command -v dpkg-query >/dev/null 2>&1; then
    missing=
    for tool in gcc g++ objcopy meson ninja pkg-config; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    for library in liburing libxxhash libzstd inih; do
        pkg-config --exists "$library" 2>/dev/null || missing="$missing $library"
    done
    [ -z "$missing" ] && exit 0
    echo "This is no Debian or Ubuntu. Please install, with headers:$missing" >&2
    exit 1
fi

missing=
for package in $wanted; do
    # pkgconf stands in for pkg-config on newer releases.
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)
    [ "$package" = pkg-config ] && command -v pkg-config >/dev/null 2>&1 && continue
    case "$state" in
    *' installed') ;;
    *) missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
    # -n: never wait for a password nobody is there to type.
    if command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo=sudo
    else
        echo "Some packages are missing. Please run, as root:" >&2
        echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # the list is meant to be split
install() {
    $sudo apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
if ! install; then
    # Package lists that are missing or old are the usual reason.
    if ! { $sudo apt-get update -q >"$log" 2>&1 && install; }; then
        cat "$log" >&2
        echo "The installation failed. The line was:" >&2
        echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
fi
