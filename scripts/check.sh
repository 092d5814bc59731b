#!/bin/sh
# The mechanical part of our conventions: ninja -C build check.
#
#   scripts/check.sh BUILD-DIRECTORY [STEP...]     default: every step
set -u
build=$(cd "$1" && pwd) || exit 2
shift
cd "$(dirname "$0")/.." || exit 2

sources=$(find src tools tests include examples -name '*.[ch]' | sort)
formatted="$sources $(find bench -name '*.[ch]')"
jobs=$(nproc 2>/dev/null || echo 2)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

step_format() {
    # shellcheck disable=SC2016,SC2086  # expands in the inner shell
    printf '%s\n' $formatted | xargs -P "$jobs" -n 1 sh -c '
        clang-format --dry-run -Werror "$0" 2>/dev/null || { echo "to format: clang-format -i $0"; exit 1; }'
}

step_layers() {
    scripts/check-layers
}

# The public header must stand alone, in every C and C++ our users compile with.
step_header() {
    rc=0
    printf '#include "eloqstore.h"\nint main(void)\n{\n    eloq_options o = ELOQ_OPTIONS("x");\n    return o.size == 0;\n}\n' >"$scratch/h.c"
    cp "$scratch/h.c" "$scratch/h.cpp"
    for compiler in gcc clang; do
        for std in c99 c17 gnu2x; do
            "$compiler" -std=$std -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$scratch/h.c" || rc=1
        done
    done
    for compiler in g++ clang++; do
        for std in c++11 c++17 c++20; do
            "$compiler" -std=$std -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$scratch/h.cpp" || rc=1
        done
    done
    return $rc
}

# The shared library exports what src/api/exports.txt lists, and nothing else.
step_exports() {
    library=$(find "$build" -name 'libeloqstore.so*' -type f ! -name '*.p' ! -name '*.symbols' | head -n 1)
    [ -n "$library" ] || { echo "no libeloqstore.so in $build"; return 1; }
    nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$scratch/got"
    grep -v '^#' src/api/exports.txt | sort | diff - "$scratch/got"
}

# Each row of banned.txt, between tabs: calls, the files they are allowed in, and why not elsewhere.
step_banned() {
    rc=0
    while IFS='	' read -r pattern allowed why; do
        # shellcheck disable=SC2086
        hits=$(grep -nE "(^|[^A-Za-z0-9_.>\"])($pattern)[[:space:]]*\(" $sources |
            grep -vE '^[^:]*:[0-9]+: *(/?\*|//)' | grep -vE "^($allowed):")
        if [ -n "$hits" ]; then
            echo "$why:"
            echo "$hits" | sed 's/^/    /'
            rc=1
        fi
    done <"scripts/banned.txt"
    # shellcheck disable=SC2086
    if grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $sources; then
        echo "finish it, or say it in the docs"
        rc=1
    fi
    return $rc
}

step_tidy() {
    # Only what the build compiles has flags in compile_commands.json. One file a process and one command a
    # file: with several, clang 14 forgets what it knows of va_list.
    python3 - "$build/compile_commands.json" "$scratch/compile_commands.json" >"$scratch/files" <<'END' || return 1
import json, os, sys
first = {}
for command in json.load(open(sys.argv[1])):
    first.setdefault(os.path.realpath(os.path.join(command["directory"], command["file"])), command)
json.dump(list(first.values()), open(sys.argv[2], "w"))
here = os.getcwd()
print("\n".join(sorted(f for f in first if f.endswith(".c") and f.startswith((here + "/src/", here + "/tools/")))))
END
    xargs -P "$jobs" -n 1 clang-tidy --quiet -p "$scratch" --warnings-as-errors='*' \
        <"$scratch/files" >"$scratch/tidy" 2>"$scratch/tidy.err"
    rc=$?
    [ $rc -eq 0 ] || { cat "$scratch/tidy"; grep -E 'error' "$scratch/tidy.err"; }
    return $rc
}

step_cppcheck() {
    cppcheck --quiet --std=c17 --language=c --enable=warning,performance,portability --inline-suppr \
        --suppressions-list=scripts/cppcheck-suppressions.txt --error-exitcode=1 -j "$jobs" \
        -D_GNU_SOURCE -D__linux__ -D__x86_64__ -Iinclude -Isrc src tools
}

steps=${*:-format layers header exports banned tidy cppcheck}
failed=
for step in $steps; do
    if "step_$step" >"$scratch/out" 2>&1; then
        echo "check $step: ok"
    else
        cat "$scratch/out"
        echo "check $step: FAILED"
        failed="$failed $step"
    fi
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
