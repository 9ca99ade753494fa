"""The images, and how they are cut into batches."""

import os
from pathlib import Path

import numpy as np

DATA_DIR = Path(os.environ.get("DATA_DIR", "data"))
OUT_DIR = Path(os.environ.get("OUT_DIR", "out"))
SIDE = 8
LABELS = 10


def load(name):
    with np.load(DATA_DIR / f"{name}.npz") as arrays:
        return arrays["images"], arrays["labels"]


def save(name, images, labels):
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(DATA_DIR / f"{name}.npz", images=images, labels=labels)


def shifted(images, labels):
    """Each image as it is, and moved by one pixel in every direction."""
    moves = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]
    squares = images.reshape(-1, SIDE, SIDE)
    moved = [np.roll(squares, move, axis=(1, 2)).reshape(len(images), -1) for move in moves]
    return np.concatenate(moved), np.tile(labels, len(moves))


def batches(images, labels, size, rng):
    """The images in random order, in batches of this size."""
    order = rng.permutation(len(images))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]
