#!/usr/bin/env python3
"""Reports of `diva check` against schemas: JUnit by xmllint, SARIF by jsonschema; on digits with
faults, and on a dataset whose ids and classes are made to break out of every format.

Skipped (77) where xmllint or jsonschema is not there.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

try:
    import jsonschema
except ImportError:
    jsonschema = None

PROGRAM = None
DIGITS = None
SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schemas")
TIMEOUT_SECONDS = 120
HOSTILE = "a|b\n::error::x\r\n\x01\x1b[2J <script>&amp;`*_[x](http://e) ]]> \"q\" 'r' %0A \\ ##[x]"


def hostile_table(rows):
    """Features in two clouds, ids and classes that are markup in every format."""
    out = []
    for i in range(rows):
        side = i % 2
        features = [side + 0.01 * ((i * 37) % 100), (i * 53) % 101 / 50.0, i % 7]
        out.append(["%s %d" % (HOSTILE, i), HOSTILE if side else "--> <b>%s</b>" % HOSTILE]
                   + features)
    return out


class Formats(unittest.TestCase):
    """Each test in a folder of its own."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="diva-formats-")
        self.folder = self.scratch.name
        shutil.copy(DIGITS, os.path.join(self.folder, "digits.h5"))

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def diva(self, *arguments, code=0):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("GITHUB_")}
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              env=environment, capture_output=True, timeout=TIMEOUT_SECONDS,
                              check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def write_table(self, name, rows):
        with open(self.path(name + ".csv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["id", "label", "f0", "f1", "f2"])
            writer.writerows(rows)
        self.diva("convert", name + ".csv", name + ".h5", "-q")

    def check(self, new, baseline, code):
        self.diva("check", new, "--baseline", baseline, "--junit", "c.xml", "--sarif", "c.sarif",
                  "--json", "c.json", "--markdown", "c.md", "--annotations", code=code)
        with open(self.path("c.json"), encoding="utf-8") as file:
            return json.load(file)

    def junit_agrees(self, record):
        """The file is valid, and has a case a rule with the rule's outcome."""
        done = subprocess.run(["xmllint", "--noout", "--schema", os.path.join(SCHEMAS, "junit.xsd"),
                               self.path("c.xml")], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        suite = xml.etree.ElementTree.parse(self.path("c.xml")).getroot().find("testsuite")
        outcomes = {"fail": {"failure"}, "skipped": {"skipped"}, "off": {"skipped"},
                    "warn": {"system-out"}, "pass": {"system-out"}}
        cases = suite.findall("testcase")
        self.assertEqual([case.get("name") for case in cases],
                         [rule["id"] for rule in record["rules"]])
        for case, rule in zip(cases, record["rules"]):
            self.assertEqual({child.tag for child in case}, outcomes[rule["verdict"]])
        for tag, count in (("failure", "failures"), ("skipped", "skipped")):
            self.assertEqual(len(suite.findall("testcase/" + tag)), int(suite.get(count)))

    def sarif_agrees(self, record):
        """The file is valid, and holds what was found by the rules that failed or warned."""
        with open(self.path("c.sarif"), encoding="utf-8") as file:
            log = json.load(file)
        with open(os.path.join(SCHEMAS, "sarif.json"), encoding="utf-8") as file:
            jsonschema.validate(log, json.load(file))
        results = log["runs"][0]["results"]
        raised = [rule for rule in record["rules"] if rule["verdict"] in ("warn", "fail")]
        expected = sum(len(rule["rows"]) for rule in raised)
        expected += sum(finding["verdict"] in ("warn", "fail") for rule in raised
                        for finding in rule["findings"])
        self.assertEqual(len(results), min(expected, 5000))
        self.assertEqual({result["ruleId"] for result in results}, {rule["id"] for rule in raised})
        rules = log["runs"][0]["tool"]["driver"]["rules"]
        for result in results:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
        return results

    def test_digits_with_faults(self):
        self.diva("convert", "digits.h5", "digits.csv", "-q")
        with open(self.path("digits.csv"), encoding="utf-8") as file:
            rows = list(csv.reader(file))
        broken = [rows[0]] + [[row[0], "nine"] + row[2:] for row in rows[1:300]] + rows[300:900]
        with open(self.path("broken.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(broken)
        self.diva("convert", "broken.csv", "broken.h5", "-q")
        record = self.check("broken.h5", "digits.h5", code=2)
        verdicts = {rule["id"]: rule["verdict"] for rule in record["rules"]}
        self.assertEqual(verdicts["ids"], "fail")
        self.assertEqual(verdicts["relabelled"], "fail")
        self.junit_agrees(record)
        results = self.sarif_agrees(record)
        prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]
        self.assertEqual(len(set(prints)), len(prints))

    def test_unchanged(self):
        record = self.check("digits.h5", "digits.h5", code=0)
        self.junit_agrees(record)
        self.assertEqual(self.sarif_agrees(record), [])

    def test_names_that_try_to_break_out(self):
        rows = hostile_table(200)
        self.write_table("old", rows)
        relabelled = [[row[0], rows[1][1]] + row[2:] for row in rows[:60]]
        self.write_table("new", relabelled + rows[60:120])
        record = self.check("new.h5", "old.h5", code=2)
        named = [row["id"] for rule in record["rules"] for row in rule["rows"]]
        self.assertIn("%s 0" % HOSTILE, named)
        self.junit_agrees(record)
        self.sarif_agrees(record)
        printed = self.diva("check", "new.h5", "--baseline", "old.h5", "--annotations", code=2)
        commands = [line for line in printed.decode().split("\n") if line.lstrip().startswith("::")]
        raised = [rule for rule in record["rules"] if rule["verdict"] in ("warn", "fail")]
        self.assertEqual(len(commands), len(raised))
        self.assertNotIn("##[", printed.decode().split("\n::")[0])
        with open(self.path("c.md"), encoding="utf-8") as file:
            tables = [line for line in file.read().split("\n") if line.startswith("|")]
        self.assertEqual({line.count("|") for line in tables}, {4, 7})


def main():
    global PROGRAM, DIGITS
    if not shutil.which("xmllint") or not jsonschema:
        print("skipped: needs xmllint (libxml2-utils) and jsonschema (python3-jsonschema)")
        return 77
    PROGRAM, DIGITS = (os.path.abspath(path) for path in sys.argv[1:3])
    done = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2)
    return 0 if done.result.wasSuccessful() and done.result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
