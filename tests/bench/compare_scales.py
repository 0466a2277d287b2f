#!/usr/bin/python3
"""Which --scale should be the default: leave-one-out error and how well wrong labels are ranked.

    tests/bench/compare_scales.py build/diva [FILE.h5 ...]

Takes the real sets bundled with scikit-learn, plants 10 % uniform label flips (seeded), and runs
`diva rank` under each scaling; any FILE with /labels and /true_labels is added. Needs Debian's
python3-numpy, python3-h5py and python3-sklearn.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from sklearn import datasets
from sklearn.metrics import average_precision_score, roc_auc_score

SCALES = ("none", "l2", "standardize")


def write_noisy(folder, name, bunch):
    rng = np.random.default_rng(0)
    labels = bunch.target.copy()
    classes = labels.max() + 1
    flipped = rng.choice(len(labels), len(labels) // 10, replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, classes, len(flipped))) % classes
    path = Path(folder) / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file["features"] = bunch.data
        file["labels"] = labels
        file["true_labels"] = bunch.target
    return path


def rank(program, path, scale, folder):
    out = Path(folder) / "rows.jsonl"
    subprocess.run([program, "rank", path, "-o", out, "--order", "input", "--scale", scale, "-q"],
                   check=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    record = json.loads(Path(f"{out}.provenance.json").read_text())
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}, record


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_noisy(folder, "wine", datasets.load_wine()),
                 write_noisy(folder, "breast_cancer", datasets.load_breast_cancer()),
                 write_noisy(folder, "digits_uniform", datasets.load_digits())]
        paths += [Path(name) for name in sys.argv[2:]]
        print(f"{'set':24}{'scale':12}{'LOO error':>10}{'LOO loss':>10}"
              f"{'margin AUROC':>14}{'AP':>7}{'derivative AUROC':>18}{'AP':>7}")
        for path in paths:
            with h5py.File(path) as file:
                wrong = file["labels"][:] != file["true_labels"][:]
            for scale in SCALES:
                columns, record = rank(sys.argv[1], path, scale, folder)
                scores = [measure(wrong, columns[key].astype(float))
                          for key in ("loo_margin", "derivative")
                          for measure in (roc_auc_score, average_precision_score)]
                print(f"{path.stem:24}{scale:12}{record['loo_error_before']:10.4f}"
                      f"{record['objective_before']:10.4f}{scores[0]:14.3f}{scores[1]:7.3f}"
                      f"{scores[2]:18.3f}{scores[3]:7.3f}")


if __name__ == "__main__":
    main()
