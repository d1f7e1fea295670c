"""A Return Authorisation as the engine sees it, and as it wants it to be after what a shop said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from commerce_bridge.bridge.model import Return, ReturnStatus


@dataclass(frozen=True, slots=True)
class ReturnedLine:
	"""A position of a Return Authorisation, its units together. `received` came back by submitted documents, `drafted`
	is in documents that are not submitted yet."""

	quantity: Decimal
	received: Decimal = Decimal(0)
	drafted: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ReturnState:
	"""A Return Authorisation as it stands.

	:param lines: by the shop's line id
	:param receipts: documents by which goods came back, or will; cancelled ones are not among them
	"""

	name: str
	status: ReturnStatus
	lines: Mapping[str, ReturnedLine]
	receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorisationPlan:
	"""A Return Authorisation as it is to be. Lines are the shop's; what was received, inspected and decided of them in
	the ERP stays.

	:param found: with its `order_id`
	"""

	channel: str
	company: str
	sales_order: str
	found: Return
	status: ReturnStatus


@dataclass(frozen=True, slots=True)
class Receipt:
	"""What was made of goods that came back.

	:param documents: DocType and name
	:param note: what a person has to do besides, in words
	"""

	documents: tuple[tuple[str, str], ...] = ()
	note: str = ""
