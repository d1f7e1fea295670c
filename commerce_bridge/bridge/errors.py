"""What can go wrong, in three classes that decide what happens next.

BridgeError
├── Retryable      network, 429, 5xx: try again later (Conflict: a deadlock, repeated at once)
├── Rejected       bad data: fails at once, a person decides
└── Misconfigured  a mapping or credential is missing: fails at once, says what to fill in

Anything else is caught once, at the worker's boundary, and becomes Failed, class Unexpected.
Messages reach people: they carry no secret and no personal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
	from commerce_bridge.bridge.details import Details, Unmapped


class BridgeError(Exception):
	"""Base of the engine's own errors.

	`details`: what the entry that it ends is about, in numbers and codes.
	"""

	details: Details | None = None


class Retryable(BridgeError):
	"""The same attempt may succeed later.

	:param after: how long to wait at least, where the other side said so (Retry-After).
	"""

	def __init__(self, message: str, after: timedelta | None = None):
		super().__init__(message)
		self.after = after


class AnswerTooLarge(Retryable):
	"""The answer is longer than is taken: what asks for less at once gets it."""


class NotYet(Retryable):
	"""The storefront answered, but what is asked for is not there yet: no fault of it, its circuit stays closed."""


class Conflict(Retryable):
	"""Two transactions met (deadlock, lock wait): the same transaction is repeated at once, a few times."""


class Rejected(BridgeError):
	"""The data itself cannot be booked; trying again changes nothing."""


class TooLarge(Rejected):
	"""The storefront refused a request for its size (413): a batch is cut in half and sent again."""


class NothingToBook(Rejected):
	"""An order has nothing that would be a row of a Sales Order."""


class TotalsDiffer(Rejected):
	"""The document ERPNext would make is not equal to the order of the shop.

	:param difference: what the shop's total is above the document's: the number a Manager may accept
	:param document: the document's total
	"""

	def __init__(self, message: str, difference: Decimal | None = None, document: Decimal | None = None):
		super().__init__(message)
		self.difference = difference
		self.document = document


class Misconfigured(BridgeError):
	"""A setting is missing or wrong; after it is filled in, Retry succeeds.

	:param doctype: the DocType to open, e.g. "Channel Settings" or "Item"
	:param document: the name of the document, if one exists already
	:param fieldname: the field to fill in
	"""

	def __init__(
		self,
		message: str,
		doctype: str | None = None,
		document: str | None = None,
		fieldname: str | None = None,
	):
		super().__init__(message)
		self.doctype = doctype
		self.document = document
		self.fieldname = fieldname


class ItemsMissing(Misconfigured):
	"""Lines of an order are of no Item.

	:param unmapped: those of the shop's products
	"""

	def __init__(
		self,
		message: str,
		doctype: str | None = None,
		document: str | None = None,
		fieldname: str | None = None,
		unmapped: Sequence[Unmapped] = (),
	):
		super().__init__(message, doctype, document, fieldname)
		self.unmapped = tuple(unmapped)


class LeaseLost(BridgeError):
	"""Another worker has taken the entry over: this one must write nothing more."""


class Unauthorized(BridgeError):
	"""A webhook is not signed by the channel's secret; the answer is 401, with no reason given."""


class BadRequest(BridgeError):
	"""A signed webhook that cannot be understood; the answer is 400 and the raw bytes are kept."""
