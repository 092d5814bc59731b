#!/usr/bin/env python3
"""tables, stat, check, page, manifest; and what they say of damage."""
import json
import os
import re

from harness import equal, main, truth


def fill(cli, count=2000):
    cli.ok("load", "t", stdin=b"".join(b"key%06d\tvalue %d\n" % (i, i) for i in range(count)))


def stat_of(cli, *args):
    return {name: int(value) for name, value in
            (line.split(b"\t") for line in cli.ok("stat", *args).splitlines())}


def tables_are_sorted_with_keys_and_bytes(cli):
    fill(cli)
    cli.ok("put", "t.3", "k", "v")
    cli.ok("put", "a b", "k", "v")
    rows = [line.split(b"\t") for line in cli.ok("tables").splitlines()]
    equal([row[:2] for row in rows], [[b"a b.0", b"1"], [b"t.0", b"2000"], [b"t.3", b"1"]])
    truth(all(int(row[2]) >= 8192 for row in rows), "bytes on disk: %r" % rows)
    objects = [json.loads(line) for line in cli.ok("-j", "tables").splitlines()]
    equal(objects[1]["table"], "t")
    equal(objects[1]["keys"], 2000)


def stat_counts_pages(cli):
    fill(cli)
    cli.ok("put", "t", "big", "-", stdin=b"x" * 100000)
    cli.ok("put", "t", "mortal", "v", "--ttl", "1h")
    stat = stat_of(cli)
    equal(stat[b"partitions"], 1)
    equal(stat[b"page_size"], 4096)
    equal(stat[b"tree_depth"], 2)
    equal(stat[b"ttl_tree_depth"], 2)
    equal(stat[b"pages_overflow"], 25)
    truth(stat[b"pages_data"] > 10 and stat[b"pages_leaf_index"] == 2, "pages: %r" % stat)
    mapped = sum(stat[b"pages_" + kind] for kind in (b"data", b"leaf_index", b"inner_index", b"overflow"))
    equal(stat[b"space_live_bytes"], mapped * 4096)
    truth(stat[b"space_used_bytes"] >= stat[b"space_live_bytes"], "space: %r" % stat)
    truth(json.loads(cli.ok("-j", "stat"))["tree_depth"] == 2, "json")


def stat_shows_the_dictionary(cli):
    words = [b"apple", b"store", b"partition", b"manifest", b"page", b"the", b"value"]
    lines = [b"key%06d\t%s\n" % (i, b" ".join(words[(i * 7 + j * j * (i % 11 + 1)) % 7] for j in range(90)))
             for i in range(4000)]
    cli.ok("-o", "enable_compression=true", "load", "t", stdin=b"".join(lines))
    cli.ok("-o", "enable_compression=true", "put", "other", "k", "v" * 1000)
    equal(stat_of(cli, "t")[b"dictionary_bytes"], 16384)
    equal(stat_of(cli, "other")[b"dictionary_bytes"], 0)
    equal(cli.ok("get", "t", "key003999"), lines[3999].split(b"\t")[1])
    cli.ok("check")


def check_of_a_sound_store(cli):
    fill(cli)
    out = cli.ok("check")
    truth(re.fullmatch(rb"checked \d+ pages, 2000 keys: ok\n", out), "%r" % out)
    cli.gives(0, out, "check", "t")
    equal(json.loads(cli.ok("-j", "check"))["damages"], 0)


def data_file(cli):
    return cli.store + "/t.0/data_0_0"


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x40]))


def leaf_ids(cli):
    """Ids of data pages in key order, from the root's listing."""
    root = [json.loads(l) for l in cli.ok("-j", "manifest", "t").splitlines()][-1]["root"]
    return [row["child"] for row in map(json.loads, cli.ok("-j", "page", "t", str(root)).splitlines()[1:])]


def damage_is_named_with_file_and_offset(cli):
    fill(cli)
    victim = leaf_ids(cli)[3]
    head = json.loads(cli.ok("-j", "page", "t", str(victim)).splitlines()[0])
    flip(data_file(cli), head["offset"] + 100)
    result = cli.on("check")
    equal(result.code, 1, repr(result.err))
    lines = result.out.splitlines()
    damage = lines[0].split(b"\t")
    equal(damage[:2], [b"damage", b"t.0"])
    truth(damage[2].endswith(b"data_0_0"), "the file: %r" % damage)
    equal(int(damage[3]), head["offset"])
    truth(re.fullmatch(rb"checked \d+ pages, \d+ keys: \d+ damages", lines[-1]), "%r" % lines[-1])
    # The page is shown, and says so.
    truth(b"checksum  WRONG" in cli.on("page", "t", str(victim)).out, "page")
    # Reads of its keys fail in words; those of others do not.
    first = json.loads(cli.on("-j", "page", "t", str(leaf_ids(cli)[0])).out.splitlines()[1])["key"]
    truth(cli.on("get", "t", first).code == 0, "the rest is readable")
    failed = cli.on("dump")
    equal(failed.code, 3)
    truth(b"data_0_0" in failed.err and b"offset" in failed.err, "%r" % failed.err)


def flipped_manifest_is_told(cli):
    fill(cli)
    flip(cli.store + "/t.0/manifest_0", 30)
    result = cli.on("check")
    equal(result.code, 1, "%r %r" % (result.out, result.err))
    truth(b"damage\tt.0\t" in result.out and b"manifest_0" in result.out, "%r" % result.out)
    equal(cli.on("get", "t", "key000001").code, 3)
    shown = cli.on("manifest", "t")
    equal(shown.code, 3)
    truth(b"WRONG" in shown.out, "%r" % shown.out)


def truncated_data_file_is_told(cli):
    fill(cli)
    os.truncate(data_file(cli), 8192)
    result = cli.on("check")
    equal(result.code, 1, repr(result.err))
    equal(cli.on("dump").code, 3)
    os.remove(data_file(cli))
    equal(cli.on("check").code, 1)
    failed = cli.on("scan", "t")
    equal((failed.code, failed.out), (3, b""))


def leftovers_are_notes(cli):
    fill(cli)
    with open(cli.store + "/t.0/manifest_0.tmp", "wb") as file:
        file.write(b"junk")
    with open(cli.store + "/t.0/data_999_0", "wb") as file:
        file.write(b"\0" * 4096)
    result = cli.on("check")
    equal(result.code, 0, repr(result.out))
    truth(result.out.endswith(b"keys: ok\n") and len(result.out.splitlines()) == 1, "%r" % result.out)
    truth(b"note: t.0" in result.err, "%r" % result.err)


def page_shows_leaf_and_index(cli):
    cli.ok("put", "t", "apple", "red", "--timestamp", "5")
    cli.ok("put", "t", "pear", "-", "--timestamp", "6", "--expire-at", "9999999999999", stdin=b"x" * 9000)
    leaf = leaf_ids(cli)[0]
    text = cli.ok("page", "t", str(leaf)).decode()
    truth("type      data" in text and "checksum  ok" in text, text)
    truth("apple  3 bytes  timestamp 5" in text, text)
    truth(re.search(r"pear  12 bytes: overflow pages \d+ \d+ \d+  timestamp 6  expires 9999999999999", text), text)
    overflow = re.search(r"overflow pages (\d+)", text).group(1)
    truth("value     4084 bytes" in cli.ok("page", "t", overflow).decode(), "overflow")
    cli.gives(1, b"", "page", "t", "12345")
    cli.gives(1, b"", "page", "nothing", "0")


def manifest_shows_records(cli):
    cli.ok("put", "t", "a", "1")
    cli.ok("put", "t", "b", "2")
    text = cli.ok("manifest", "t").decode()
    truth("snapshot" in text and "checksum ok" in text, text)
    records = [json.loads(l) for l in cli.ok("-j", "manifest", "t").splitlines()]
    equal(records[0]["kind"], "snapshot")
    equal(records[0]["offset"], 0)
    truth(all(r["checksum_ok"] for r in records), repr(records))
    cli.gives(1, b"", "manifest", "nothing")


main([tables_are_sorted_with_keys_and_bytes, stat_counts_pages, stat_shows_the_dictionary,
      check_of_a_sound_store, damage_is_named_with_file_and_offset, flipped_manifest_is_told, truncated_data_file_is_told,
      leftovers_are_notes, page_shows_leaf_and_index, manifest_shows_records])
