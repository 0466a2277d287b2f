#!/usr/bin/env python3
"""What `diva reweight` and `diva extend` do to the error on rows that they never see.

    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install scikit-learn h5py
    /tmp/bench/bin/python tests/bench/compare_weights.py reweight --train train.h5 --test test.h5
    /tmp/bench/bin/python tests/bench/compare_weights.py shift    --train train.h5 --test test.h5
    /tmp/bench/bin/python tests/bench/compare_weights.py extend   --train train.h5 --test test.h5
    /tmp/bench/bin/python tests/bench/compare_weights.py augment

Errors are those of a ridge regression in NumPy, at the lambda and the scaling that DIVA chose, and of
scikit-learn's logistic regression (C = 1 and C = .01) trained with the same weights; neither shares
code with DIVA.

reweight: all rows alike, class balance, and the weights of `diva reweight` with its defaults.
shift:    every other class thinned to a tenth, the target balanced and given as labelled rows, as
          unlabelled rows, or as proportions; beside it weights by the class ratio alone.
extend:   a small core of right labels, and a pool half of whose labels are wrong; the error at 10, 25
          and 50 % of the pool and where `diva extend` stops, beside uniform picks of the same size.
augment:  the digits with copies flipped left-right and up-down as groups: what each group is worth.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import h5py
    import numpy as np
    from sklearn.linear_model import LogisticRegression
except ImportError as missing:
    sys.exit(f"compare_weights: {missing}; in a virtual environment: pip install scikit-learn h5py")

ROOT = Path(__file__).resolve().parents[2]
STRENGTHS = (1.0, 0.01)


class Failure(Exception):
    """What the user must hear, in one line."""


def read(path, labels="labels"):
    try:
        with h5py.File(path) as file:
            return file["features"][:].astype(np.float64), file[labels][:].astype(np.int64)
    except (OSError, KeyError) as error:
        raise Failure(f"{path}: {error}") from error


def write(path, features, labels, **more):
    with h5py.File(path, "w") as file:
        file["features"] = features.astype(np.float32)
        if labels is not None:
            file["labels"] = labels.astype(np.int32)
        for name, values in more.items():
            file[name] = values


def run(arguments, output):
    """Runs diva and returns its provenance."""
    done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Failure(f"{' '.join(str(word) for word in arguments)}: {done.stderr.strip()}")
    return json.loads(Path(f"{output}.provenance.json").read_text())


# The two learners


def scaled(train, other, weights, scaling):
    if scaling == "l2":
        return tuple(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
                     for x in (train, other))
    if scaling == "none":
        return train, other
    mean = weights @ train / weights.sum()
    spread = np.sqrt(weights @ (train - mean) ** 2 / weights.sum())
    factor = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0)
    return (train - mean) * factor, (other - mean) * factor


def ridge_predict(train, classes, weights, other, model):
    """Weighted ridge regression on one-hot targets, its intercept not penalised."""
    z, t = scaled(train, other, weights, model["scaling"])
    y = np.eye(classes.max() + 1)[classes]
    mean, level = weights @ z / weights.sum(), weights @ y / weights.sum()
    z, t = z - mean, t - mean
    gram = (z * weights[:, None]).T @ z + model["lambda"] * np.eye(z.shape[1])
    return (t @ np.linalg.solve(gram, (z * weights[:, None]).T @ (y - level)) + level).argmax(1)


def logistic_predict(train, classes, weights, other, strength):
    z, t = scaled(train, other, np.ones(len(train)), "standardize")
    kept = weights > 0
    learner = LogisticRegression(C=strength, max_iter=300)
    learner.fit(z[kept], classes[kept], sample_weight=weights[kept])
    return learner.predict(t)


def balanced_error(predicted, truth):
    return float(np.mean([np.mean(predicted[truth == c] != c) for c in np.unique(truth)]))


def plain_error(predicted, truth):
    return float(np.mean(predicted != truth))


def errors(train, classes, weights, test, truth, model, score=plain_error):
    """Of the ridge, and of the logistic regression at each strength."""
    return [score(ridge_predict(train, classes, weights, test, model), truth)] + [
        score(logistic_predict(train, classes, weights, test, c), truth) for c in STRENGTHS]


def print_row(name, values):
    print(f"  {name:<38}" + "".join(f"{value:>10.4f}" for value in values), flush=True)


def print_head(title):
    names = ("ridge", *(f"C = {c:g}" for c in STRENGTHS))
    print(f"{title}\n  {'test error':<38}" + "".join(f"{name:>10}" for name in names), flush=True)


def class_balance(classes):
    counts = np.bincount(classes)
    return len(classes) / (np.count_nonzero(counts) * counts[classes])


# The four comparisons


def compare_reweight(options, folder):
    train, classes = read(options.train, options.labels)
    test, truth = read(options.test)
    out = folder / "weights.npy"
    model = run([options.diva, "reweight", options.train, "--labels", options.labels, "-o", out,
                 "-q"], out)
    weights = np.load(out)
    print_head(f"{options.train} /{options.labels}")
    for name, mine in (("all rows alike", np.ones(len(classes))),
                       ("class balance", class_balance(classes)), ("diva reweight", weights)):
        print_row(name, errors(train, classes, mine, test, truth, model))


def compare_shift(options, folder):
    train, classes = read(options.train, options.labels)
    test, truth = read(options.test)
    k = classes.max() + 1
    for seed in range(options.seeds):
        random = np.random.default_rng(seed)
        keep = (classes >= k // 2) | (random.random(len(classes)) < 0.1)
        x, y = train[keep], classes[keep]
        order = random.permutation(len(truth))
        labelled, unlabelled = order[:200], order[:min(2000, len(order) * 2 // 3)]
        paths = {name: folder / f"{name}.h5" for name in ("train", "labelled", "unlabelled")}
        write(paths["train"], x, y)
        write(paths["labelled"], test[labelled], truth[labelled])
        write(paths["unlabelled"], test[unlabelled], None)
        counts = np.bincount(y, minlength=k)
        ratio = len(y) / (k * counts[y])
        proportions = ",".join(f"{c}={1 / k:.12g}" for c in range(k))
        for name, words, seen in (
                ("200 labelled target rows", ["--target", paths["labelled"]], labelled),
                (f"{len(unlabelled)} unlabelled target rows",
                 ["--target-features", paths["unlabelled"]], unlabelled),
                ("known proportions", ["--target-classes", proportions], [])):
            out = folder / "weights.npy"
            model = run([options.diva, "reweight", paths["train"], *words, "-o", out, "-q"], out)
            left = np.setdiff1d(np.arange(len(truth)), seen)
            print_head(f"{options.train} /{options.labels}, seed {seed}, {name}; balanced errors")
            for what, mine in (("all rows alike", np.ones(len(y))), ("class ratio", ratio),
                               ("diva reweight", np.load(out))):
                print_row(what, errors(x, y, mine, test[left], truth[left], model, balanced_error))


def compare_extend(options, folder):
    train, classes = read(options.train, options.labels)
    test, truth = read(options.test)
    random = np.random.default_rng(options.seed)
    order = random.permutation(len(classes))
    core, pool = order[:options.core], order[options.core:]
    given = classes[pool].copy()
    wrong = random.random(len(pool)) < 0.5
    k = classes.max() + 1
    given[wrong] = (given[wrong] + random.integers(1, k, wrong.sum())) % k
    paths = [folder / "core.h5", folder / "pool.h5"]
    write(paths[0], train[core], classes[core], ids=np.arange(len(core)))
    write(paths[1], train[pool], given, ids=len(core) + np.arange(len(pool)))
    print_head(f"{options.train} /{options.labels}, core {len(core)}, pool {len(pool)}, "
               f"half of its labels wrong")

    def score(picked, model):
        x = np.concatenate([train[core], train[pool[picked]]])
        y = np.concatenate([classes[core], given[picked]])
        return errors(x, y, np.ones(len(y)), test, truth, model)

    for share in (0.1, 0.25, 0.5, None):
        out = folder / "picked.npy"
        words = [] if share is None else ["--budget", round(share * len(pool)), "--fill"]
        model = run([options.diva, "extend", *paths, *words, "--no-curve", "-o", out, "-q"], out)
        picked = np.load(out)
        if share == 0.1:
            print_row("core alone", score(np.array([], np.int64), model))
        name = f"{100 * len(picked) / len(pool):.0f} % of the pool"
        name += ", where it stops" if share is None else ""
        print_row(f"{name} ({100 * np.mean(wrong[picked]):.0f} % wrong)", score(picked, model))
        uniform = random.choice(len(pool), len(picked), replace=False)
        print_row("  picked uniformly", score(uniform, model))


def compare_augment(options, folder):
    """The even rows are trained on, with flipped copies; the odd ones tested on."""
    features, classes = read(ROOT / "datasets" / "digits.h5", "true_labels")
    images = features.reshape(len(features), 8, 8)
    even, odd = np.arange(0, len(images), 2), np.arange(1, len(images), 2)
    copies = {"original": images[even], "left-right": images[even][:, :, ::-1],
              "up-down": images[even][:, ::-1, :]}
    x = np.concatenate([copy.reshape(len(even), -1) for copy in copies.values()])
    y = np.tile(classes[even], len(copies))
    path, out = folder / "flips.h5", folder / "weights.npy"
    write(path, x, y)
    with h5py.File(path, "a") as file:
        file["groups/transform"] = np.repeat(np.array(list(copies), "S10"), len(even))
        file["groups/image"] = np.tile(even, len(copies))
    model = run([options.diva, "reweight", path, "--by", "transform", "--group", "image",
                 "--objective-group", "transform=original", "-o", out, "-q"], out)
    weights = np.load(out)
    print_head("digits with flipped copies, a weight for each transform")
    test, truth = features[odd], classes[odd]
    print_row("all alike", errors(x, y, np.ones(len(y)), test, truth, model))
    print_row("diva reweight --by transform", errors(x, y, weights, test, truth, model))
    for i, name in enumerate(copies):
        part = weights[i * len(even):(i + 1) * len(even)].sum() / weights.sum()
        print(f"  p({name}) {1 / len(copies):.3f} -> {part:.3f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("reweight", "shift", "extend", "augment"))
    parser.add_argument("--diva", default=ROOT / "build" / "diva", help="the program")
    parser.add_argument("--train", help="features and labels")
    parser.add_argument("--labels", default="labels", help="which labels of --train")
    parser.add_argument("--test", help="features and right labels")
    parser.add_argument("--seeds", type=int, default=3, help="draws of shift")
    parser.add_argument("--seed", type=int, default=0, help="of the core and the pool of extend")
    parser.add_argument("--core", type=int, default=1500, help="rows of the core of extend")
    options = parser.parse_args()
    if options.what != "augment" and not (options.train and options.test):
        parser.error(f"{options.what} needs --train and --test")
    compare = {"reweight": compare_reweight, "shift": compare_shift, "extend": compare_extend,
               "augment": compare_augment}[options.what]
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"compare_weights: {failure}")
