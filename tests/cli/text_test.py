#!/usr/bin/env python3
"""Escapes, hex, JSON, digests; what dump writes, load reads."""
import json
import os
import random

from harness import Cli, equal, main, truth


def every_byte_is_escaped_by_the_rules(cli):
    cli.ok("put", "t", "k", "-", stdin=bytes(range(256)))
    wanted = ""
    for c in range(256):
        wanted += {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}.get(
            c, chr(c) if 32 <= c < 127 else "\\x%02x" % c)
    cli.gives(0, wanted.encode() + b"\n", "get", "t", "k")
    cli.gives(0, bytes(range(256)).hex().encode() + b"\n", "-x", "get", "t", "6b")


def hex_on_the_line_and_in_the_output(cli):
    cli.ok("-x", "put", "t", "00ff0A", "DEADbeef")
    cli.gives(0, b"00ff0a\tdeadbeef\n", "-x", "scan", "t")
    cli.gives(0, b"\\x00\\xff\\n\t\\xde\\xad\\xbe\\xef\n", "scan", "t")
    cli.fails(2, b"not hex", "-x", "put", "t", "0", "00")
    cli.fails(2, b"not hex", "-x", "get", "t", "zz")


def json_lines(cli):
    cli.ok("put", "t.3", "k", "v\"\\\n\u00e9", "--timestamp", "5", "--expire-at", str(2**64 - 1))
    cli.ok("-x", "put", "t.3", "ff", "c080", "--timestamp", "6")
    rows = [json.loads(line) for line in cli.ok("-j", "scan", "t.3").splitlines()]
    equal(rows, [{"table": "t", "partition": 3, "key": "k", "value": "v\"\\\n\u00e9", "timestamp": 5,
                  "expire_at": 2**64 - 1},
                 {"table": "t", "partition": 3, "key_hex": "ff", "value_hex": "c080", "timestamp": 6,
                  "expire_at": 0}])
    equal([json.loads(line) for line in cli.ok("dump", "--format", "json").splitlines()], rows)
    equal(json.loads(cli.ok("-j", "get", "t.3", "k")), rows[0])
    equal(json.loads(cli.ok("-j", "floor", "t.3", "kk")), rows[0])
    equal(json.loads(cli.ok("-j", "count", "t.3")), {"table": "t", "partition": 3, "keys": 2})
    keys = [json.loads(line) for line in cli.ok("-j", "scan", "t.3", "--keys-only").splitlines()]
    truth("value" not in keys[0] and keys[0]["key"] == "k", "keys only: %r" % keys)


def digest_of_known_values(cli):
    # XXH3-64 of "" and "abc": format.md section 22.
    cli.ok("put", "t", "a", "", "--timestamp", "1")
    cli.ok("put", "t", "b", "abc", "--timestamp", "2", "--expire-at", "9999999999999")
    cli.gives(0, b"t.0\t61\t2d06800538d394c2\t0\t1\t0\n"
                 b"t.0\t62\t78af5f94892f3950\t3\t2\t9999999999999\n", "dump", "--format", "digest")


def random_pairs(seed, count=400):
    random.seed(seed)
    pairs = {}
    for _ in range(count):
        key = random.randbytes(random.choice((1, 2, 5, 30, 200)))
        value = random.randbytes(random.choice((0, 1, 10, 99, 3000, 9000)))
        pairs[key] = (value, random.choice((0, 1, 2**63 - 1, random.getrandbits(50))),
                      random.choice((0, 0, 2**64 - 1, 2**62)))
    return pairs


def escape(data):
    special = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
    return "".join(special.get(c, chr(c) if 32 <= c < 127 else "\\x%02x" % c) for c in data).encode()


def tsv_goes_round(cli):
    seed = int.from_bytes(os.urandom(4), "little")
    pairs = random_pairs(seed)
    lines = [b"%s\t%s\t%d\t%d\n" % (escape(k), escape(v), ts, ex) for k, (v, ts, ex) in pairs.items()]
    cli.ok("load", "t.5", stdin=b"".join(lines))
    dump = cli.ok("dump", "--expired")
    wanted = [b"t.5\t" + b"%s\t%s\t%d\t%d" % (escape(k), escape(v), ts, ex)
              for k, (v, ts, ex) in sorted(pairs.items())]
    equal(dump.splitlines(), wanted, "seed %d" % seed)
    copy = Cli(cli.directory)
    copy.store = cli.directory + "/copy"
    copy.ok("load", stdin=dump)
    equal(copy.ok("dump", "--expired"), dump, "seed %d" % seed)
    equal(copy.ok("dump", "--format", "digest"), cli.ok("dump", "--format", "digest"))


def json_and_hex_go_round(cli):
    seed = int.from_bytes(os.urandom(4), "little")
    lines = [b"%s\t%s\t%d\t%d\n" % (escape(k), escape(v), ts, ex)
             for k, (v, ts, ex) in random_pairs(seed, 200).items()]
    cli.ok("load", "t.5", stdin=b"".join(lines))
    cli.ok("load", "u", stdin="k\t\u00fc\u20ac\U0001f600\\x7f\\x01\n".encode())
    dump = cli.ok("dump", "--expired")
    for name, out, back in (("j", ["-j", "dump"], ["-j", "load"]), ("x", ["-x", "dump"], ["-x", "load"]),
                            ("xj", ["-xj", "dump"], ["load", "--format", "json"])):
        copy = Cli(cli.directory)
        copy.store = cli.directory + "/" + name
        copy.ok(*back, stdin=cli.ok(*out, "--expired"))
        equal(copy.ok("dump", "--expired"), dump, "%s, seed %d" % (name, seed))


def json_input_as_others_write_it(cli):
    cli.ok("load", "t", "--format", "json", stdin=
           b' { "value" : "x\\u0041\\ud83d\\ude00\\/" , "key":"k" }\r\n'
           b'{"table":"ignored","partition":9,"key_hex":"00","value_hex":"","timestamp":7,"expire_at":null}\n')
    cli.gives(0, b"\\x00\t\nk\txA\\xf0\\x9f\\x98\\x80/\n", "scan", "t")


def broken_json_is_refused_with_its_line(cli):
    for text in (b"{", b"[]", b'{"key":"a"}', b'{"key":"a","value":1}', b'{"key":"a","value":"b"} x',
                 b'{"key":"a","value":"\\ud800"}', b'{"key":"a","value":"b","timestamp":-1}',
                 b'{"key":"a","value":"b","timestamp":1.5}', b'{"key":"a","value":"b","color":"red"}',
                 b'{"key_hex":"f","value":"b"}', b'{"key":"a","value":"b\\q"}', b'{"key":"","value":""}',
                 b'{"key":"a","value":"b","expire_at":18446744073709551616}', b'{"key":"a","value":"b",}',
                 b'{"key":"a","value":"b'):
        cli.fails(2, b"line 1: ", "load", "t", "--format", "json", stdin=text + b"\n")
    cli.fails(2, b"member table", "-j", "load", stdin=b'{"key":"a","value":"b"}\n')


main([every_byte_is_escaped_by_the_rules, hex_on_the_line_and_in_the_output, json_lines,
      digest_of_known_values, tsv_goes_round, json_and_hex_go_round, json_input_as_others_write_it,
      broken_json_is_refused_with_its_line])
