#!/usr/bin/env python3
"""Runs the benchmark: every workload on every engine and on the bare device, in turns.

    bench/run.py [--size short|full] [--reps 5] [--only W2,R1/32] [--engines eloq,lmdb]
                 [--directory DIR] [--out FILE] [--seconds S]

Within a workload the engines follow each other, the first one another each time; so do the
repetitions. Each measurement is one line of JSON in the file, and bench/table.py makes the table.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time

import table

HERE = os.path.dirname(os.path.abspath(__file__))

# Which numbers of the device stand beside a workload: fio's options.
READ = ["--rw=randread", "--bs=4k"]
JOBS = {
    "W1": ["--rw=write", "--bs=1m", "--iodepth=4"],
    "W2": ["--rw=randwrite", "--bs=4k", "--iodepth=1", "--fdatasync=1"],
    "W4": READ + ["--iodepth=32"],
    "R1/1": READ + ["--iodepth=1"],
    "R1/32": READ + ["--iodepth=32"],
    "R1/256": READ + ["--iodepth=256"],
    "S1": ["--rw=read", "--bs=1m", "--iodepth=4"],
}

# Where a protocol of small commits makes a difference.
ONE_FLUSH = ["W1/1x100B", "W2", "W3"]


def job_of(workload, variant):
    return JOBS.get(f"{workload}/{variant}") or JOBS.get(workload)


def fio(directory, options, seconds):
    """One fio run on its own file, which is written once."""
    path = os.path.join(directory, "device")
    common = ["fio", "--name=device", f"--filename={path}", "--size=1g", "--direct=1",
              "--ioengine=io_uring", "--output-format=json", "--randrepeat=0"]
    if not os.path.exists(path) or os.path.getsize(path) < 1 << 30:
        subprocess.run(common + ["--rw=write", "--bs=1m", "--iodepth=4", "--end_fsync=1"], check=True,
                       stdout=subprocess.DEVNULL)
    touch = common + ["--rw=read", "--bs=1m", "--iodepth=4"]
    subprocess.run(touch, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(common + options + ["--time_based", f"--runtime={seconds}"], check=True,
                          stdout=subprocess.PIPE, text=True)
    job = json.loads(done.stdout)["jobs"][0]
    side = max(job["read"], job["write"], key=lambda s: s["io_bytes"])

    def us(percent):
        total = side["clat_ns"].get("percentile", {}).get(percent, 0)
        if job["sync"]["lat_ns"]["N"]:
            total += job["sync"]["lat_ns"]["percentile"].get(percent, 0)
        return total / 1000

    return {"ops_per_s": side["iops"], "mb_per_s": side["bw_bytes"] / 1e6,
            "p50": us("50.000000"), "p99": us("99.000000"), "p99.9": us("99.900000"),
            "cpu_us_per_op": (job["usr_cpu"] + job["sys_cpu"]) / 100 * 1e6 / max(side["iops"], 1)}


def version_of(package):
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout or None


def about(args):
    """What the numbers were measured on."""
    cpu = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    packages = ["librocksdb-dev", "liblmdb-dev", "libleveldb-dev", "libwiredtiger-dev",
                "libsqlite3-dev", "fio"]
    return {"meta": {"time": time.strftime("%Y-%m-%d %H:%M"), "cpu": cpu, "cores": os.cpu_count(),
                     "kernel": platform.release(), "size": args.size,
                     "build": args.build_type, "reps": args.reps,
                     "commit": commit.stdout.strip(), "load": os.getloadavg()[0],
                     "versions": {p: version_of(p) for p in packages}}}


def wanted(workload, only):
    name = f"{workload['workload']}/{workload['variant']}"
    return not only or any(name == o or name.startswith(o + "/") for o in only)


def choose(args):
    """The engines and workloads to run, from what the program says it has."""
    command = [args.bench, "--list"] + (["--full"] if args.size == "full" else [])
    listed = [json.loads(line) for line in
              subprocess.run(command, check=True, stdout=subprocess.PIPE,
                             text=True).stdout.splitlines()]
    engines = [row["engine"] for row in listed if "engine" in row]
    if args.engines:
        unknown = set(args.engines) - set(engines) - {"device"}
        if unknown:
            sys.exit(f"not built in: {', '.join(sorted(unknown))} (scripts/deps.sh --bench)")
        engines = [e for e in engines if e in args.engines]
    workloads = [row for row in listed if "workload" in row and wanted(row, args.only)
                 and (args.size == "full" or args.only or not row["full_only"])]
    if (not args.engines or "device" in args.engines) and shutil.which("fio"):
        engines.append("device")
    return engines, workloads


def measure(args, engine, workload):
    """The line of one measurement, or None where there is nothing to measure."""
    name = (workload["workload"], workload["variant"])
    if engine == "device":
        job = job_of(*name)
        if not job:
            return None
        line = {"engine": engine, "workload": name[0], "variant": name[1], "size": args.size}
        line.update(fio(args.directory, job, max(1, int(args.seconds or 1))))
        return line
    if workload["eloq_only"] and not engine.startswith("eloq"):
        return None
    if engine == "eloq_one_flush" and not wanted(workload, ONE_FLUSH):
        return None
    command = [args.bench, "--directory", args.directory, "--engine", engine,
               "--workload", name[0], "--variant", name[1]]
    if args.size == "full":
        command.append("--full")
    if args.seconds:
        command += ["--seconds", str(args.seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"FAILED: {' '.join(command)}", file=sys.stderr)
        return {"engine": engine, "workload": name[0], "variant": name[1], "failed": True}
    return json.loads(done.stdout)


def forget(args, engines, store):
    """Removes a store that no later workload reads."""
    for engine in engines:
        path = os.path.join(args.directory, engine, store)
        shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(path + ".loaded"):
            os.unlink(path + ".loaded")


def run(args, engines, workloads, out):
    lines = [about(args)]
    print(json.dumps(lines[0]), file=out, flush=True)
    for at, workload in enumerate(workloads):
        for rep in range(args.reps):
            turn = rep % len(engines)
            for engine in engines[turn:] + engines[:turn]:
                line = measure(args, engine, workload)
                if line is None:
                    continue
                line["rep"] = rep
                lines.append(line)
                print(json.dumps(line), file=out, flush=True)
        print(f"{workload['workload']} {workload['variant']}: done", file=sys.stderr, flush=True)
        if all(workload["store"] != later["store"] for later in workloads[at + 1:]):
            forget(args, engines, workload["store"])
    return lines


def main():
    parser = argparse.ArgumentParser(description="benchmark beside other stores and the device")
    comma = lambda text: text.split(",")
    parser.add_argument("--bench", default=os.path.join(HERE, "../build/bench/bench"))
    parser.add_argument("--size", choices=["short", "full"], default="short")
    parser.add_argument("--reps", type=int)
    parser.add_argument("--only", type=comma, default=[])
    parser.add_argument("--engines", type=comma, default=[])
    parser.add_argument("--directory", default="bench-data")
    parser.add_argument("--out")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--build-type", default="unknown", help="for the record")
    args = parser.parse_args()
    args.reps = args.reps or (5 if args.size == "full" else 2)
    if args.size == "short" and not args.seconds:
        args.seconds = 1
    os.makedirs(args.directory, exist_ok=True)
    args.out = args.out or os.path.join(args.directory, "results.jsonl")

    begin = time.time()
    engines, workloads = choose(args)
    # What shares a store runs together, so that not all stores are there at a time.
    order = {}
    for workload in workloads:
        order.setdefault(workload["store"], len(order))
    workloads.sort(key=lambda w: order[w["store"]])
    with open(args.out, "w", encoding="utf-8") as out:
        lines = run(args, engines, workloads, out)
    print(table.render(lines))
    print(f"{len(lines) - 1} measurements in {time.time() - begin:.0f} s: {args.out}")
    return 1 if any(line.get("failed") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
