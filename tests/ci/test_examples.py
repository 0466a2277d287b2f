#!/usr/bin/env python3
"""The examples of tools/ci, each run by a stand-in for its runner on a small dataset.

The stand-in for GitHub Actions runs the `run` steps of the workflow as a runner does (bash with -e
and pipefail, GITHUB_* set, what later steps need in files), stops at a failed step but for those
that run always, and notes what the steps that use an action would get. Only the step that installs
DIVA is passed over: the program under test is on the path.

Skipped (77) where PyYAML or git is not there.
"""

import csv
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

try:
    import yaml
except ImportError:
    yaml = None

PROGRAM = None
DIGITS = None
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "ci")
TIMEOUT_SECONDS = 120
INSTALLATION = "Install DIVA"


def read_example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


class Runner:
    """What GitHub Actions does with a job, as far as the example needs it."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.summary = os.path.join(folder, "runner-summary.md")
        self.log = ""
        self.failed = False
        self.code = 0
        self.used = []
        open(self.summary, "w", encoding="utf-8").close()
        self.environment = dict(environment, CI="true", GITHUB_ACTIONS="true",
                                GITHUB_STEP_SUMMARY=self.summary, GITHUB_WORKSPACE=folder)

    def wanted(self, step):
        """Whether a step's condition holds; the words of conditions that the example has."""
        condition = step.get("if", "success()")
        parts = [part.strip() for part in condition.split("&&")]
        for part in parts:
            file = re.fullmatch(r"hashFiles\('([^']+)'\) != ''", part)
            if file:
                if not glob.glob(os.path.join(self.folder, file.group(1))):
                    return False
            elif part == "success()":
                if self.failed:
                    return False
            elif part != "always()":
                raise ValueError("not a condition of the stand-in: " + part)
        return "always()" in parts or not self.failed

    def run_step(self, step):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, check=False)
        self.log += done.stdout.decode("utf-8", "replace")
        if done.returncode:
            self.failed = True
            self.code = done.returncode

    def run(self, steps):
        for step in steps:
            if not self.wanted(step):
                continue
            if "uses" in step:
                self.used.append((step["uses"].split("@")[0], step.get("with", {})))
            elif step.get("name") != INSTALLATION:
                self.run_step(step)

    def annotations(self):
        return re.findall(r"^::(error|warning) ([^:]*)::(.*)$", self.log, re.MULTILINE)


class Examples(unittest.TestCase):
    """Each test in a folder of its own: data/train.h5 is digits or digits with faults."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="diva-ci-")
        self.folder = self.scratch.name
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("GITHUB_", "GIT_"))}
        self.environment["PATH"] = os.path.dirname(PROGRAM) + ":" + os.environ["PATH"]
        os.makedirs(self.path("data"))

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self, *words, code=0):
        done = subprocess.run(words, cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def make_good(self, name):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        shutil.copy(DIGITS, self.path(name))

    def make_bad(self, name):
        """Half of the rows are gone, and a sixth of the others relabelled."""
        self.command("diva", "convert", DIGITS, "digits.csv", "-q")
        with open(self.path("digits.csv"), encoding="utf-8") as file:
            rows = list(csv.reader(file))
        bad = [rows[0]] + [[row[0], "nine"] + row[2:] for row in rows[1:150]] + rows[150:900]
        with open(self.path("bad.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(bad)
        self.command("diva", "convert", "bad.csv", name, "-q")

    def make_policy(self):
        self.command("diva", "check", "data/train.h5", "--init", "-q")

    def run_workflow(self):
        workflow = read_example("github-actions.yml")
        runner = Runner(self.folder, self.environment)
        runner.run(workflow["jobs"]["check"]["steps"])
        return runner

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_workflow_of_a_good_dataset(self):
        self.make_good("baseline/data/train.h5")
        self.make_good("data/train.h5")
        self.make_policy()
        runner = self.run_workflow()
        self.assertFalse(runner.failed, runner.log)
        self.assertIn("check passed", runner.log)
        self.assertEqual(runner.annotations(), [])
        self.assertIn("## diva check: passed\n", self.read("runner-summary.md"))
        self.assertEqual(json.loads(self.read("check.json"))["verdict"], "pass")
        self.assertEqual(json.loads(self.read("check.sarif"))["runs"][0]["results"], [])

    def test_workflow_of_a_bad_dataset(self):
        self.make_good("baseline/data/train.h5")
        self.make_bad("data/train.h5")
        self.make_policy()
        runner = self.run_workflow()
        self.assertEqual(runner.code, 2, runner.log)
        failed = {rule["id"] for rule in json.loads(self.read("check.json"))["rules"]
                  if rule["verdict"] == "fail"}
        self.assertLessEqual({"ids", "relabelled"}, failed)
        errors = {title for level, title, _ in runner.annotations() if level == "error"}
        self.assertEqual(errors, {"title=diva check%3A " + rule for rule in failed})
        self.assertIn("## diva check: failed\n", self.read("runner-summary.md"))
        suite = xml.etree.ElementTree.parse(self.path("check.xml")).getroot().find("testsuite")
        self.assertEqual({case.get("name") for case in suite.findall("testcase")
                          if case.find("failure") is not None}, failed)
        results = json.loads(self.read("check.sarif"))["runs"][0]["results"]
        self.assertEqual({r["ruleId"] for r in results if r["level"] == "error"}, failed)
        self.assertEqual(results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
                         "data/train.h5")
        uploads = dict(runner.used[2:])
        self.assertEqual(uploads["github/codeql-action/upload-sarif"]["sarif_file"], "check.sarif")
        kept = uploads["actions/upload-artifact"]["path"]
        self.assertEqual(sorted(os.path.basename(path) for path in glob.glob(self.path(kept))),
                         ["check.json", "check.sarif", "check.xml"])

    def test_workflow_of_the_first_dataset(self):
        """The base branch has none yet."""
        os.makedirs(self.path("baseline"))
        self.make_good("data/train.h5")
        self.make_policy()
        runner = self.run_workflow()
        self.assertFalse(runner.failed, runner.log)
        self.assertIn("baseline: none", runner.log)

    def test_workflow_without_a_verdict(self):
        """A policy that cannot be read: an error, and no report to upload."""
        self.make_good("baseline/data/train.h5")
        self.make_good("data/train.h5")
        with open(self.path("diva.yml"), "w", encoding="utf-8") as file:
            file.write("rulse: {}\n")
        runner = self.run_workflow()
        self.assertEqual(runner.code, 4)
        self.assertIn("diva: diva.yml:1:1: unknown word 'rulse'", runner.log)
        self.assertEqual([name for name, _ in runner.used],
                         ["actions/checkout", "actions/checkout"])
        self.assertEqual(self.read("runner-summary.md"), "")

    def hook(self):
        """The hook's command as pre-commit runs it: its words, without a shell."""
        hook = read_example("pre-commit-config.yaml")["repos"][0]["hooks"][0]
        self.assertEqual(hook["language"], "system")
        self.assertFalse(hook["pass_filenames"])
        for name, touched in (("data/train.h5", True), ("diva.yml", True), ("train.h5", False)):
            self.assertEqual(bool(re.search(hook["files"], name)), touched)
        return shlex.split(hook["entry"])

    def test_hook(self):
        git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
        self.make_good("data/train.h5")
        self.make_policy()
        self.command(*git, "init", "-q")
        self.assertIn("baseline: none", self.command(*self.hook()))
        self.command(*git, "add", "diva.yml")
        self.command(*git, "commit", "-q", "-m", "the policy alone")
        self.assertIn("baseline: none", self.command(*self.hook()))
        self.command(*git, "add", "data/train.h5")
        self.command(*git, "commit", "-q", "-m", "first")
        self.assertIn(", 1797 rows; since then 0 added", self.command(*self.hook()))
        self.make_bad("data/train.h5")
        self.assertIn("ids: FAIL", self.command(*self.hook(), code=2))
        self.command("git", "worktree", "add", "-q", "other")
        self.folder = self.path("other")
        self.assertIn(", 1797 rows; since then 0 added", self.command(*self.hook()))

    def test_stage(self):
        stage = read_example("dvc.yaml")["stages"]["check-dataset"]
        self.make_good("data/main.h5")
        self.make_good("data/train.h5")
        self.make_policy()
        self.assertEqual(sorted(name for name in stage["deps"]
                                if os.path.exists(self.path(name))), sorted(stage["deps"]))
        for verdict, code in (("pass", 0), ("fail", 2)):
            # DVC gives the command to the shell, with the outputs of the run before removed.
            outputs = [name for kind in ("outs", "metrics") for item in stage[kind]
                       for name in item]
            for name in outputs:
                if os.path.exists(self.path(name)):
                    os.remove(self.path(name))
            self.command("sh", "-c", stage["cmd"], code=code)
            for name in outputs:
                self.assertTrue(os.path.exists(self.path(name)), name)
            self.assertEqual(json.loads(self.read("check.json"))["verdict"], verdict)
            self.make_bad("data/train.h5")


def main():
    global PROGRAM, DIGITS
    if not yaml or not shutil.which("git"):
        print("skipped: needs PyYAML (python3-yaml) and git")
        return 77
    PROGRAM, DIGITS = (os.path.abspath(path) for path in sys.argv[1:3])
    done = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2)
    return 0 if done.result.wasSuccessful() and done.result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
