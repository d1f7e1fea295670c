"""DocType Carrier: the carrier somebody typed, as a storefront spells it, and where buyers follow a parcel."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import frappe

from commerce_bridge.bridge.model import Parcel

DOCTYPE = "Carrier"
PLACE = "{tracking_number}"
SPELLINGS = """SELECT parent, spelling FROM `tabCarrier Spelling`
	WHERE parenttype = 'Carrier' AND (channel = %s OR (COALESCE(channel, '') = '' AND platform = %s))
	ORDER BY COALESCE(channel, '') = '' DESC"""


@dataclass(frozen=True, slots=True)
class Known:
	"""A carrier as one channel knows it."""

	spelling: str
	template: str | None


class Carriers:
	"""The carrier map of one channel. Read from the database when the first name is looked up."""

	def __init__(self, channel: str):
		self._channel = channel
		self._known: dict[str, Known] | None = None

	def parcel(
		self, carrier: str | None, number: str | None, url: str | None, delivered: bool = False
	) -> Parcel | None:
		"""What the storefront is told of a parcel; None where nothing is known of it.

		A carrier that is not in the map goes out as it was typed. The address is the parcel's own, or made
		from the carrier's template; what is not http or https is left out.
		"""
		carrier, number = _text(carrier), _text(number)
		known = self._find(carrier) if carrier else None
		address = web_address(url)
		if not address and number and known and known.template:
			address = web_address(filled(known.template, number))
		if not (carrier or number or address):
			return None
		return Parcel(
			carrier=known.spelling if known else carrier,
			tracking_number=number,
			tracking_url=address,
			delivered=delivered,
		)

	def _find(self, carrier: str) -> Known | None:
		if self._known is None:
			self._known = _read(self._channel)
		return self._known.get(normalized(carrier))


def _read(channel: str) -> dict[str, Known]:
	"""Carriers by everything that means them. A row of the channel comes last and wins over its platform's."""
	platform = frappe.get_cached_value("Channel Settings", channel, "platform")
	spelled = dict(frappe.db.sql(SPELLINGS, (channel, platform or "")))
	templates = dict(frappe.get_all(DOCTYPE, fields=["name", "tracking_url"], as_list=True))
	return {
		written: Known(spelled.get(name) or name, templates[name] or None)
		for written, name in names_taken().items()
	}


def names_taken(besides: str | None = None) -> dict[str, str]:
	"""Everything that means a carrier, normalized, with the carrier's name. A name wins over an alias.

	:param besides: a carrier that is left out
	"""
	rows = frappe.get_all(DOCTYPE, filters={"name": ("!=", besides or "")}, fields=["name", "aliases"])
	aliases = {normalized(alias): row.name for row in rows for alias in lines(row.aliases)}
	return aliases | {normalized(row.name): row.name for row in rows}


def names() -> list[str]:
	"""Carriers to choose from, for whoever may open the form."""
	return frappe.get_all(DOCTYPE, pluck="name", order_by="name")


def normalized(text: str) -> str:
	"""Without regard to case and spaces."""
	return " ".join(text.split()).casefold()


def lines(text: str | None) -> list[str]:
	"""The lines of a text that say something, without the blanks around them."""
	return [line.strip() for line in (text or "").splitlines() if line.strip()]


def filled(template: str, number: str) -> str:
	"""The template with the number, quoted for a URL."""
	return template.replace(PLACE, quote(number, safe=""))


def web_address(url: str | None) -> str | None:
	"""The URL where it is one of http or https, else None: a buyer's browser must never run what was typed."""
	url = _text(url)
	if not url or any(letter.isspace() or not letter.isprintable() for letter in url):
		return None
	try:
		parts = urlsplit(url)
	except ValueError:
		return None
	return url if parts.scheme in ("http", "https") and parts.netloc else None


def _text(value: str | None) -> str | None:
	return (value or "").strip() or None
