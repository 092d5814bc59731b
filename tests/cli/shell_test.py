#!/usr/bin/env python3
"""shell: commands a line, quoting, exit codes; with a terminal the prompt, history and completion."""
import os
import pty
import select
import stat
import subprocess
import time

from harness import PROGRAM, equal, main, truth


def shell(cli, text, *options):
    return cli.run("-s", cli.store, *options, "shell", stdin=text)


def commands_follow_each_other(cli):
    result = shell(cli, b"put t a 1\nput t b 2\nget t a\nscan t\ndel t a\ncount t\ntables\nstat t\nfloor t c\n")
    equal(result.code, 0, result.err)
    lines = result.out.split(b"\n")
    equal(lines[:4], [b"1", b"a\t1", b"b\t2", b"1"])
    truth(lines[4].startswith(b"t.0\t1\t"), lines[4])
    equal(lines[-2], b"b\t2")
    cli.gives(0, b"2\n", "get", "t", "b")


def words_are_quoted(cli):
    result = shell(cli, b"put t 'a b' \"c 'd'\"\nget t \"a b\"\nput t x\\x01\\ty 'no \\x41' # a comment\nget t x\\x01\\ty\n"
                   b"put t e ''\n  \n# nothing\nget t e\nput t a\"b\"'c' \\\\\nget t abc\n")
    equal((result.code, result.out), (0, b"c 'd'\nno \\\\x41\n\n\\\\\n"), result.err)
    for line in (b"get t 'a", b'get t "a', b"get t \\", b"get t \\xg0", b"get t \\x00"):
        result = shell(cli, line + b"\ncount t\n")
        equal((result.code, result.out), (2, b"4\n"), line)


def the_exit_code_is_that_of_the_last_failure(cli):
    equal(shell(cli, b"put t a 1\nget t nokey\nget t a\n").code, 1)
    equal(shell(cli, b"get t nokey\nnothing\nget t a\n").code, 2)
    equal(shell(cli, b"nothing\nget t nokey\n").code, 1)
    equal(shell(cli, b"get t a\nexit\nnothing\n").code, 0)
    equal(shell(cli, b"").code, 0)
    equal(cli.run("-s", cli.directory + "/none", "shell", stdin=b"get t a\n").code, 3)
    truth(not os.path.exists(cli.directory + "/none"), "reading makes no store")


def options_end_with_their_line(cli):
    result = shell(cli, b"put t a 1\nget -j t a\nget t a\nget -x t 61\nget t a\nget -s other t a\nshell\n")
    equal(result.code, 2)
    lines = result.out.split(b"\n")
    truth(lines[0].startswith(b'{"table"'), lines[0])
    equal(lines[1:], [b"1", b"31", b"1", b""])
    result = shell(cli, b"put t old x --expire-at 1\nput t new x --ttl 1h\ndump -q --expired\ncount t\n")
    equal(result.code, 0, result.err)


def the_rest_of_the_input_can_be_a_value_or_a_load(cli):
    equal(shell(cli, b"put t a -\nvalue\nmore\n").code, 0)
    cli.gives(0, b"value\nmore\n", "get", "t", "a", "--raw")
    equal(shell(cli, b"load -q t -\nk1\tv1\nk2\tv2\n").code, 0)
    cli.gives(0, b"v2\n", "get", "t", "k2")


def in_memory_it_is_kept_between_commands(cli):
    result = cli.run("--io-backend", "memory", "shell", stdin=b"put t a 1\nget t a\ndump --expired\n")
    equal((result.code, result.out[:2]), (0, b"1\n"), result.err)


def every_command_has_help(cli):
    for name in (line.split()[0] for line in cli.run("help").out.split(b"\nOptions:")[0].split(b"\n")
                 if line.startswith(b"  ")):
        result = cli.run("help", name.decode())
        truth(result.code == 0 and b"usage: eloqstore [OPTIONS] " + name in result.out, name)
    result = cli.run("help", "options")
    equal(result.code, 0)
    for key in (b"data_page_size", b"num_threads", b"memory_bytes", b"file_amplify_factor"):
        truth(key in result.out, key)


class Terminal:
    """A shell on a terminal."""

    def __init__(self, cli, home):
        self.master, slave = pty.openpty()
        env = dict(cli.environment(), HOME=home, TERM="vt100")
        env.pop("XDG_STATE_HOME", None)
        self.process = subprocess.Popen([PROGRAM, "-s", cli.store, "shell"], stdin=slave, stdout=slave, stderr=slave,
                                        env=env, start_new_session=True)
        os.close(slave)
        self.seen = b""

    def wait_for(self, text, seconds=20):
        end = time.time() + seconds
        while text not in self.seen:
            left = end - time.time()
            ready, _, _ = select.select([self.master], [], [], max(left, 0))
            truth(ready, "%r did not come: %r" % (text, self.seen))
            try:
                self.seen += os.read(self.master, 4096)
            except OSError:
                truth(False, "%r did not come before the end: %r" % (text, self.seen))
        self.seen = self.seen.split(text, 1)[1]

    def type(self, text):
        time.sleep(0.2)
        os.write(self.master, text)

    def end(self):
        """Ctrl-D; what is printed is read. What is typed while the terminal changes modes may be taken for
        another key, so it is tried again on a new line."""
        end = time.time() + 30
        again, keys = 0, b"\x04"
        while self.process.poll() is None and time.time() < end:
            if time.time() >= again:
                self.type(keys)
                again, keys = time.time() + 3, b"\r\x04"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    os.read(self.master, 4096)
                except OSError:
                    break
        code = self.process.wait(10)
        os.close(self.master)
        return code


def a_terminal_gets_a_prompt_and_keeps_a_history(cli):
    cli.ok("put", "people", "alice", "42")
    terminal = Terminal(cli, cli.directory)
    terminal.wait_for(b"eloqstore> ")
    terminal.type(b"get people alice\r")
    terminal.wait_for(b"42")
    terminal.wait_for(b"eloqstore> ")
    equal(terminal.end(), 0)
    history = cli.directory + "/.eloqstore_history"
    if not os.path.exists(history):
        return  # built without libedit
    equal(stat.S_IMODE(os.stat(history).st_mode), 0o600)
    with open(history, "rb") as file:
        truth(b"alice" in file.read(), "the line is kept")
    terminal = Terminal(cli, cli.directory)
    terminal.wait_for(b"eloqstore> ")
    terminal.type(b"\x10\r")  # the line before
    terminal.wait_for(b"42")
    terminal.wait_for(b"eloqstore> ")
    terminal.type(b"ge\tpeo\talice\r")
    terminal.wait_for(b"42")
    terminal.wait_for(b"eloqstore> ")
    terminal.type(b"scan people --key\t\r")
    terminal.wait_for(b"\nalice")
    terminal.wait_for(b"eloqstore> ")
    equal(terminal.end(), 0)


main([commands_follow_each_other, words_are_quoted, the_exit_code_is_that_of_the_last_failure,
      options_end_with_their_line, the_rest_of_the_input_can_be_a_value_or_a_load,
      in_memory_it_is_kept_between_commands, every_command_has_help, a_terminal_gets_a_prompt_and_keeps_a_history])
