#!/usr/bin/python3
"""Makes digits.h5 and digits_true_labels.csv: handwritten digits with one label in ten made wrong.

Needs numpy, h5py and scikit-learn (Debian, Ubuntu: python3-numpy python3-h5py python3-sklearn), and
no network. The same versions of these give the same bytes.
"""

import argparse
import csv
import pathlib

import h5py
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CLASS_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PIXEL_MAXIMUM = 16
FLIP_SHARE = 0.1
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning "
    "Repository, doi:10.24432/C50P49, CC BY 4.0; test part as bundled with scikit-learn; "
    "10 % of the labels changed on purpose by make_digits.py"
)


def most_confusable_class(features, labels, seed):
    """For each row, the likeliest class other than its own to a model that never saw the row."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    probability = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    probability[np.arange(len(labels)), labels] = -1
    return probability.argmax(axis=1)


def flip_labels(features, labels, seed):
    """The labels with FLIP_SHARE of them, drawn at random, set to the most confusable class."""
    count = round(FLIP_SHARE * len(labels))
    rows = np.random.RandomState(seed).permutation(len(labels))[:count]
    flipped = labels.copy()
    flipped[rows] = most_confusable_class(features, labels, seed)[rows]
    return flipped


def thumbnails(features):
    """The pixels as n x 8 x 8 x 3 grey images, 0..255."""
    grey = np.rint(features * (255 / PIXEL_MAXIMUM)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return np.repeat(grey, 3, axis=3)


def write_hdf5(path, features, labels, true_labels, ids):
    """Writes the file without time stamps, so that its bytes depend on its content alone."""
    packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "track_times": False}
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=features, chunks=features.shape, **packed)
        file.create_dataset("labels", data=labels, **packed)
        file.create_dataset("true_labels", data=true_labels, **packed)
        file.create_dataset("ids", data=np.array(ids, dtype="S"), **packed)
        images = thumbnails(features)
        file.create_dataset("thumbnails", data=images, chunks=images.shape, **packed)
        file.attrs.create("class_names", CLASS_NAMES, dtype=h5py.string_dtype())
        file.attrs.create("source", SOURCE, dtype=h5py.string_dtype())


def write_true_labels(path, true_labels, ids):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "true_label"])
        writer.writerows((id_, CLASS_NAMES[label]) for id_, label in zip(ids, true_labels))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the flips (default 0)")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()

    digits = load_digits()
    features = digits.data.astype(np.float32)
    true_labels = digits.target.astype(np.int32)
    labels = flip_labels(features, true_labels, arguments.seed)
    ids = [f"digit-{row:04d}" for row in range(len(labels))]

    write_hdf5(arguments.folder / "digits.h5", features, labels, true_labels, ids)
    write_true_labels(arguments.folder / "digits_true_labels.csv", true_labels, ids)
    print(f"{len(labels)} rows, {int((labels != true_labels).sum())} labels changed")


if __name__ == "__main__":
    main()
