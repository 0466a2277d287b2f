#!/usr/bin/python3
"""Whether `diva check` trips on planted faults, by the right rule, and on harmless versions never.

    tests/bench/check_faults.py --diva build/diva [--rows N] [FILE.h5 ...]
    tests/bench/check_faults.py --diva build/diva --harmless 100 [FILE.h5 ...]

A FILE has /features and /labels (`--labels NAME` for another name); without one the digits of
scikit-learn are taken. Part of its rows is the baseline, the others are fresh rows of the same
kind. Each fault is planted in a new version; the table tells which rules tripped, the exit code, and
how many of the rows that the fault's own rule names are the planted ones, and how many of those it
names. With --harmless, every new version is a random 95 % of the baseline with 5 % fresh rows, and
each rule that trips is a false alarm. Needs python3-numpy, python3-h5py and, without a FILE,
python3-sklearn.
"""
import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

PASSED, WARNED, FAILED = 0, 1, 2


class Version:
    """Rows of a dataset: what is written to a file, and may be changed before."""

    def __init__(self, features, labels, ids, groups):
        self.features, self.labels = features.copy(), labels.copy()
        self.ids, self.groups = ids.copy(), groups.copy()
        self.weights = self.split = None

    def take(self, rows):
        version = Version(self.features[rows], self.labels[rows], self.ids[rows],
                          self.groups[rows])
        for name in ("weights", "split"):
            if getattr(self, name) is not None:
                setattr(version, name, getattr(self, name)[rows])
        return version

    def append(self, other):
        version = Version(np.concatenate([self.features, other.features]),
                          np.concatenate([self.labels, other.labels]),
                          np.concatenate([self.ids, other.ids]),
                          np.concatenate([self.groups, other.groups]))
        return version

    def write(self, path, names):
        with h5py.File(path, "w") as file:
            file["features"] = self.features
            file["labels"] = self.labels
            file["ids"] = self.ids.astype(h5py.string_dtype())
            file["groups/source"] = self.groups
            file.attrs.create("class_names", [name.encode() for name in names],
                              dtype=h5py.string_dtype())
            if self.weights is not None:
                file["weights"] = self.weights
            if self.split is not None:
                file["split"] = self.split


class World:
    """A baseline, fresh rows of its kind, and a target set, all different rows of one file."""

    def __init__(self, features, labels, seed):
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(len(features))
        classes = int(labels.max()) + 1
        self.names = [f"class{c}" for c in range(classes)]
        ids = np.array([f"r{row:06d}" for row in range(len(features))], dtype=object)
        groups = self.rng.integers(0, 5, len(features))
        everything = Version(features, labels, ids, groups)
        base, fresh = int(0.7 * len(order)), int(0.9 * len(order))
        self.baseline = everything.take(order[:base])
        self.fresh = everything.take(order[base:fresh])
        self.target = everything.take(order[fresh:])
        self.classes = classes

    def pick(self, count, share):
        return self.rng.choice(count, max(1, int(round(share * count))), replace=False)

    def wrong_labels(self, labels):
        return (labels + self.rng.integers(1, self.classes, len(labels))) % self.classes


def informative_column(features):
    """The column of the median spread among those that vary in most rows."""
    busy = [j for j in range(features.shape[1])
            if len(np.unique(features[:, j])) > 8] or [0]
    spread = features[:, busy].astype(float).std(axis=0)
    return busy[int(np.argsort(spread)[len(busy) // 2])]


# A fault takes a world and gives: the new version, the planted ids, and options of the command.
# Beside it stand the rules that must trip, those that may as well, and the least exit code.
FAULTS = {}


def fault(name, must, may=(), code=WARNED):
    def register(function):
        FAULTS[name] = (function, set(must), set(may), code)
        return function
    return register


@fault("a third of the rows gone", ["ids"], code=FAILED)
def rows_gone(world):
    gone = world.pick(len(world.baseline.ids), 0.33)
    kept = np.setdiff1d(np.arange(len(world.baseline.ids)), gone)
    return world.baseline.take(kept), world.baseline.ids[gone], []


@fault("5 % relabelled at random", ["relabelled"],
       ["label-noise", "loo-error", "class-error", "group-error"])
def relabelled(world):
    new = world.baseline.take(slice(None))
    rows = world.pick(len(new.ids), 0.05)
    new.labels[rows] = world.wrong_labels(new.labels[rows])
    return new, new.ids[rows], []


@fault("a fifth relabelled at random", ["relabelled", "label-noise", "loo-error"],
       ["class-error", "group-error"], FAILED)
def noisy(world):
    new = world.baseline.take(slice(None))
    rows = world.pick(len(new.ids), 0.2)
    new.labels[rows] = world.wrong_labels(new.labels[rows])
    return new, new.ids[rows], []


@fault("half of a class called another", ["relabelled", "class-error"],
       ["label-noise", "loo-error", "class-balance", "group-error"])
def one_class_noisy(world):
    new = world.baseline.take(slice(None))
    order = np.argsort(-np.bincount(new.labels))
    rows = np.flatnonzero(new.labels == order[0])[::2]
    new.labels[rows] = order[1]
    return new, new.ids[rows], []


@fault("one source mislabelled", ["relabelled", "group-error"],
       ["label-noise", "loo-error", "class-error"])
def one_source_noisy(world):
    new = world.baseline.take(slice(None))
    rows = np.flatnonzero(new.groups == 3)[::2]
    new.labels[rows] = world.wrong_labels(new.labels[rows])
    return new, new.ids[rows], ["--group", "source"]


@fault("a dead column", ["columns"])
def dead_column(world):
    new = world.baseline.take(slice(None))
    new.features[:, informative_column(new.features)] = 0.0
    return new, [], []


@fault("a column copied over another", ["columns"], ["drift"])
def copied_column(world):
    new = world.baseline.take(slice(None))
    column = informative_column(new.features)
    others = np.argsort(-new.features.astype(float).std(axis=0))
    new.features[:, column] = new.features[:, [j for j in others if j != column][0]]
    return new, [], []


@fault("one NaN", ["columns"], code=FAILED)
def one_nan(world):
    new = world.baseline.take(slice(None))
    new.features[17, 5] = np.nan
    return new, new.ids[[17]], []


@fault("a class gone", ["classes"], ["ids", "class-balance", "drift"], FAILED)
def class_gone(world):
    rows = world.baseline.labels == 1
    return world.baseline.take(~rows), [], []


@fault("a class nobody knew", ["classes"],
       ["relabelled", "class-balance", "loo-error", "class-error"], FAILED)
def new_class(world):
    new = world.baseline.take(slice(None))
    new.labels[np.flatnonzero(new.labels == 0)[:10]] = world.classes
    new.names = world.names + ["unheard"]
    return new, [], []


@fault("every other class thinned", ["class-balance"], ["drift", "ids", "class-error", "loo-error"])
def imbalanced(world):
    thinned = world.baseline.labels % 2 == 1
    drop = world.rng.random(len(thinned)) < 0.4
    return world.baseline.take(~(thinned & drop)), [], []


@fault("a tenth without a label", ["unlabelled"], ["class-balance"])
def unlabelled(world):
    new = world.baseline.take(slice(None))
    rows = world.pick(len(new.ids), 0.1)
    new.labels[rows] = -1
    return new, new.ids[rows], []


@fault("fresh rows with nonsense for labels", ["added-rows", "label-noise"],
       ["loo-error", "class-error", "class-balance", "drift"])
def bad_batch(world):
    count = min(len(world.fresh.ids), len(world.baseline.ids) // 5)
    batch = world.fresh.take(np.arange(count))
    batch.labels = world.wrong_labels(batch.labels)
    return world.baseline.append(batch), batch.ids, []


@fault("a tenth added twice", ["near-duplicates"], ["class-error", "loo-error"])
def copies(world):
    rows = world.pick(len(world.baseline.ids), 0.1)
    again = world.baseline.take(rows)
    again.ids = np.array([f"{name}-again" for name in again.ids], dtype=object)
    return world.baseline.append(again), again.ids, []


@fault("a tenth added again, with a little noise", ["near-duplicates"],
       ["class-error", "loo-error"])
def near_copies(world):
    rows = world.pick(len(world.baseline.ids), 0.1)
    again = world.baseline.take(rows)
    again.ids = np.array([f"{name}-near" for name in again.ids], dtype=object)
    spread = again.features.std(axis=0)
    again.features += (0.003 * spread * world.rng.normal(size=again.features.shape)).astype(
        again.features.dtype)
    return world.baseline.append(again), again.ids, []


@fault("target rows in training", ["leakage"], code=FAILED)
def leak(world):
    leaked = world.target.take(np.arange(max(1, len(world.target.ids) // 20)))
    leaked.ids = np.array([f"{name}-leak" for name in leaked.ids], dtype=object)
    return world.baseline.append(leaked), leaked.ids, ["--target"]


@fault("rows in two splits", ["leakage"], ["near-duplicates"], FAILED)
def split_leak(world):
    count = len(world.baseline.ids)
    rows = world.pick(count, 0.02)
    again = world.baseline.take(rows)
    again.ids = np.array([f"{name}-test" for name in again.ids], dtype=object)
    new = world.baseline.append(again)
    new.split = np.zeros(len(new.ids), dtype=np.int32)
    new.split[count:] = 1
    return new, again.ids, ["--split", "/split"]


@fault("all features half a deviation off", ["drift"])
def shifted(world):
    new = world.baseline.take(slice(None))
    new.features += (0.5 * new.features.std(axis=0)).astype(new.features.dtype)
    return new, [], []


@fault("all features half as large again", ["drift"])
def scaled(world):
    new = world.baseline.take(slice(None))
    new.features *= 1.5
    return new, [], []


@fault("fresh rows from somewhere else", ["drift"],
       ["loo-error", "class-error", "added-rows", "label-noise", "near-duplicates"])
def foreign_batch(world):
    count = min(len(world.fresh.ids), len(world.baseline.ids) // 4)
    batch = world.fresh.take(np.arange(count))
    batch.features += (1.5 * batch.features.std(axis=0)).astype(batch.features.dtype)
    return world.baseline.append(batch), [], []


@fault("noise over the features", ["loo-error"], ["drift", "class-error", "label-noise"])
def noisy_features(world):
    new = world.baseline.take(slice(None))
    spread = new.features.std(axis=0)
    new.features += (2.0 * spread * world.rng.normal(size=new.features.shape)).astype(
        new.features.dtype)
    return new, [], []


@fault("a few rows weigh all", ["weights"],
       ["loo-error", "class-error", "group-error", "label-noise"])
def heavy(world):
    new = world.baseline.take(slice(None))
    new.weights = np.exp(2.5 * world.rng.normal(size=len(new.ids)))
    return new, [], []


@fault("nothing", [], code=PASSED)
def nothing(world):
    return world.baseline.take(slice(None)), [], []


class Checker:
    """The command, the files it is given, and what it says."""

    def __init__(self, program, folder, extra, saved):
        self.program, self.folder, self.extra = program, Path(folder), extra
        self.saved = saved

    def run(self, world, new, options):
        baseline, version = self.folder / "old.h5", self.folder / "new.h5"
        target, record = self.folder / "target.h5", self.folder / "check.json"
        world.baseline.write(baseline, world.names)
        new.write(version, getattr(new, "names", world.names))
        options = list(options)
        if "--target" in options:
            world.target.write(target, world.names)
            options.insert(options.index("--target") + 1, str(target))
        if self.saved:
            # A state goes with one group and is compared by its own model.
            state = self.folder / "old.state"
            subprocess.run([self.program, "state", baseline, "-o", state, "-q", *self.extra,
                            *(["--group", "source"] if "--group" in options else [])],
                           check=True, stdout=subprocess.DEVNULL)
            baseline = state
        command = [self.program, "check", str(version), "--baseline", str(baseline), "--json",
                   str(record), "-q", *self.extra, *options]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True)
        if done.returncode not in (PASSED, WARNED, FAILED):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.returncode, json.loads(record.read_text())


def tripped(record):
    return {rule["id"]: rule["verdict"] for rule in record["rules"]
            if rule["verdict"] in ("warn", "fail")}


def judge_rows(record, rules, planted):
    """Precision and recall of the rows that the fault's own rules name; the first rule that names
    any."""
    planted = set(planted)
    for rule in record["rules"]:
        if rule["id"] in rules and rule["rows"] and planted:
            named = {row["id"] for row in rule["rows"]}
            return len(named & planted) / len(named), len(named & planted) / len(planted)
    return None


def show_faults(checker, world, name):
    right = 0
    print(f"\n{name}: baseline {world.baseline.features.shape[0]} x "
          f"{world.baseline.features.shape[1]}, {world.classes} classes")
    print(f"{'fault':42}{'':5}{'exit':>5} {'rows right':>11} {'found':>6}  rules tripped")
    for title, (function, must, may, code) in FAULTS.items():
        new, planted, options = function(world)
        returned, record = checker.run(world, new, options)
        verdicts = tripped(record)
        # A warning alone ends with 0: the record tells it from a pass.
        reached = FAILED if "fail" in verdicts.values() else WARNED if verdicts else PASSED
        fine = (must <= set(verdicts) <= must | may and reached >= code
                and (returned == FAILED) == (reached == FAILED))
        right += fine
        rows = judge_rows(record, must, planted)
        shares = f"{rows[0]:11.2f} {rows[1]:6.2f}" if rows else f"{'-':>11} {'-':>6}"
        told = ", ".join(f"{rule} ({verdict})" for rule, verdict in verdicts.items()) or "none"
        missed = must - set(verdicts)
        told += f"; MISSED {', '.join(sorted(missed))}" if missed else ""
        extra = set(verdicts) - must - may
        told += f"; UNEXPECTED {', '.join(sorted(extra))}" if extra else ""
        print(f"{title:42}{'ok' if fine else 'NO':5}{returned:5} {shares}  {told}", flush=True)
    print(f"{right} of {len(FAULTS)} as they should be")
    return right == len(FAULTS)


def harmless_version(world):
    count = len(world.baseline.ids)
    kept = np.sort(world.rng.choice(count, int(round(0.95 * count)), replace=False))
    fresh = world.rng.choice(len(world.fresh.ids), count - len(kept), replace=False)
    return world.baseline.take(kept).append(world.fresh.take(fresh))


def show_harmless(checker, features, labels, name, runs, options):
    alarms, failures, by_rule = 0, 0, collections.Counter()
    for run in range(runs):
        world = World(features, labels, 1000 + run)
        _, record = checker.run(world, harmless_version(world), options)
        verdicts = tripped(record)
        alarms += bool(verdicts)
        failures += "fail" in verdicts.values()
        by_rule.update(verdicts.keys())
        for rule in record["rules"]:
            if rule["id"] in verdicts:
                print(f"  run {run}: {rule['id']} {rule['verdict']}: {rule['message']}",
                      flush=True)
    print(f"{name}: {alarms} of {runs} harmless versions raised an alarm, {failures} failed; "
          f"{dict(by_rule) or 'no rule tripped'}", flush=True)
    return alarms * 100 <= runs


def load(path, labels, rows, seed):
    if path is None:
        from sklearn.datasets import load_digits
        digits = load_digits()
        return digits.data.astype(np.float32), digits.target.astype(np.int32), "digits"
    with h5py.File(path) as file:
        features, given = file["features"][:].astype(np.float32), file[labels][:].astype(np.int32)
    known = given >= 0
    features, given = features[known], given[known]
    if rows and rows < len(given):
        chosen = np.sort(np.random.default_rng(seed).choice(len(given), rows, replace=False))
        features, given = features[chosen], given[chosen]
    return features, given, Path(path).name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diva", required=True, help="the program")
    parser.add_argument("--labels", default="labels", help="name of the labels in every FILE")
    parser.add_argument("--rows", type=int, default=0, help="take so many rows of each FILE")
    parser.add_argument("--harmless", type=int, default=0, metavar="N",
                        help="false alarms of N harmless versions instead")
    parser.add_argument("--option", action="append", default=[],
                        help="one more option of `diva check`, such as --option=--threads=1")
    parser.add_argument("--state", action="store_true",
                        help="keep a saved state of the baseline in its place")
    parser.add_argument("--group", action="store_true", help="look at sources in harmless versions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("files", nargs="*")
    given = parser.parse_args()
    offers = subprocess.run([given.diva, "check", "--help"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, check=False)
    if offers.returncode != 0:
        sys.exit(f"{given.diva} has no command check")
    right = True
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(given.diva, folder, given.option, given.state)
        for path in given.files or [None]:
            features, labels, name = load(path, given.labels, given.rows, given.seed)
            if given.harmless:
                options = ["--group", "source"] if given.group else []
                right &= show_harmless(checker, features, labels, name, given.harmless, options)
            else:
                right &= show_faults(checker, World(features, labels, given.seed), name)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
