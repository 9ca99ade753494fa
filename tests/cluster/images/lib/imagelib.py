"""Importable only while the image's own PYTHONPATH is in force."""

WHERE = __file__
