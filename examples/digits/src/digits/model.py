"""A network with one hidden layer, trained by stochastic gradient descent."""

import numpy as np


class Network:
    def __init__(self, weights):
        self.weights = weights

    @classmethod
    def random(cls, rng, inputs=64, hidden=512, outputs=10):
        return cls(
            {
                "w1": rng.normal(0, np.sqrt(2 / inputs), (inputs, hidden)),
                "b1": np.zeros(hidden),
                "w2": rng.normal(0, np.sqrt(2 / hidden), (hidden, outputs)),
                "b2": np.zeros(outputs),
            }
        )

    @classmethod
    def load(cls, path):
        with np.load(path) as arrays:
            return cls(dict(arrays))

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **self.weights)

    def forward(self, images):
        """Activations of the hidden layer, and the probability of each label."""
        hidden = np.maximum(images @ self.weights["w1"] + self.weights["b1"], 0)
        scores = hidden @ self.weights["w2"] + self.weights["b2"]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, scores / scores.sum(axis=1, keepdims=True)

    def predict(self, images):
        return self.forward(images)[1].argmax(axis=1)

    def learn(self, images, labels, rate):
        """One step of gradient descent; returns the loss before it."""
        hidden, probabilities = self.forward(images)
        rows = np.arange(len(labels))
        loss = -np.log(probabilities[rows, labels] + 1e-12).mean()

        slope = probabilities
        slope[rows, labels] -= 1
        slope /= len(labels)
        hidden_slope = (slope @ self.weights["w2"].T) * (hidden > 0)
        gradients = {
            "w1": images.T @ hidden_slope,
            "b1": hidden_slope.sum(axis=0),
            "w2": hidden.T @ slope,
            "b2": slope.sum(axis=0),
        }
        for name, gradient in gradients.items():
            self.weights[name] -= rate * gradient
        return loss
