#!/usr/bin/env python3
"""What golden files cannot say of the program: signals, numerical failure, backends, permissions."""

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

PROGRAM = None
DIGITS = None
TIMEOUT_SECONDS = 120

# For a clean whose decisions are not the subject: nothing is tried out, so that it is done at once.
PLAIN = ["--kernel", "linear", "--scale", "standardize", "--refit", "none"]


def npy_bytes(descr, shape, data):
    """A version 1.0 .npy file, without NumPy."""
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def write_npy(path, descr, shape, data):
    with open(path, "wb") as file:
        file.write(npy_bytes(descr, shape, data))


class Behaviour(unittest.TestCase):
    """Each test in a folder of its own."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="diva-behaviour-")
        self.folder = self.scratch.name

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def diva(self, *arguments, **environment):
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
                              env={**os.environ, **environment})

    def one_line(self, done):
        """The error of a failed call: exactly one line that says who speaks."""
        self.assertRegex(done.stderr, r"\Adiva: [^\n]+\n\Z")
        return done.stderr

    def make_dataset(self, name, descr, columns, features, labels):
        write_npy(self.path("f.npy"), descr, (len(labels), columns), features)
        write_npy(self.path("l.npy"), "<i8", (len(labels),),
                  struct.pack("<%dq" % len(labels), *labels))
        done = self.diva("convert", "f.npy", name, "--labels", "l.npy")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        os.remove(self.path("f.npy"))
        os.remove(self.path("l.npy"))

    def interrupt(self, delay, number, arguments):
        """Runs, sends a signal after a while, and returns the exit code."""
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(number)
        stderr = process.communicate(timeout=TIMEOUT_SECONDS)[1]
        if process.returncode:
            self.assertEqual(stderr, b"")
        return process.returncode

    def test_signals_leave_nothing(self):
        rows, columns = 12000, 512
        self.make_dataset("big.h5", "|u1", columns, os.urandom(rows * columns),
                          [i % 10 for i in range(rows)])
        arguments = ["clean", "big.h5", *PLAIN, "--near-duplicates", "off", "--lambda", "100",
                     "-o", "out.jsonl", "--write-dataset", "out.h5", "--write-probabilities", "out.npy"]
        complete = {"big.h5", "out.jsonl", "out.jsonl.provenance.json", "out.h5",
                    "out.h5.provenance.json", "out.npy", "out.npy.provenance.json"}
        interrupted = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for delay in (0.02, 0.08, 0.3, 0.6, 0.9):
                code = self.interrupt(delay, number, arguments)
                left = set(os.listdir(self.folder))
                if code == 0:
                    self.assertEqual(left, complete)
                    for name in complete - {"big.h5"}:
                        os.remove(self.path(name))
                else:
                    self.assertEqual(code, -number)
                    self.assertEqual(left, {"big.h5"}, "after %.2f s" % delay)
                    interrupted += 1
        self.assertGreater(interrupted, 0)

    def test_ignored_signals_stay_ignored(self):
        command = "trap '' INT; %s rank '%s' -o out.jsonl -q & sleep 0.05; kill -INT $!; wait $!"
        done = subprocess.run(["bash", "-c", command % (PROGRAM, DIGITS)], cwd=self.folder,
                              timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.path.exists(self.path("out.jsonl")))

    def test_numerical_failure(self):
        rows = 40
        values = [(-1) ** (i // 2) * 1e300 if i % 2 else 1e300 for i in range(2 * rows)]
        self.make_dataset("huge.h5", "<f8", 2, struct.pack("<%dd" % (2 * rows), *values),
                          [i % 2 for i in range(rows)])
        done = self.diva("rank", "huge.h5", "--scale", "none", "--lambda", "1", "-o", "out.jsonl")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("huge.h5", self.one_line(done))
        self.assertEqual(os.listdir(self.folder), ["huge.h5"])

    def test_targets_have_no_label_issues(self):
        rows = 30
        features = [((7 * i) % 11) / 11 for i in range(3 * rows)]
        targets = [features[3 * i] - 2 * features[3 * i + 1] for i in range(rows)]
        with zipfile.ZipFile(self.path("t.npz"), "w") as archive:
            archive.writestr("features.npy", npy_bytes("<f8", (rows, 3), struct.pack(
                "<%dd" % len(features), *features)))
            archive.writestr("targets.npy", npy_bytes("<f8", (rows, 1), struct.pack(
                "<%dd" % rows, *targets)))
        self.assertEqual(self.diva("convert", "t.npz", "t.h5", "-q").returncode, 0)
        done = self.diva("clean", "t.h5", "-o", "out.jsonl")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("prune", self.one_line(done))
        done = self.diva("prune", "t.h5", "--count", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("leave-one-out loss", done.stderr)
        for row in map(json.loads, done.stdout.splitlines()):
            self.assertIsNone(row["label"])
            self.assertIsNone(row["label_quality"])
            self.assertIsInstance(row["derivative"], float)

    def test_backend_that_is_not_ready(self):
        machine = json.loads(self.diva("info", "--json").stdout)["machine"]
        for backend in machine["backends"]:
            done = self.diva("rank", DIGITS, "--backend", backend["name"], "-o", "out.jsonl", "-q")
            if backend["state"] == "ready":
                self.assertEqual(done.returncode, 0, done.stderr)
            else:
                self.assertEqual(done.returncode, 6, done.stderr)
                self.assertIn(backend["name"], self.one_line(done))

    def test_no_gpu(self):
        """By name it is missed, with the reason; else the processor computes."""
        hidden = {"CUDA_VISIBLE_DEVICES": ""}
        done = self.diva("rank", DIGITS, "--backend", "cuda", "-o", "out.jsonl", **hidden)
        self.assertEqual(done.returncode, 6)
        self.assertRegex(self.one_line(done), r"backend cuda is not available: "
                         "(not compiled into this build|no CUDA driver|driver too old: .+|"
                         "no CUDA device: .+)\n\\Z")
        self.assertEqual(os.listdir(self.folder), [])
        done = self.diva("rank", DIGITS, "-o", "out.jsonl", **hidden)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("run: cpu, ", done.stderr)

    def test_folder_without_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        os.mkdir(self.path("closed"), 0o555)
        done = self.diva("rank", DIGITS, "-o", "closed/out.jsonl")
        self.assertEqual(done.returncode, 6)
        self.assertIn("closed", self.one_line(done))

    def test_old_output_survives_a_failure(self):
        for name in ("out.jsonl", "out.jsonl.provenance.json"):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write("old\n")
        done = self.diva("rank", DIGITS, "--memory", "1K", "-o", "out.jsonl")
        self.assertEqual(done.returncode, 6)
        for name in ("out.jsonl", "out.jsonl.provenance.json"):
            with open(self.path(name), encoding="utf-8") as file:
                self.assertEqual(file.read(), "old\n")

    def test_a_name_cannot_add_lines(self):
        done = self.diva("rank", "two\nlines\x1b[31m.h5")
        self.assertEqual(done.returncode, 4)
        self.assertNotIn("\x1b", self.one_line(done))

    def small_dataset(self, name, labels):
        features = [((7 * i + 3 * i * i) % 23) / 23 + label for i, label in enumerate(labels)
                    for _ in range(2)]
        features[1::2] = [((5 * i) % 13) / 13 for i in range(len(labels))]
        self.make_dataset(name, "<f8", 2, struct.pack("<%dd" % len(features), *features), labels)

    def test_validation_of_one_class_or_one_row(self):
        self.small_dataset("train.h5", [i % 3 for i in range(30)])
        for name, labels in (("class.h5", [0] * 5), ("row.h5", [1]), ("last.h5", [2])):
            self.small_dataset(name, labels)
            done = self.diva("rank", "train.h5", "--validation", name, "-o", "out.jsonl")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("validation error", done.stderr)
            done = self.diva("rank", name)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("only one class", self.one_line(done))
        self.small_dataset("none.h5", [-1, -1])
        done = self.diva("rank", "train.h5", "--validation", "none.h5")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("no row is labelled", self.one_line(done))

    def test_json_to_a_full_output_leaves_nothing(self):
        arguments = [PROGRAM, "clean", DIGITS, *PLAIN, "-o", "out.csv", "--write-dataset", "out.h5",
                     "--json"]
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(arguments, cwd=self.folder, stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("standard output: No space left", self.one_line(done))
        self.assertEqual(os.listdir(self.folder), [])

    def test_json_to_a_reader_gone_away(self):
        """The files are complete all the same, and nothing else stays."""
        reader, writer = os.pipe()
        os.close(reader)
        arguments = [PROGRAM, "rank", DIGITS, "-o", "out.csv", "--json", "-q"]
        done = subprocess.run(arguments, cwd=self.folder, stdout=writer, stderr=subprocess.PIPE,
                              text=True, timeout=TIMEOUT_SECONDS, check=False)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, ""))
        self.assertEqual(set(os.listdir(self.folder)), {"out.csv", "out.csv.provenance.json"})

    def test_a_name_cannot_add_lines_to_the_summary(self):
        self.small_dataset("a\nb\x1b.h5", [i % 3 for i in range(30)])
        done = self.diva("rank", "a\nb\x1b.h5", "-o", "c\nd.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("a?b?.h5: 30 rows", done.stderr)
        self.assertIn("wrote c?d.csv (30 rows), c?d.csv.provenance.json;", done.stderr)
        done = self.diva("convert", "a\nb\x1b.h5", "e\tf.npy")
        self.assertIn("wrote e?f.npy from a?b?.h5;", done.stderr)

    def test_quiet_is_silent(self):
        for command in (["rank"], ["clean", *PLAIN], ["prune"]):
            done = self.diva(*command, DIGITS, "--quiet", "-o", "out.jsonl")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_rows_are_ranked(self):
        done = self.diva("rank", DIGITS, "-q")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        keys = [(-row["derivative"], row["index"]) for row in rows]
        self.assertEqual(keys, sorted(keys))
        done = self.diva("clean", DIGITS, *PLAIN, "-q")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        keys = [(-row["issue_probability"], row["index"]) for row in rows]
        self.assertEqual(keys, sorted(keys))
        for row in rows:
            self.assertIn(row["action"], ("keep", "relabel", "drop", "review"))
            if row["action"] == "drop":
                self.assertFalse(row["keep"], row)
            if not row["is_label_issue"]:
                self.assertTrue(row["keep"], row)


if __name__ == "__main__":
    PROGRAM, DIGITS = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
