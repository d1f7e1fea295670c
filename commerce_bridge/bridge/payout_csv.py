"""Reports of payment gateways as files of comma separated values: one importer, a preset of columns for each report.

Which character parts the columns, how the text is encoded and which mark is the decimal one is found out; the first row
that cannot be taken ends the import, and its message names the row, as a spreadsheet counts them, and the column.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from commerce_bridge.bridge.errors import Rejected
from commerce_bridge.bridge.model import BalanceRow, Payout
from commerce_bridge.bridge.money import decimals_of, written
from commerce_bridge.bridge.payout_numbers import (
	day_first_of,
	mark_of,
	parse_amount,
	parse_day,
	parse_minor,
	parse_moment,
)

Kind = Literal["payment", "refund", "dispute", "fee", "adjustment", "reserve"]
LARGEST_FILE = 20_000_000
MOST_ROWS = 50_000
#: A header is among the first rows: some reports begin with a title, or with what they are about.
HEADER_WITHIN = 40
DELIMITERS = (",", ";", "\t", "|")
LONGEST_ID = 140  # of what ERPNext keeps in a field
LONGEST_NOTE = 500
NO_CURRENCY = "XXX"  # ISO 4217: a transaction without one
BOMS = (
	(codecs.BOM_UTF8, "utf-8"),
	(codecs.BOM_UTF16_LE, "utf-16-le"),
	(codecs.BOM_UTF16_BE, "utf-16-be"),
)
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True, slots=True)
class Line:
	"""What a row of a report says: of which payout, and what moved.

	`row` None: it is the payout itself, and `net` what reached the bank.
	"""

	payout: str
	paid_on: date
	currency: str
	row: BalanceRow | None = None
	reference: str | None = None
	net: Decimal | None = None
	number: int = 0


@dataclass(frozen=True, slots=True)
class Spelling:
	"""How a file writes amounts and days."""

	mark: str | None = None
	minor: bool = False
	signed: bool = True
	day_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Cells:
	"""A row of the file, by the preset's fields; `names` are the columns as the file calls them."""

	number: int
	section: str
	values: Mapping[str, str]
	names: Mapping[str, str]
	spelling: Spelling

	def refused(self, fieldname: str, why: str) -> Rejected:
		"""The error of a cell, to be raised."""
		return Rejected(f'Row {self.number}, column "{self.names.get(fieldname, fieldname)}": {why}')

	def text(self, fieldname: str) -> str | None:
		"""What stands there; None for nothing."""
		value = self.values.get(fieldname, "").strip().removeprefix("'").removesuffix("'").strip()
		if len(value) > LONGEST_NOTE:
			raise self.refused(fieldname, f"is longer than {LONGEST_NOTE} characters")
		return value or None

	def needed(self, fieldname: str) -> str:
		"""An id or a word that must be there. Raises `Rejected` where it is empty, or too long."""
		value = self.text(fieldname)
		if value is None:
			raise self.refused(fieldname, "is empty")
		if len(value) > LONGEST_ID:
			raise self.refused(fieldname, f"is longer than {LONGEST_ID} characters")
		return value

	def short(self, fieldname: str) -> str | None:
		"""An id that may be missing."""
		return self.needed(fieldname) if self.text(fieldname) else None

	def currency(self, default: str | None = None) -> str:
		"""The currency of the row; the default where the report has no column for it."""
		code = (self.text("currency") or default or "").upper()
		try:
			decimals_of(code)
		except Rejected as error:
			raise self.refused("currency", str(error)) from error
		return code

	def amount(self, fieldname: str, currency: str) -> Decimal:
		"""An amount; an empty cell is none."""
		text = self.text(fieldname)
		if text is None:
			return Decimal(0)
		try:
			if self.spelling.minor:
				return parse_minor(text, currency, self.spelling.signed)
			return parse_amount(text, currency, self.spelling.mark)
		except Rejected as error:
			raise self.refused(fieldname, str(error)) from error

	def needed_amount(self, fieldname: str, currency: str) -> Decimal:
		"""An amount that must be there."""
		self.needed(fieldname)
		return self.amount(fieldname, currency)

	def day(self, fieldname: str) -> date:
		"""A day that must be there."""
		text = self.needed(fieldname)
		try:
			return parse_day(text, self.spelling.day_first)
		except Rejected as error:
			raise self.refused(fieldname, str(error)) from error

	def moment(self, fieldname: str) -> datetime | None:
		"""A time that may be missing."""
		text = self.text(fieldname)
		try:
			return parse_moment(text, self.spelling.day_first) if text else None
		except Rejected as error:
			raise self.refused(fieldname, str(error)) from error

	def check_net(self, row: BalanceRow, fieldname: str = "net") -> BalanceRow:
		"""The row, if it adds up. Raises `Rejected` with both numbers."""
		sum_of = row.gross - row.fee - row.fee_tax
		if sum_of != row.net:
			says = f"{written(row.net, row.currency)}, but gross less fees is {written(sum_of, row.currency)}"
			raise self.refused(fieldname, f"is {says}")
		return row


def note_of(*parts: str | None) -> str | None:
	"""What is known of a row besides its numbers, in one line."""
	return " · ".join(part for part in parts if part)[:LONGEST_NOTE] or None


def one_of_each(lines: Sequence[Line], gateway: str) -> list[Payout]:
	"""A payout of each id that the rows name, in their order."""
	by_id: dict[str, list[Line]] = {}
	for line in lines:
		by_id.setdefault(line.payout, []).append(line)
	return [payout_of(name, members, gateway) for name, members in by_id.items()]


def payout_of(name: str, lines: Sequence[Line], gateway: str) -> Payout:
	"""The payout that these rows are of. Its net is what a row of the report states, else the sum of its rows.

	:raises Rejected: for rows in several currencies, and one that is there twice
	"""
	first = lines[0]
	seen: dict[str, int] = {}
	for line in lines:
		if line.currency != first.currency:
			raise Rejected(
				f"Row {line.number}: payout {name} is in {first.currency} (row {first.number}) and in {line.currency}"
			)
		if line.row and seen.setdefault(line.row.id, line.number) != line.number:
			raise Rejected(f"Row {line.number}: {line.row.id} is in row {seen[line.row.id]} already")
	rows = tuple(line.row for line in lines if line.row)
	stated = {line.net for line in lines if line.net is not None}
	if len(stated) > 1:
		amounts = " and ".join(sorted(written(net, first.currency) for net in stated))
		raise Rejected(f"Row {first.number}: payout {name} comes to {amounts}")
	return Payout(
		id=name,
		gateway=gateway,
		currency=first.currency,
		net=stated.pop() if stated else sum((row.net for row in rows), Decimal(0)),
		paid_on=first.paid_on,
		reference=next((line.reference for line in lines if line.reference), None),
		rows=rows,
	)


@dataclass(frozen=True, slots=True)
class Preset:
	"""The columns of one report.

	:param source: where its columns are documented
	:param columns: our fields → what the report calls them, in any of its versions; spaces, case and punctuation of
	    a header do not count
	:param needed: fields without which a file is not this report; a tuple in it means one of them
	:param amounts: fields that hold money
	:param line: what a row says; None for one that moved no money to or from the balance yet
	:param day_first: how the report writes days in numbers; None: it does not, or see `days`
	:param days: fields whose days are written as in the country of who downloads the report: which number is the day
	    is asked of all of them together
	:param record: with it, the first cell of a row says what it is: (header, body, start of a section)
	"""

	key: str
	title: str
	gateway: str
	source: str
	columns: Mapping[str, tuple[str, ...]]
	needed: tuple[str, ...]
	amounts: tuple[str, ...]
	line: Callable[[Cells], Line | None]
	minor: bool = False
	signed: bool = True
	day_first: bool | None = None
	days: tuple[str, ...] = ()
	currency: str | None = None
	record: tuple[str, str, str] | None = None
	assemble: Callable[[Sequence[Line], str], list[Payout]] = field(default=one_of_each)


@dataclass(frozen=True, slots=True)
class Imported:
	"""Payouts of a file, in its order; `left_out` are rows that are of no payout yet."""

	payouts: tuple[Payout, ...]
	left_out: int


@dataclass(frozen=True, slots=True)
class Sheet:
	"""The file as rows of cells, with the place of its header."""

	rows: Sequence[tuple[int, list[str]]]
	header: int
	fields: Mapping[str, int]
	names: Mapping[str, str]
	broken: str | None = None


def read(content: bytes, preset: Preset, gateway: str) -> Imported:
	"""The payouts of a report.

	:param content: the file as it was downloaded
	:param gateway: what the channel calls the gateway
	:raises Rejected: for a file that is not this report, and for the first row that cannot be taken
	"""
	sheet = _sheet(decoded(content), preset)
	rows = list(_body(sheet, preset))
	spelling = Spelling(_mark(rows, preset), preset.minor, preset.signed, _day_first(rows, preset))
	lines, left_out = [], 0
	for number, section, values in rows:
		cells = Cells(number, section, values, sheet.names, spelling)
		line = preset.line(cells)
		if line is None:
			left_out += 1
		else:
			lines.append(_numbered(line, number))
	if not lines:
		raise Rejected("The file has no row of a payout")
	return Imported(tuple(preset.assemble(lines, gateway)), left_out)


def _numbered(line: Line, number: int) -> Line:
	return Line(line.payout, line.paid_on, line.currency, line.row, line.reference, line.net, number)


def decoded(content: bytes) -> str:
	"""The text of a file: UTF-8 or UTF-16, else as Windows writes it in western Europe. Raises `Rejected`."""
	if len(content) > LARGEST_FILE:
		raise Rejected(f"The file is larger than {LARGEST_FILE // 1_000_000} MB: ask for fewer days")
	if content.startswith(EXCEL):
		raise Rejected("This is a workbook of a spreadsheet: save it as CSV, or download the report as CSV")
	for bom, encoding in BOMS:
		if content.startswith(bom):
			return _text(content[len(bom) :], (encoding,))
	if b"\0" in content[:200]:
		return _text(content, ("utf-16-be" if content[:1] == b"\0" else "utf-16-le",))
	return _text(content, ("utf-8", "cp1252"))


def _text(content: bytes, encodings: Iterable[str]) -> str:
	for encoding in encodings:
		try:
			text = content.decode(encoding)
		except UnicodeDecodeError:
			continue
		if "\0" not in text:
			return text
	raise Rejected("The file is no text in UTF-8, UTF-16 or Windows-1252: download it again as CSV")


def _plain(name: str) -> str:
	"""A header without what spreadsheets and versions of a report change in it."""
	return re.sub(r"[^a-z0-9]", "", name.casefold())


def _sheet(text: str, preset: Preset) -> Sheet:
	"""The file parted by the character with which it has the most of the report's columns."""
	sheets = [_parted(text, delimiter, preset) for delimiter in DELIMITERS]
	best = max(sheets, key=lambda sheet: (_has_needed(sheet, preset), len(sheet.fields)))
	if best.broken and best.fields:
		raise Rejected(best.broken)
	if missing := [name for name in preset.needed if name not in best.fields]:
		number, cells = best.rows[best.header]
		wanted = ", ".join(f'"{preset.columns[name][0]}"' for name in missing)
		found = ", ".join(cell.strip()[:40] for cell in cells[:30] if cell.strip()) or "nothing"
		raise Rejected(
			f"This is not the report {preset.title}: column {wanted} is missing. Row {number} has: {found[:300]}"
		)
	return best


def _has_needed(sheet: Sheet, preset: Preset) -> int:
	return sum(name in sheet.fields for name in preset.needed)


def _parted(text: str, delimiter: str, preset: Preset) -> Sheet:
	"""The file parted by this character; where it breaks off, the rows before that, and the error."""
	reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
	rows: list[tuple[int, list[str]]] = []
	broken, number = None, 0
	try:
		for number, cells in enumerate(reader, 1):
			if any(cell.strip() for cell in cells):
				rows.append((number, cells))
			if len(rows) > MOST_ROWS + HEADER_WITHIN:
				broken = f"The file has more than {MOST_ROWS} rows: ask for fewer days"
				break
	except csv.Error as error:
		broken = f"Row {number + 1}: {error}"
	rows = rows or [(1, [])]
	header, fields = 0, {}
	for place, (_number, cells) in enumerate(rows[:HEADER_WITHIN]):
		found = _fields(cells, preset)
		if len(found) > len(fields):
			header, fields = place, found
	names = {name: rows[header][1][column].strip() for name, column in fields.items()}
	return Sheet(rows, header, fields, names, broken)


def _fields(cells: Sequence[str], preset: Preset) -> dict[str, int]:
	"""Where each field of the preset stands; the first of its names that is there counts."""
	places: dict[str, int] = {}
	for place, cell in enumerate(cells):
		places.setdefault(_plain(cell), place)
	found: dict[str, int] = {}
	for name, spellings in preset.columns.items():
		place = next((places[_plain(one)] for one in spellings if _plain(one) in places), None)
		if place is not None:
			found[name] = place
	return found


def _body(sheet: Sheet, preset: Preset) -> Iterator[tuple[int, str, dict[str, str]]]:
	"""Number, section and cells of each row below the header."""
	width, section = len(sheet.rows[sheet.header][1]), ""
	for place, (number, cells) in enumerate(sheet.rows):
		if preset.record:
			_header, body, start = preset.record
			kind = cells[0].strip().upper()
			section = str(number) if kind == start else section
			if kind != body:
				continue
		elif place <= sheet.header:
			continue
		if any(cell.strip() for cell in cells[width:]):
			raise Rejected(f"Row {number}: has {len(cells)} cells, the header has {width}")
		kept = [*cells, *[""] * (width - len(cells))]  # spreadsheets leave out what is empty at the end
		yield number, section, {name: kept[column] for name, column in sheet.fields.items()}


def _mark(rows: Sequence[tuple[int, str, Mapping[str, str]]], preset: Preset) -> str | None:
	"""The decimal mark that all amounts of the file agree on. Raises `Rejected` where two do not."""
	if preset.minor:
		return None
	proof: tuple[str, int, str, str] | None = None
	for number, _section, values in rows:
		currency = _currency(values, preset)
		for name in preset.amounts:
			text = values.get(name, "")
			mark = mark_of(text, currency) if text.strip() else None
			if mark and proof and mark != proof[0]:
				column = preset.columns[name][0]
				raise Rejected(
					f'Row {number}, column "{column}": "{text.strip()[:40]}" does not go with "{proof[3]}"'
					f' in row {proof[1]}, column "{proof[2]}": only one of point and comma can be the decimal mark'
				)
			if mark and not proof:
				proof = (mark, number, preset.columns[name][0], text.strip()[:40])
	return proof[0] if proof else None


def _day_first(rows: Sequence[tuple[int, str, Mapping[str, str]]], preset: Preset) -> bool | None:
	"""Which number is the day, as all days of the file agree on. Raises `Rejected` where two do not."""
	proof: tuple[bool, int, str] | None = None
	for number, _section, values in rows:
		for name in preset.days:
			text = values.get(name, "").strip()
			first = day_first_of(text)
			if first is not None and proof and first != proof[0]:
				raise Rejected(
					f'Row {number}, column "{preset.columns[name][0]}": "{text[:40]}" does not go with "{proof[2]}" in'
					f" row {proof[1]}: only one of day and month can come first"
				)
			if first is not None and not proof:
				proof = (first, number, text[:40])
	return proof[0] if proof else preset.day_first


def _currency(values: Mapping[str, str], preset: Preset) -> str:
	"""For the number of decimals only: what is wrong with it is said when the row is read."""
	code = values.get("currency", "").strip().upper() or preset.currency or ""
	return code if re.fullmatch(r"[A-Z]{3}", code) else NO_CURRENCY
