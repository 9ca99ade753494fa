"""Measured series and how they are told."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Figure:
    """One thing measured several times. ``values`` are seconds; ``ratio`` is to the median of the figure ``base``."""

    name: str
    values: list[float] = field(default_factory=list)
    base: Figure | None = None
    part: bool = False
    """A part of the figure above it."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        return self.median / self.base.median if self.base is not None else None

    def as_json(self) -> dict[str, Any]:
        rounded = {name: round(value, 6) for name, value in self.summary().items()}
        base = {"ratio": round(self.ratio, 3), "to": self.base.name} if self.base and self.ratio is not None else {}
        return {"name": self.name, "unit": "s", "runs": len(self.values), "part": self.part, **rounded, **base}

    def summary(self) -> dict[str, float]:
        return {"median": self.median, "min": min(self.values), "max": max(self.values)}


@dataclass
class Group:
    """A table of its own, with the sentences that say how to read it."""

    name: str
    title: str
    figures: list[Figure]
    remarks: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        figures = [figure.as_json() for figure in self.figures if figure.values]
        return {"name": self.name, "title": self.title, "figures": figures, "remarks": list(self.remarks)}

    def lines(self) -> list[str]:
        rows: list[tuple[str, ...]] = [("", "median", "min", "max", "runs", "ratio")]
        for figure in self.figures:
            if figure.values:
                told = [seconds(value) for value in figure.summary().values()]
                ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} x"
                rows.append((("  " if figure.part else "") + figure.name, *told, str(len(figure.values)), ratio))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        table = [
            "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
            for cells in (list(zip(row, widths, strict=True)) for row in rows)
        ]
        return [f"== {self.title}", *(line.rstrip() for line in table), *(f"({remark})" for remark in self.remarks), ""]


def seconds(value: float) -> str:
    """2.31 s, 12.3 ms"""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.3g} ms" if value < 0.1 else f"{value * 1000:.0f} ms"


def interleave(runs: int, *measurements: tuple[Figure, Callable[[], float]]) -> None:
    """``runs`` rounds; each measures each thing once, so that a busy minute of the machine falls on all of them."""
    for _ in range(runs):
        for figure, measure in measurements:
            figure.values.append(measure())


def collect(figures: dict[str, Figure], values: Iterable[tuple[str, float]]) -> None:
    """One run's values by name; the figures keep the order in which they were first seen."""
    for name, value in values:
        figures.setdefault(name, Figure(name, part=True)).values.append(value)
