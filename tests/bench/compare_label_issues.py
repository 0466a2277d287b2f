#!/usr/bin/env python3
"""How well `diva clean` finds wrong labels, beside a yardstick, on the same rows in the same run.

    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install cleanlab scikit-learn h5py
    /tmp/bench/bin/python tests/bench/compare_label_issues.py --diva build/diva \\
        [NAME=FILE.h5[:features[:labels[:true_labels]]] ...] [--test [NAME=]FILE.h5 ...]

The yardstick is 5-fold logistic regression on standardised features, its C the one of .01, .1, 1
and 10 with the best accuracy in its own cross-validation on the given labels, and cleanlab's
find_label_issues on the out-of-fold probabilities; of cleanlab's two rankings the better one
counts. `diva clean` runs with its defaults, as a process, from file to file; the yardstick is timed
from features in memory. With a test file the script says, too, what a logistic regression errs
there when trained on the given labels, on what either leaves of them, and on the true ones.
"""
import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

try:
    import cleanlab
    import h5py
    import numpy as np
    import sklearn
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from joblib import parallel_config
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits
except ImportError as missing:
    sys.exit(f"compare_label_issues: {missing}; in a virtual environment: "
             "pip install cleanlab scikit-learn h5py")

ROOT = Path(__file__).resolve().parents[2]
STRENGTHS = (0.01, 0.1, 1.0, 10.0)
FOLDS = 5
# A chosen C already makes up for much of the noise; scikit-learn's own C is what many would run.
TEST_STRENGTHS = {"chosen": None, "1": 1.0}
RANKINGS = ("self_confidence", "normalized_margin")
# A ranking with fewer distinct values than this share of the rows is one of ties, not of rows.
DISTINCT_SHARE = 0.9
NUMBERS = ("auroc", "ap", "precision", "recall", "f1")


class Failure(Exception):
    """What the user must hear, in one line."""


@dataclass
class Labelled:
    """One set: features n x d, classes n (encoded 0..k-1), truth n in the same code or None."""

    name: str
    path: Path
    names: dict
    rows: np.ndarray  # n: index in the file of each labelled row
    features: np.ndarray
    classes: np.ndarray
    truth: np.ndarray
    codes: np.ndarray  # k: the label in the file of each class
    class_names: list


class Cache:
    """Results of the slow half, each in a JSON file named by a digest of all it was made from."""

    def __init__(self, folder):
        self.folder = Path(folder) if folder else None

    def get(self, kind, parts, compute):
        """(result, whether it was there before)."""
        if self.folder is None:
            return compute(), False
        digest = hashlib.sha256(kind.encode())
        for part in (sklearn.__version__, cleanlab.__version__, str(STRENGTHS), *parts):
            plain = np.ascontiguousarray(part)
            digest.update(f"{plain.dtype}{plain.shape}".encode() + plain.tobytes())
        path = self.folder / f"{kind}-{digest.hexdigest()[:16]}.json"
        if path.exists():
            return json.loads(path.read_text()), True
        result = compute()
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        beside.write_text(json.dumps(result))
        beside.replace(path)
        return result, False


# Sets


def parse_set(text):
    name, equals, rest = text.partition("=")
    path, *names = (rest if equals else text).split(":")
    if len(names) > 3:
        raise Failure(f"{text}: more names than features, labels and true labels")
    names += ["features", "labels", "true_labels"][len(names):]
    return (name if equals else Path(path).stem, Path(path),
            dict(zip(("features", "labels", "true_labels"), names)))


def read_file(path, names):
    """Features in the type they are fitted in, labels, true labels or None, class names."""
    try:
        with h5py.File(path) as file:
            features = file[names["features"]][:]
            labels = file[names["labels"]][:].astype(np.int64)
            truth = None
            if "true_labels" in names and names["true_labels"] in file:
                truth = file[names["true_labels"]][:].astype(np.int64)
            class_names = [entry.decode() if isinstance(entry, bytes) else str(entry)
                           for entry in file.attrs.get("class_names", [])]
    except (OSError, KeyError) as error:
        raise Failure(f"{path}: {error}") from error
    wide = np.float64 if features.dtype.itemsize > 4 else np.float32
    return features.astype(wide), labels, truth, class_names


def read_set(text):
    name, path, names = parse_set(text)
    features, labels, truth, class_names = read_file(path, names)
    rows = np.flatnonzero(labels >= 0)
    codes, classes = np.unique(labels[rows], return_inverse=True)
    if len(codes) < 2:
        raise Failure(f"{path}: /{names['labels']} has fewer than 2 classes")
    if truth is not None:
        # A true class that no given label has is no class here, and no label is right for it.
        place = np.searchsorted(codes, truth[rows]).clip(max=len(codes) - 1)
        truth = np.where(codes[place] == truth[rows], place, -1)
    return Labelled(name, path, names, rows, features[rows], classes, truth, codes, class_names)


# The yardstick


def cross_validate(features, classes, strength, threads):
    """n x k out-of-fold probabilities of a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings(), threadpool_limits(1), \
            parallel_config("threading", n_jobs=threads):
        warnings.simplefilter("ignore")  # classes of fewer rows than folds
        return cross_val_predict(model, features, classes, cv=folds, method="predict_proba")


def search(features, classes, threads):
    """One entry a strength, and the probabilities of the most accurate."""
    tried, best = [], None
    for strength in STRENGTHS:
        start = time.perf_counter()
        probabilities = cross_validate(features, classes, strength, threads)
        tried.append({"C": strength, "seconds": time.perf_counter() - start,
                      "accuracy": float(np.mean(probabilities.argmax(1) == classes))})
        if best is None or tried[-1]["accuracy"] > best[0]["accuracy"]:
            best = tried[-1], probabilities
    return tried, *best


def run_yardstick(data, threads):
    start = time.perf_counter()
    tried, best, probabilities = search(data.features, data.classes, threads)
    found = time.perf_counter()
    flagged = find_label_issues(data.classes, probabilities, n_jobs=threads)
    rankings = {ranking: (1 - get_label_quality_scores(data.classes, probabilities,
                                                       method=ranking)).tolist()
                for ranking in RANKINGS}
    end = time.perf_counter()
    joint = estimate_joint(data.classes, probabilities)
    return {"tried": tried, "C": best["C"], "seconds": end - start,
            "seconds_best_C": best["seconds"] + end - found,
            "flagged": np.flatnonzero(flagged).tolist(), "rankings": rankings,
            "noise_rate": float(1 - np.trace(joint))}


# diva


def find_diva(asked):
    built = sorted(ROOT.glob("build*/diva"), key=lambda path: path.stat().st_mtime)
    path = shutil.which(asked) if asked else shutil.which("diva") or (built and str(built[-1]))
    if not path:
        raise Failure(f"{asked or 'diva'}: no such program; name it with --diva")
    return path


def class_of(data, label):
    """The code of a label as written in the rows: a class name, or the integer itself."""
    if label is None:
        return -1
    code = data.class_names.index(label) if isinstance(label, str) else label
    place = np.searchsorted(data.codes, code)
    return int(place) if place < len(data.codes) and data.codes[place] == code else -1


def run_diva(program, data, threads, extra):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.jsonl"
        command = [program, "clean", str(data.path), "-o", str(out), "--quiet",
                   "--threads", str(threads), "--features", data.names["features"],
                   "--labels", data.names["labels"], *extra]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise Failure(f"{data.name}: {program} returned {done.returncode}: "
                          f"{done.stderr.strip()}")
        with out.open() as lines:
            rows = sorted(map(json.loads, lines), key=lambda row: row["index"])
        record = json.loads(Path(f"{out}.provenance.json").read_text())
    rows = [rows[i] for i in data.rows]

    def column(name):
        return np.array([row[name] for row in rows], dtype=float)

    return {"seconds": seconds, "version": record["version"], "sha256": record["sha256"],
            "model": record["model"], "noise_rate": record.get("noise_rate"),
            "flagged": np.flatnonzero(column("is_label_issue")).tolist(),
            "kept": np.flatnonzero(column("keep")),
            "relabelled": np.array([i for i, row in enumerate(rows)
                                    if row["action"] == "relabel"], dtype=int),
            "suggested": np.array([class_of(data, row["suggested_label"]) for row in rows]),
            "rankings": {"issue_probability": column("issue_probability"),
                         "1 - label_quality": 1 - column("label_quality")}}


# Figures


def ratio(part, whole):
    return part / whole if whole else None


def measure(data, found, choose):
    """The figures of one way on one set; those that need wrong labels are None without any."""
    flagged = np.zeros(len(data.rows), bool)
    flagged[found["flagged"]] = True
    figures = {"flagged": int(flagged.sum()), "flagged_share": float(flagged.mean()),
               "noise_rate": found["noise_rate"], "seconds": found["seconds"]}
    wrong = data.classes != data.truth if data.truth is not None else None
    if wrong is None or not wrong.any():
        return figures
    hit = int((flagged & wrong).sum())
    figures |= {"precision": ratio(hit, int(flagged.sum())), "recall": hit / int(wrong.sum()),
                "f1": 2 * hit / int(flagged.sum() + wrong.sum())}
    figures["rankings"] = {
        name: {"auroc": roc_auc_score(wrong, score), "ap": average_precision_score(wrong, score)}
        for name, score in found["rankings"].items()}
    figures["ranking"] = choose(figures["rankings"], found["rankings"])
    return figures | figures["rankings"][figures["ranking"]]


def choose_better(figures, _):
    return max(figures, key=lambda name: figures[name]["ap"])


def choose_distinct(_, scores):
    """The probability, unless it ranks too few rows apart: not chosen by the truth."""
    first, second = scores
    distinct = len(np.unique(scores[first])) / len(scores[first])
    return first if distinct >= DISTINCT_SHARE else second


def test_error(data, test, kept, classes, strength, threads, cache):
    """Error on the test rows of a logistic regression trained on the kept rows."""
    if len(np.unique(classes[kept])) < 2:
        return None
    features, labels = data.features[kept], classes[kept]

    def compute():
        chosen = strength
        if chosen is None:
            _, best, _ = search(features, np.unique(labels, return_inverse=True)[1], threads)
            chosen = best["C"]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=chosen, max_iter=2000))
        with threadpool_limits(threads):
            predicted = data.codes[model.fit(features, labels).predict(test[0])]
        return float(np.mean(predicted != test[1]))

    kind = "error" if strength is None else f"error-{strength:g}"
    return cache.get(kind, (features, labels, data.codes, *test), compute)[0]


def test_errors(data, test, diva, yardstick, strength, threads, cache):
    """The error after each way; strength None chooses C by cross-validation, every time anew."""
    every = np.arange(len(data.rows))
    relabelled = data.classes.copy()
    relabelled[diva["relabelled"]] = diva["suggested"][diva["relabelled"]]
    changed = np.union1d(diva["kept"], diva["relabelled"])

    def error(kept, classes):
        return test_error(data, test, kept, classes, strength, threads, cache)

    errors = {"given labels": error(every, data.classes),
              "diva, dropped": error(diva["kept"], data.classes),
              "diva, relabelled": error(changed[relabelled[changed] >= 0], relabelled),
              "yardstick": error(np.setdiff1d(every, yardstick["flagged"]), data.classes)}
    if data.truth is not None:
        errors["true labels"] = error(np.flatnonzero(data.truth >= 0), data.truth)
    return errors


def compare(text, tests, program, arguments, cache):
    data = read_set(text)
    diva = run_diva(program, data, arguments.threads, arguments.diva_option)
    yardstick, cached = cache.get("yardstick",
                                  (data.features, data.classes, arguments.threads),
                                  lambda: run_yardstick(data, arguments.threads))
    figures = {"set": data.name, "sha256": diva["sha256"], "names": data.names,
               "rows": len(data.rows), "columns": data.features.shape[1],
               "classes": len(data.codes), "wrong_share": None,
               "diva": measure(data, diva, choose_distinct)
                       | {"version": diva["version"], "model": diva["model"]},
               "yardstick": measure(data, yardstick, choose_better)
                        | {"C": yardstick["C"], "tried": yardstick["tried"], "cached": cached,
                           "seconds_best_C": yardstick["seconds_best_C"]}}
    if data.truth is not None:
        figures["wrong_share"] = float(np.mean(data.classes != data.truth))
    path = tests.get(data.name, tests.get(None))
    if path:
        test = read_test(data, path)
        figures["test_error"] = {
            name: test_errors(data, test, diva, yardstick, strength, arguments.threads, cache)
            for name, strength in TEST_STRENGTHS.items()}
    return figures


def read_test(data, path):
    features, labels, _, _ = read_file(path, {"features": "features", "labels": "labels"})
    if features.shape[1] != data.features.shape[1]:
        raise Failure(f"{path}: {features.shape[1]} columns, {data.path} has "
                      f"{data.features.shape[1]}")
    return features[labels >= 0], labels[labels >= 0]


# Words


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def table(heading, rows):
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def finding_table(sets):
    rows = []
    for entry in sets:
        for way in ("diva", "yardstick"):
            figures = entry[way]
            rows.append([entry["set"], way, *(number(figures.get(key)) for key in NUMBERS),
                         str(figures["flagged"]), percent(figures["flagged_share"]),
                         percent(figures["noise_rate"]), percent(entry["wrong_share"]),
                         number(figures["seconds"], 2)])
    return table(["set", "way", "AUROC", "AP", "precision", "recall", "F1", "flagged", "of rows",
                  "estimated wrong", "truly wrong", "seconds"], rows)


def ranking_table(sets):
    rows = [[entry["set"], way, name + (" *" if name == entry[way]["ranking"] else ""),
             number(figures["auroc"], 4), number(figures["ap"], 4)]
            for entry in sets for way in ("diva", "yardstick")
            for name, figures in entry[way].get("rankings", {}).items()]
    return table(["set", "way", "ranking (* the one above)", "AUROC", "AP"], rows)


def time_table(sets):
    rows = [[entry["set"], number(entry["diva"]["seconds"], 2),
             number(entry["yardstick"]["seconds"], 2),
             number(entry["yardstick"]["seconds_best_C"], 2), f"{entry['yardstick']['C']:g}",
             number(entry["yardstick"]["seconds"] / entry["diva"]["seconds"], 1),
             number(entry["yardstick"]["seconds_best_C"] / entry["diva"]["seconds"], 1),
             "yes" if entry["yardstick"]["cached"] else "no"] for entry in sets]
    return table(["set", "diva, s", "yardstick, s", "yardstick at its best C, s", "best C", "ratio",
                  "ratio at best C", "yardstick from an earlier run"], rows)


def error_table(sets):
    columns = ("given labels", "diva, dropped", "diva, relabelled", "yardstick", "true labels")
    rows = [[entry["set"], name, *(percent(errors.get(key)) for key in columns)]
            for entry in sets for name, errors in entry.get("test_error", {}).items()]
    return table(["test error after", "C", *columns], rows) if rows else ""


def verdict(sets):
    judged = [entry for entry in sets if "f1" in entry["diva"]]
    wins = {key: sum(entry["diva"][key] > entry["yardstick"][key] for entry in judged)
            for key in ("auroc", "ap", "f1")}
    return (f"diva is better on {len(judged)} set{'s' * (len(judged) != 1)} with wrong labels in: "
            + ", ".join(f"{key.upper()} {count}" for key, count in wins.items()) + "\n")


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}"


def write_record(path, sets, threads):
    record = {"date": datetime.date.today().isoformat(), "machine": machine(), "threads": threads,
              "yardstick": {"scikit-learn": sklearn.__version__, "cleanlab": cleanlab.__version__,
                            "folds": FOLDS, "C": STRENGTHS},
              "sets": sets}
    beside = Path(f"{path}.tmp")
    beside.write_text(json.dumps(record, indent=2) + "\n")
    beside.replace(path)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="NAME=FILE[:features[:labels[:true_labels]]]",
                        help="default: the digits of datasets/")
    parser.add_argument("--diva", metavar="PROGRAM", help="default: on the path, or in build*/")
    parser.add_argument("--test", action="append", default=[], metavar="[NAME=]FILE",
                        help="HDF5 with /features and /labels, for the set of that name or for all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of both")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--yardstick-cache", metavar="DIR",
                        help="keep what logistic regressions gave, and use it the next time")
    parser.add_argument("--diva-option", action="append", default=[], metavar="OPTION",
                        help="given to diva clean as it is, such as --diva-option=--count=9")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    tests = {}
    for text in arguments.test:
        name, equals, path = text.partition("=")
        tests[name if equals else None] = Path(path if equals else text)
    try:
        program, cache = find_diva(arguments.diva), Cache(arguments.yardstick_cache)
        sets = []
        for text in arguments.sets or [str(ROOT / "datasets" / "digits.h5")]:
            print(f"{text} ...", file=sys.stderr, flush=True)
            sets.append(compare(text, tests, program, arguments, cache))
    except Failure as failure:
        sys.exit(f"compare_label_issues: {failure}")
    print(finding_table(sets), ranking_table(sets), time_table(sets), error_table(sets),
          verdict(sets), sep="\n")
    if arguments.json:
        write_record(arguments.json, sets, arguments.threads)


if __name__ == "__main__":
    main()
