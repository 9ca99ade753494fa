"""Recognises handwritten digits: prepare the data, train a model, evaluate it, serve it."""
