"""Measures the network on the held-out shards, under noise."""

import numpy as np

from digits import data
from digits.model import Network

DRAWS = 400
NOISE = 0.2


def accuracy(network, images, labels, rng):
    """How often the network is right, as a mean over many draws of noise."""
    right = 0
    for _ in range(DRAWS):
        noisy = images + rng.normal(0, NOISE, images.shape)
        right += (network.predict(noisy) == labels).sum()
    return right / (DRAWS * len(labels))


def main():
    rng = np.random.default_rng(0)
    network = Network.load(data.OUT_DIR / "model.npz")
    scores = []
    for step, path in enumerate(sorted(data.DATA_DIR.glob("held-*.npz")), start=1):
        images, labels = data.load(path.stem)
        score = accuracy(network, images, labels, rng)
        scores.append(score)
        print(f"step {step} {path.stem} accuracy {score:.4f}", flush=True)
    print(f"accuracy {np.mean(scores):.4f} over {len(scores)} shards", flush=True)


if __name__ == "__main__":
    main()
