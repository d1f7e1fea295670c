"""What a measurement came to, held against its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

#: Of anything timed, at least.
SAMPLES = 30
TITLES = ("row", "measured", "limit", "met?")


@dataclass(frozen=True)
class Row:
	"""One line of the table; `met` is None where there is no limit."""

	what: str
	measured: str
	limit: str = "-"
	met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str = "", detail: str = "") -> Row:
	return Row(what, f"{_number(value)}{unit}{detail}", f"<= {limit:g}{unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "", detail: str = "") -> Row:
	return Row(what, f"{_number(value)}{unit}{detail}", f">= {limit:,g}{unit}", value >= limit)


def exactly(what: str, value: int, limit: int) -> Row:
	return Row(what, str(value), str(limit), value == limit)


def _number(value: float) -> str:
	if isinstance(value, int):
		return str(value)
	return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def show(rows: Sequence[Row]) -> None:
	"""Prints the table."""
	words = {True: "yes", False: "NO", None: ""}
	cells = [TITLES, *((row.what, row.measured, row.limit, words[row.met]) for row in rows)]
	widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
	for line in cells:
		print(" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def timed(work: Callable[[], object]) -> float:
	"""Seconds that one call takes."""
	begin = perf_counter()
	work()
	return perf_counter() - begin


def interleaved(
	one: Callable[[], float], other: Callable[[], float], pairs: int = SAMPLES, warm_up: int = 3
) -> tuple[list[float], list[float]]:
	"""Samples of two things in turn, each first in every second pair, so that what drifts drifts for both."""
	for _ in range(warm_up):
		one(), other()
	samples: tuple[list[float], list[float]] = ([], [])
	for number in range(pairs):
		for index in (0, 1) if number % 2 else (1, 0):
			samples[index].append((one, other)[index]())
	return samples
