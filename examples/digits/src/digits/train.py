"""Trains the network and saves it after every epoch."""

import argparse
import os

import numpy as np

from digits import data
from digits.model import Network

BATCH = 16


def parse():
    environ = os.environ.get
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=int(environ("EPOCHS", "600")))
    parser.add_argument("--learning-rate", type=float, default=float(environ("LEARNING_RATE", "0.02")))
    parser.add_argument("--seed", type=int, default=int(environ("SEED", "0")))
    parser.add_argument("--fail-at-step", type=int, default=int(environ("FAIL_AT_STEP", "0")))
    return parser.parse_args()


def train(options):
    rng = np.random.default_rng(options.seed)
    images, labels = data.load("train")
    many_images, many_labels = data.shifted(images, labels)
    network = Network.random(rng)
    step = 0
    for epoch in range(1, options.epochs + 1):
        losses = []
        for batch_images, batch_labels in data.batches(many_images, many_labels, BATCH, rng):
            step += 1
            if step == options.fail_at_step:
                batch_labels = batch_labels + data.LABELS  # labels of another data set
            loss = network.learn(batch_images, batch_labels, options.learning_rate)
            losses.append(loss)
        accuracy = (network.predict(images) == labels).mean()
        network.save(data.OUT_DIR / "model.npz")
        print(f"epoch {epoch} step {step} loss {np.mean(losses):.4f} accuracy {accuracy:.4f}", flush=True)


if __name__ == "__main__":
    train(parse())
