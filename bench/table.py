#!/usr/bin/env python3
"""Turns the lines of bench/run.py into markdown: medians, their spread, ratios.

    bench/table.py results.jsonl [more.jsonl ...]
"""
import json
import statistics
import sys

OURS = ("eloq", "eloq_append", "eloq_one_flush")
ORDER = OURS + ("rocksdb", "lmdb", "leveldb", "wiredtiger", "sqlite", "device")

# Of each workload: what is compared, its field, and whether more is better.
MEASURES = {
    "W1": [("pairs/s", "pairs_per_s", True)],
    "W2": [("p50 µs", "p50", False)],
    "W3": [("commits/s", "ops_per_s", True)],
    "W4": [("pairs/s", "pairs_per_s", True)],
    "R1": [("reads/s", "ops_per_s", True), ("CPU µs", "cpu_us_per_op", False)],
    "R2": [("reads/s", "ops_per_s", True)],
    "S1": [("pairs/s", "pairs_per_s", True)],
    "S2": [("pairs/s", "pairs_per_s", True)],
    "M1": [("operations/s", "ops_per_s", True), ("read p99 µs", "p99", False)],
    "X1": [("disk ÷ data", "space_overwritten", False),
           ("written ÷ data", "write_amplification_overwritten", False)],
    "X2": [("ms", "p50", False)],
}


def device_ratio(workload, field, line, device):
    """Our share of what the device can do, where the two can be compared."""
    if not device:
        return None
    if workload == "W1":
        return line["ops_per_s"] * line["device_write_bytes_per_op"] / 1e6 / device["mb_per_s"]
    if workload == "S1":  # counts of a scan are by pair
        return line["pairs_per_s"] * line["process_read_bytes_per_op"] / 1e6 / device["mb_per_s"]
    if workload == "W4":
        return line["ops_per_s"] * line["process_read_bytes_per_op"] / 4096 / device["ops_per_s"]
    if workload == "W2" and field == "p50":
        return line["p50"] / device["p50"]
    if workload == "R1" and field == "ops_per_s":
        return line["ops_per_s"] / device["ops_per_s"]
    return None


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} K"
    if value >= 1e3:
        return f"{value / 1e3:.1f} K"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def medians(lines):
    """Of each (workload, variant), engine and field: the median and half the range over it."""
    runs = {}
    for line in lines:
        if "meta" in line or line.get("failed"):
            continue
        key = (line["workload"], line["variant"])
        runs.setdefault(key, {}).setdefault(line["engine"], []).append(line)
    result = {}
    for key, engines in runs.items():
        for engine, repeated in engines.items():
            fields = {}
            for field in repeated[0]:
                values = [r[field] for r in repeated if isinstance(r.get(field), (int, float))]
                if values and not isinstance(values[0], bool):
                    middle = statistics.median(values)
                    fields[field] = middle
                    fields[field + ":count"] = len(values)
                    fields[field + ":spread"] = (max(values) - min(values)) / 2 / middle if middle else 0
            result.setdefault(key, {})[engine] = fields
    return result


def cell(fields, field):
    if field not in fields:
        return ""
    if fields[field + ":count"] == 1:
        return number(fields[field])
    return f"{number(fields[field])} ±{fields[field + ':spread'] * 100:.0f} %"


def comparison(results):
    engines = [e for e in ORDER if any(e in r for r in results.values())]
    rows = ["| workload | | " + " | ".join(engines) + " | ours ÷ best peer | ÷ device |",
            "|---|---|" + "--:|" * (len(engines) + 2)]
    for (workload, variant), by_engine in sorted(results.items(), key=lambda item: item[0][0]):
        for title, field, more in MEASURES[workload]:
            have = {e: f[field] for e, f in by_engine.items() if f.get(field)}
            best = max if more else min
            ours = [e for e in OURS if e in have]
            peers = [e for e in have if e not in OURS and e != "device"]
            row = [f"{workload} {variant}", title]
            scale = 1000 if title == "ms" else 1
            for engine in engines:
                fields = dict(by_engine.get(engine, {}))
                if field in fields:
                    fields[field] /= scale
                shown = "mb_per_s" if engine == "device" and workload in ("W1", "S1") else field
                text = cell(fields, shown)
                row.append(text + " MB/s" if text and shown == "mb_per_s" else text)
            ratio = device = ""
            if ours:
                mine = best(ours, key=have.get)
                if peers:
                    peer = best(peers, key=have.get)
                    factor = have[mine] / have[peer] if more else have[peer] / have[mine]
                    ratio = f"{factor:.2f} ({peer})"
                share = device_ratio(workload, field, by_engine[mine], by_engine.get("device"))
                device = f"{share:.2f}" if share is not None else ""
            rows.append("| " + " | ".join(row + [ratio, device]) + " |")
    return "\n".join(rows)


def details(results):
    """What one operation of ours takes: of a scan, one pair."""
    rows = ["| workload | engine | p50 µs | p99 | p99.9 | max | CPU µs | bytes read | bytes written | "
            "device reads | flushes | longest silence ms | peak MiB | of memory MiB |",
            "|---|---|" + "--:|" * 12]
    for (workload, variant), by_engine in sorted(results.items(), key=lambda item: item[0][0]):
        for engine in (e for e in ORDER if e in by_engine and e != "device"):
            f = by_engine[engine]

            def show(field, scale=1.0):
                return number(f[field] / scale) if field in f else ""

            rows.append(f"| {workload} {variant} | {engine} | " + " | ".join([
                show("p50"), show("p99"), show("p99.9"), show("max"), show("cpu_us_per_op"),
                show("process_read_bytes_per_op"), show("device_write_bytes_per_op"),
                show("device_reads_per_op"), show("flushes_per_op"), show("gap_ms"),
                show("peak_rss", 1 << 20), show("cache_bytes", 1 << 20)]) + " |")
    return "\n".join(rows)


def memory(results):
    """X3: how far our resident memory was above the bound, at the worst."""
    worst = None
    for key, by_engine in results.items():
        for engine in OURS:
            if engine in by_engine and "peak_rss" in by_engine[engine]:
                f = by_engine[engine]
                over = f["peak_rss"] - f["cache_bytes"] * 1.1 - (16 << 20)
                if worst is None or over > worst[0]:
                    worst = (over, key, engine)
    if worst is None:
        return ""
    over, key, engine = worst
    what = f"{-over / (1 << 20):.0f} MiB below" if over <= 0 else f"{over / (1 << 20):.0f} MiB above"
    return (f"X3: resident memory (the driver's included) was at most {what} `memory_bytes` + 10 % "
            f"+ 16 MiB ({engine}, {key[0]} {key[1]}).")


def render(lines):
    metas = [line["meta"] for line in lines if "meta" in line]
    parts = []
    for meta in metas:
        versions = ", ".join(f"{p} {v}" for p, v in meta["versions"].items() if v)
        parts.append(f"{meta['time']}, {meta['size']} run, {meta['reps']} repetitions, commit "
                     f"{meta['commit']} ({meta['build']} build); {meta['cores']} x {meta['cpu']}, Linux {meta['kernel']}, load "
                     f"average {meta['load']:.1f} at the start; {versions}")
    results = medians(lines)
    failed = [line for line in lines if line.get("failed")]
    parts += [comparison(results), memory(results), details(results)]
    parts += [f"FAILED: {f['engine']} {f['workload']} {f['variant']}" for f in failed]
    return "\n\n".join(part for part in parts if part)


def main():
    lines = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            lines += [json.loads(line) for line in file]
    if not lines:
        sys.exit(__doc__)
    print(render(lines))


if __name__ == "__main__":
    main()
