#!/usr/bin/env python3
"""repair: what can be verified is copied, what is lost is named, the source is not touched."""
import os
import random
import shutil

from harness import equal, main, snapshot, truth

PAGE = 4096
SEED = int(os.environ.get("ELOQ_SEED") or random.SystemRandom().randrange(1 << 32))


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.abspath(os.path.join(ROOT, os.environ.get("ELOQ_GOLDEN_DIR") or "../shared/golden"))


def pairs_of(cli, *stores, options=()):
    """(partition, key) to (value, timestamp, expiry), keys as bytes."""
    words = [word for store in stores for word in ("-s", store)]
    result = cli.run(*options, *words, "-x", "dump")
    equal(result.code, 0, result.err)
    found = {}
    for line in result.out.splitlines():
        part, key, value, timestamp, expiry = line.split(b"\t")
        found[(part, bytes.fromhex(key.decode()))] = (value, timestamp, expiry)
    return found


def fill(cli, options=(), keys=400, seed=1, long_keys=False):
    """A store with inline and overflow values, expiring pairs, overwritten and deleted ones."""
    rand = random.Random(seed)
    common = b"k" * 900 if long_keys else b""
    for round_ in range(3):
        lines = []
        for i in range(keys):
            if round_ and rand.random() < 0.6:
                continue
            size = 9000 if rand.random() < 0.03 else rand.randrange(200)
            expiry = 4000000000000 + i if i % 9 == 0 else 0
            lines.append(b"%skey%05d\t%s\t%d\t%d" % (common, i, (b"%d." % rand.randrange(10**9)) * (size // 8),
                                                    1000 + round_, expiry))
        equal(cli.run("-s", cli.store, *options, "load", "t", "-q", stdin=b"\n".join(lines) + b"\n").code, 0)
        for i in rand.sample(range(keys), keys // 20):
            equal(cli.run("-s", cli.store, *options, "del", "t", common + b"key%05d" % i).code, 0)
    equal(cli.run("-s", cli.store, *options, "load", "u.3", "-q", stdin=b"a\tb\nc\td\n").code, 0)


def unescape(text):
    out, at = bytearray(), 0
    plain = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
    while at < len(text):
        if text[at:at + 1] != b"\\":
            out += text[at:at + 1]
            at += 1
        elif text[at + 1:at + 2] == b"x":
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        else:
            out += plain[text[at + 1:at + 2]]
            at += 2
    return bytes(out)


def repair(cli, *sources, options=()):
    """Repairs; answers the lost ranges and what is in the new store."""
    dest = cli.directory + "/dest"
    shutil.rmtree(dest, ignore_errors=True)
    before = [snapshot(source) for source in sources]
    result = cli.run(*options, "repair", ":".join(sources), dest)
    equal([snapshot(source) for source in sources], before, "the source")
    ranges = []
    for line in result.out.splitlines():
        word, part, low, high = line.split(b"\t")
        equal(word, b"lost")
        ranges.append((part, unescape(low), unescape(high)))
    equal(result.code, 1 if ranges else 0, result.err)
    checked = cli.run("-s", dest, "check")
    equal(checked.code, 0, checked.out)
    return ranges, pairs_of(cli, dest), result.err


def in_range(ranges, part, key):
    return any(p == part and low <= key and (not high or key < high) for p, low, high in ranges)


def must_account(original, ranges, found, is_tight=False, what=""):
    for (part, key), value in original.items():
        inside = in_range(ranges, part, key)
        if (part, key) not in found:
            truth(inside, "%s: %r is neither copied nor lost: %r" % (what, key, ranges))
        elif not any(r[1:] == (b"", b"") for r in ranges):
            equal(found[(part, key)], value, "%s: %r" % (what, key))
            truth(not (is_tight and inside), "%s: %r is copied, but called lost" % (what, key))
    if not any(r[1:] == (b"", b"") for r in ranges):
        for key in found:
            truth(key in original, "%s: %r was not there" % (what, key))


def data_files(store):
    folder = store + "/t.0"
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("data_"))


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def a_whole_store_is_copied(cli):
    fill(cli)
    ranges, found, _ = repair(cli, cli.store)
    equal(ranges, [])
    equal(found, pairs_of(cli, cli.store))


def each_damaged_page_costs_what_it_held(cli):
    """Each page of a store in turn: leaves and values are lost tightly; below an index nothing is."""
    for long_keys, options in ((False, ()), (True, ("-o", "index_page_restart_interval=1"))):
        shutil.rmtree(cli.store, ignore_errors=True)
        fill(cli, options, keys=60 if long_keys else 150, long_keys=long_keys)
        original = pairs_of(cli, cli.store)
        path = data_files(cli.store)[0]
        with open(path, "rb") as file:
            image = file.read()
        lost_none = 0
        for page in range(len(image) // PAGE):
            flip(path, page * PAGE + 3000)
            ranges, found, _ = repair(cli, cli.store)
            kind = image[page * PAGE + 8]
            must_account(original, ranges, found, True, "page %d kind %d" % (page, kind))
            if kind in (0, 1):
                equal(ranges, [], "index page %d" % page)
            truth(len(ranges) <= 1, "page %d: %r" % (page, ranges))
            lost_none += not ranges
            flip(path, page * PAGE + 3000)
        truth(lost_none < len(image) // PAGE, "some page is in use")


def random_damage_is_accounted_for(cli):
    rand = random.Random(SEED)
    for options in ((), ("-o", "data_append_mode=true", "-o", "pages_per_file_shift=4"),
                    ("-o", "enable_compression=true", "-o", "pages_per_file_shift=3")):
        shutil.rmtree(cli.store, ignore_errors=True)
        fill(cli, options, seed=rand.randrange(1000))
        original = pairs_of(cli, cli.store)
        for _ in range(6):
            copy = cli.directory + "/copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(cli.store, copy)
            files = data_files(copy)
            for _ in range(rand.randrange(1, 5)):
                path = rand.choice(files)
                size = os.path.getsize(path) if os.path.exists(path) else 0
                kind = rand.random()
                if size and kind < 0.7:
                    flip(path, rand.randrange(size))
                elif size and kind < 0.9:
                    os.truncate(path, rand.randrange(size))
                elif size and len(files) > 1:
                    os.remove(path)
            ranges, found, _ = repair(cli, copy)
            must_account(original, ranges, found, False, "seed %d" % SEED)


def stores_of_the_reference(cli):
    """Whole they are copied whole; damaged, what is lost is named."""
    if not os.path.isdir(GOLDEN):
        print("no golden stores: not tried")
        return
    rand = random.Random(SEED)
    for case in sorted(os.listdir(GOLDEN)):
        copy = cli.directory + "/" + case
        shutil.copytree(os.path.join(GOLDEN, case), copy)
        with open(copy + "/opts.txt") as text:
            words = text.read().split()
        disks = words[words.index("DISKS") + 1:] if "DISKS" in words else ["store"]
        options = ["-c", copy + "/options.ini"]
        for word in words:
            if word.startswith(("pages_per_file_shift=", "enable_compression=")):
                options += ["-o", word]
        stores = [os.path.join(copy, disk) for disk in disks]
        original = pairs_of(cli, *stores, options=options)
        truth(original or case == "16_delete_all", case)
        ranges, found, err = repair(cli, *stores, options=options)
        equal((ranges, found), ([], original), case)
        files = [os.path.join(folder, name) for store in stores for folder, _, names in os.walk(store)
                 for name in names if name.startswith("data_")]
        for _ in range(5):
            for _ in range(rand.randrange(1, 6)):
                path = rand.choice(files)
                if os.path.getsize(path):
                    flip(path, rand.randrange(os.path.getsize(path)))
            ranges, found, err = repair(cli, *stores, options=options)
            must_account(original, ranges, found, False, "%s seed %d" % (case, SEED))
        shutil.rmtree(copy)


def without_a_manifest_the_newest_pairs_are_found(cli):
    fill(cli)
    original = pairs_of(cli, cli.store)
    os.remove(cli.store + "/t.0/manifest_0")
    ranges, found, err = repair(cli, cli.store)
    truth(b"data files alone" in err, err)
    for (part, key), value in original.items():
        if not in_range(ranges, part, key):
            equal(found.get((part, key)), value, repr(key))
    truth(all(high == low + b"\0" for _, low, high in ranges), "only values of overflow pages: %r" % ranges)
    equal(found[(b"u.3", b"a")][0], b"62")
    with open(cli.store + "/u.3/manifest_0", "r+b") as file:
        file.write(b"rubbish")
    ranges, found, err = repair(cli, cli.store)
    truth(b"damaged manifest" in err, err)
    equal(found[(b"u.3", b"a")][0], b"62")


def a_manifest_is_taken_up_to_its_damage(cli):
    for i in range(6):
        cli.ok("-o", "data_append_mode=true", "put", "t", "key", "value%d" % i)
        cli.ok("put", "t", "key%d" % i, "x" * 3000)
    manifest = cli.store + "/t.0/manifest_0"
    flip(manifest, 6 * 4096 + 30)
    ranges, found, err = repair(cli, cli.store)
    truth(b"taken up to offset %d" % (6 * 4096) in err, err)
    equal(ranges, [(b"t.0", b"", b"")])
    truth((b"t.0", b"key0") in found, "pairs of before")


def what_cannot_be_is_refused(cli):
    cli.ok("put", "t", "k", "v")
    dest = cli.directory + "/dest"
    os.mkdir(dest)
    with open(dest + "/file", "w"):
        pass
    equal(cli.run("repair", cli.store, dest).code, 2)
    equal(cli.run("repair", cli.store).code, 2)
    equal(cli.run("repair", cli.store, cli.store).code, 2)
    equal(cli.run("repair", cli.store, cli.store + "/inside").code, 2)
    equal(cli.run("repair", cli.directory + "/nothing", dest + "2").code, 3)
    truth(not os.path.exists(dest + "2"), "nothing was made")
    os.remove(dest + "/file")
    equal(cli.run("repair", cli.store, dest).code, 0, "an empty directory will do")


def a_store_without_its_record(cli):
    fill(cli, ("-o", "data_page_size=8192"), keys=100)
    original = pairs_of(cli, cli.store)
    shutil.rmtree(cli.store + "/.eloqstore")
    result = cli.run("-o", "data_page_size=8192", "repair", cli.store, cli.directory + "/dest")
    equal(result.code, 0, result.err)
    truth(b"format is not known" in result.err, result.err)
    equal(pairs_of(cli, cli.directory + "/dest"), original)


def json_ranges(cli):
    cli.ok("put", "t", "k", "v")
    flip(cli.store + "/t.0/data_0_0", 20)
    flip(cli.store + "/t.0/data_0_0", PAGE + 20)
    result = cli.run("-j", "repair", cli.store, cli.directory + "/dest")
    equal((result.code, result.out), (1, b'{"lost":true,"table":"t","partition":0,"from":"","to":""}\n'), result.err)


print("seed %d" % SEED)
main([a_whole_store_is_copied, each_damaged_page_costs_what_it_held, random_damage_is_accounted_for, stores_of_the_reference,
      without_a_manifest_the_newest_pairs_are_found, a_manifest_is_taken_up_to_its_damage,
      what_cannot_be_is_refused, a_store_without_its_record, json_ranges])
