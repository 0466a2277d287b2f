#!/usr/bin/env python3
"""Golden tests of the program: runs the command lines of a case file and compares what they say.

A case file holds cases between empty lines:

    # what the case shows
    % shell command that prepares, run first and silently
    $ shell command
    = exit code
    > a line of standard output
    2> a line of standard error

Every file gets a folder of its own with digits.h5 in it; `diva` is on the path. What differs from
machine to machine or run to run is replaced before comparing (see VOLATILE). With --update the
file is rewritten from what the program does: read the difference before keeping it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_SECONDS = 120

VOLATILE = [
    (re.compile(r"^run: .*, (float32|float64), (primal|dual)$"), r"run: MACHINE, \1, \2"),
    (re.compile(r"\b\d+\.\d s$"), "T s"),
    (re.compile(r"^(derivative above 0, .*: )\d+ of "), r"\1N of "),
    (re.compile(r"(\bthe run needs )\d+\.\d MiB"), r"\1N MiB"),
    (re.compile(r"\bdiva \d+\.\d+\.\d+\b"), "diva VERSION"),
]


class Case:
    """One command line, what comes before it in the file, and what it is expected to do."""

    def __init__(self, lines):
        self.remarks = [line for line in lines if line.startswith("#")]
        self.setup = [line[2:] for line in lines if line.startswith("% ")]
        commands = [line[2:] for line in lines if line.startswith("$ ")]
        if len(commands) > 1:
            raise ValueError("two commands in one case: " + commands[1])
        self.command = commands[0] if commands else None
        self.code = next((int(line[2:]) for line in lines if line.startswith("= ")), None)
        self.stdout = [line[2:] for line in lines if line.startswith(">")]
        self.stderr = [line[3:] for line in lines if line.startswith("2>")]
        known = ("#", "% ", "$ ", "= ", ">", "2>")
        strange = [line for line in lines if not line.startswith(known)]
        if strange:
            raise ValueError("not a line of a case: " + strange[0])

    def text(self):
        lines = self.remarks + ["% " + line for line in self.setup]
        if self.command is not None:
            lines += ["$ " + self.command, "= %d" % self.code]
            lines += ["> " + line if line else ">" for line in self.stdout]
            lines += ["2> " + line if line else "2>" for line in self.stderr]
        return "\n".join(lines) + "\n"


def read_cases(path):
    with open(path, encoding="utf-8") as file:
        blocks = re.split(r"\n\s*\n", file.read().strip("\n"))
    return [Case(block.split("\n")) for block in blocks]


def settle(text):
    """Lines of an output with its volatile parts replaced."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    else:
        lines[-1] += "(no newline at the end)"
    for pattern, word in VOLATILE:
        lines = [pattern.sub(word, line) for line in lines]
    return lines


def run(command, folder, environment):
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False)
    return (done.returncode, settle(done.stdout.decode("utf-8", "replace")),
            settle(done.stderr.decode("utf-8", "replace")))


def differences(case, found):
    code, stdout, stderr = found
    out = []
    if code != case.code:
        out.append("  exit code %d, expected %s" % (code, case.code))
    for name, expected, got in (("stdout", case.stdout, stdout), ("stderr", case.stderr, stderr)):
        if expected != got:
            out.append("  %s expected:" % name)
            out += ["    |" + line for line in expected]
            out.append("  %s found:" % name)
            out += ["    |" + line for line in got]
    return out


def run_file(path, folder, environment, update):
    """Returns how many cases ran and how many failed."""
    cases = read_cases(path)
    ran = failed = 0
    for case in cases:
        for line in case.setup:
            subprocess.run(["bash", "-c", line], cwd=folder, env=environment, check=True,
                           stdin=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS)
        if case.command is None:
            continue
        ran += 1
        found = run(case.command, folder, environment)
        if update:
            case.code, case.stdout, case.stderr = found
            continue
        problems = differences(case, found)
        if problems:
            failed += 1
            print("FAILED %s: %s" % (os.path.basename(path), case.command))
            print("\n".join(problems))
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(case.text() for case in cases))
    return ran, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--diva", required=True, help="the program")
    parser.add_argument("--digits", required=True, help="the demo dataset digits.h5")
    parser.add_argument("--update", action="store_true", help="rewrite the expectations")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    # A runner that these tests run on is none to speak to.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("GITHUB_")}
    environment["LC_ALL"] = "C.UTF-8"
    environment["PATH"] = os.path.dirname(os.path.abspath(arguments.diva)) + ":" + os.environ["PATH"]
    ran = failed = 0
    for path in arguments.files:
        with tempfile.TemporaryDirectory(prefix="diva-golden-") as folder:
            shutil.copy(arguments.digits, os.path.join(folder, "digits.h5"))
            counts = run_file(path, folder, environment, arguments.update)
        ran += counts[0]
        failed += counts[1]
    print("%d command lines, %d failed" % (ran, failed))
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
