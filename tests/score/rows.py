"""The scoreboard as data: what each row claims, how much is tried, and which programs try it.

A row is (number, property, tried in CI, tried in a long run); a size of None means "all there are":
any number above 0 will do. A program is

    program(row, command, share=1.0, also=())

Its command is relative to the build directory ("{source}/..." to the source). In it {seed} is the
base seed, {cases} the row's size times `share`; `also` names further rows it reports. At its end it
prints one line per row it covers, "row 5: tried 50231, failed 0", perhaps with "; " and some text,
and exits 0 only when nothing failed. When it fails, its last lines name the seed and the one command
that repeats it. A row tried by several programs shows their sum.
"""

K, M, G = 10**3, 10**6, 10**9

ROWS = [
    (1, "power cut at every I/O boundary x disk states", 100 * K, 2 * M),
    (2, "power cut during recovery; killed, restarted, more, cut", 20 * K, 500 * K),
    (3, "real process, kill -9, reopen", 300, 10 * K),
    (4, "one fsync or ordering taken out: row 1 fails", None, None),
    (5, "every I/O error at every I/O, once and for ever", 50 * K, 500 * K),
    (6, "failed fsync loses what it was to flush", None, None),
    (7, "out of memory at every allocation", 100 * K, 1 * M),
    (8, "every byte of every kind of file flipped", 100 * K, 10 * M),
    (9, "wrong place, old version, lost write of a page", None, None),
    (10, "files truncated, extended, missing, swapped", None, None),
    (11, "fuzzed decoders and call sequences", 2 * M, 1 * G),
    (12, "random operations against a sorted array", 2 * M, 1 * G),
    (13, "interleavings, linearizable per key", 20 * K, 10 * M),
    (14, "every unlink against a reachability oracle", None, None),
    (15, "memory, descriptors, disk under churn (seconds)", 120, 8 * 3600),
    (16, "sanitizers over the whole suite", None, None),
    (17, "the same seed twice, the same trace", 1 * K, 1 * K),
    (18, "coverage of page, part, tree", None, None),
    (19, "golden stores", None, None),
]

# Rows whose figures ./test --full leaves behind: (row, build directory, part of the test's name).
FROM_FULL = [
    (16, "build-asan", ""),
    (16, "build-tsan", ""),
    (19, "build", "golden"),
    (19, "build", "foreign"),
]

PROGRAMS = []
DECODER = "--decoder {source}/../shared/tools/eloq_decode.py"  # used where it is


def program(row, command, share=1.0, also=()):
    PROGRAMS.append((row, command.split(), share, tuple(also)))


# The longest first: two run at a time.
program(4, "python3 {source}/scripts/mutate-flushes.py")
program(1, "tests/sim/power_test --shrink --seed {seed} --cases {cases}", also=[2, 14])
program(1, "tests/sim/archive_test --shrink --seed {seed} --cases {cases}", share=0.05, also=[14])
program(1, "tests/sim/dictionary_test --seed {seed} --cases {cases}", share=0.002, also=[14])
program(1, "tests/sim/plan_test --shrink --seed {seed} --cases {cases}", share=0.05, also=[14])
program(1, "tests/sim/drop_test --shrink --seed {seed} --cases {cases}", share=0.1, also=[14])
program(5, "tests/sim/fault_test --shrink --seed {seed} --cases {cases}", also=[6, 14])
program(6, "tests/sim/flush_test --shrink --seed {seed} --scripts 400", also=[14])
program(7, "tests/sim/memory_fault_test --shrink --seed {seed} --cases {cases}", also=[14])
program(12, "tests/model/array_test --seed {seed} --cases {cases}", also=[14])
program(12, "tests/model/model_test --seed {seed} --steps 100 " + DECODER, share=0)
program(12, "tests/model/model_test --seed {seed} --steps 100 --append " + DECODER, share=0)
program(15, "tests/stress/churn_test --seed {seed} --seconds {cases}")
program(3, "tests/crash/kill_test --seed {seed} --rounds {cases}", share=0.5)
program(3, "tests/crash/kill_test --seed {seed} --rounds {cases} --append", share=0.5)
program(13, "tests/sim/interleave_test --seed {seed} --cases {cases}", also=[14])
program(17, "tests/sim/trace_test --seed {seed} --cases {cases}")
program(8, "tests/damage/flip_test --seed {seed} --cases {cases}")
program(11, "nice -n 5 python3 {source}/tests/fuzz/run.py --seed {seed} --cases {cases} --plain .")
program(18, "nice -n 10 python3 {source}/tests/score/coverage.py --jobs 1")
program(7, "tests/sim/jobs_test --seed {seed}", share=0, also=[5, 14])
program(9, "tests/damage/place_test --seed {seed}")
program(10, "tests/damage/cut_test --seed {seed}")
program(19, "python3 {source}/tests/golden/stores_test.py tools/eloqstore/eloqstore {source}/../shared")
