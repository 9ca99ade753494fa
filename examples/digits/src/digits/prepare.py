"""Writes the training set, and the held-out images in shards as the scanners sent them."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from digits import data

SHARDS = 36
NARROW_SHARD = 30  # a scanner that cut off the last column


def main():
    images, labels = load_digits(return_X_y=True)
    train_images, held_images, train_labels, held_labels = train_test_split(
        images / 16, labels, test_size=0.2, random_state=0, stratify=labels
    )
    data.save("train", train_images, train_labels)
    for shard in range(SHARDS):
        chosen = held_images[shard::SHARDS].reshape(-1, data.SIDE, data.SIDE)
        if shard == NARROW_SHARD:
            chosen = chosen[:, :, :-1]
        data.save(f"held-{shard:02}", chosen.reshape(len(chosen), -1), held_labels[shard::SHARDS])
    print(f"prepared {len(train_images)} images to train with, {len(held_images)} held out", flush=True)


if __name__ == "__main__":
    main()
