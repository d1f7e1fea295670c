"""Payouts of Shopify Payments: what reached the bank, each with every movement it is made of.

A payout is listed from when it was issued on, and is paid days later: what is on its way holds the cursor back, so
that it is met again. https://shopify.dev/docs/api/admin-graphql/2026-10/objects/ShopifyPaymentsPayout
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.model import BalanceRow, Payout
from commerce_bridge.bridge.money import parse_decimal
from commerce_bridge.bridge.protocols import PayoutPage
from commerce_bridge.connectors.shopify.client import AccessDenied
from commerce_bridge.connectors.shopify.documents.payouts import BALANCE, PAYOUTS
from commerce_bridge.connectors.shopify.ids import legacy_id, number_of
from commerce_bridge.connectors.shopify.payments import SHOPIFY_PAYMENTS

_ON_ITS_WAY = frozenset({"SCHEDULED", "IN_TRANSIT"})
#: Shopify's search knows seconds, and lags behind.
OVERLAP = timedelta(days=1)
_SEPARATOR = "|"
#: Type of a movement, or how it begins → what it is. The first that fits.
_KINDS: tuple[tuple[str, Any], ...] = (
	("CHARGEBACK", "dispute"),
	("DISPUTE", "dispute"),
	("RISK", "dispute"),
	("CHARGE_ADJUSTMENT", "adjustment"),
	("CHARGE", "payment"),
	("REFUND_ADJUSTMENT", "adjustment"),
	("REFUND", "refund"),
	("RESERVED_FUNDS", "reserve"),
	("STRIPE_FEE", "fee"),
	("REFERRAL_FEE", "fee"),
	("MARKETPLACE_FEE", "fee"),
	("APPLICATION_FEE", "fee"),
	("ACH_BANK_FAILURE_DEBIT", "fee"),
)
_TRANSFER = "TRANSFER"
Node = Mapping[str, Any]


class Client(Protocol):
	"""What is used of `ShopifyClient`."""

	def run(
		self,
		document: str,
		variables: Mapping[str, Any] | None = None,
		*,
		withheld: Collection[str] = (),
	) -> dict[str, Any]: ...


def payouts(client: Client, cursor: str | None) -> PayoutPage | None:
	"""A page of payouts that are paid, oldest first; None where the shop is not on Shopify Payments, or the app may not
	see them.

	:param cursor: since when, and the page within that; None for the whole history
	:raises Misconfigured: the cursor is none of ours
	:raises Rejected: a movement that makes no sense
	"""
	since, after, held = _read(cursor)
	query = None if since is None else f"issued_at:>='{_written(since - OVERLAP)}'"
	try:
		data = client.run(PAYOUTS, {"query": query, "after": after})
	except AccessDenied:
		return None
	account = data.get("shopifyPaymentsAccount")
	if not account:
		return None
	found = account["payouts"]
	zone = data["shop"]["ianaTimezone"]
	paid = tuple(_payout(client, node, zone) for node in found["nodes"] if node["status"] == "PAID")
	waiting = [_moment(node["issuedAt"]) for node in found["nodes"] if node["status"] in _ON_ITS_WAY]
	held = min([*waiting, *([held] if held else [])], default=None)
	info = found["pageInfo"]
	if info["hasNextPage"]:
		if info["endCursor"] in (None, after):
			raise Retryable("Shopify says there is another page, but its cursor does not move")
		return PayoutPage(paid, _joined(since, info["endCursor"], held), True)
	last = max((_moment(node["issuedAt"]) for node in found["nodes"]), default=since)
	next_since = min(filter(None, (held, last)), default=None)
	return PayoutPage(paid, _joined(next_since, None, None) if next_since else None, False)


# --- the cursor ----------------------------------------------------------------------------------------------


def _joined(since: datetime | None, after: str | None, held: datetime | None) -> str:
	parts = (_written(since) if since else "", after or "", _written(held) if held else "")
	return _SEPARATOR.join(parts).rstrip(_SEPARATOR) or _SEPARATOR


def _read(cursor: str | None) -> tuple[datetime | None, str | None, datetime | None]:
	if cursor is None:
		return None, None, None
	parts = [*cursor.split(_SEPARATOR), "", ""][:3]
	try:
		since, held = (_moment(part) if part else None for part in (parts[0], parts[2]))
	except ValueError:
		raise Misconfigured(
			f"{cursor[:40]!r} is no moment that payouts could be read from", "Channel State"
		) from None
	return since, parts[1] or None, held


def _moment(text: str) -> datetime:
	time = datetime.fromisoformat(text.replace("Z", "+00:00"))
	return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _written(moment: datetime) -> str:
	return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- one payout ----------------------------------------------------------------------------------------------


def _payout(client: Client, node: Node, zone: str) -> Payout:
	number = legacy_id(node["id"])
	rows = tuple(_row(each) for each in _balance(client, number) if each["type"] != _TRANSFER)
	return Payout(
		id=number,
		gateway=SHOPIFY_PAYMENTS,
		currency=node["net"]["currencyCode"],
		net=_net(_amount(node["net"]), rows),
		paid_on=_day(node["issuedAt"], zone),
		reference=node["externalTraceId"] or None,
		rows=rows,
	)


def _net(told: Decimal, rows: tuple[BalanceRow, ...]) -> Decimal:
	"""What is taken from the bank is below 0: Shopify may say it without the sign."""
	total = sum((row.net for row in rows), Decimal(0))
	return total if total == -told else told


def _balance(client: Client, number: str) -> Iterator[Node]:
	after: str | None = None
	while True:
		asked = {"query": f"payments_transfer_id:{number}", "after": after}
		page = client.run(BALANCE, asked)["shopifyPaymentsAccount"]["balanceTransactions"]
		yield from page["nodes"]
		info = page["pageInfo"]
		if not info["hasNextPage"]:
			return
		if info["endCursor"] in (None, after):
			raise Retryable("Shopify says there is another page, but its cursor does not move")
		after = info["endCursor"]


def _row(node: Node) -> BalanceRow:
	amount, fee, net = (_amount(node[name]) for name in ("amount", "fee", "net"))
	if net != amount - fee:
		raise Rejected(
			f"Balance transaction {legacy_id(node['id'])} of Shopify: {amount} less a fee of {fee} is not {net}"
		)
	kind = node["type"]
	return BalanceRow(
		id=legacy_id(node["id"]),
		kind=next((each for name, each in _KINDS if kind.startswith(name)), "adjustment"),
		gross=amount,
		fee=fee,
		net=net,
		currency=node["net"]["currencyCode"],
		reference=number_of(node["sourceOrderTransactionId"]),
		order_number=(node.get("associatedOrder") or {}).get("name"),
		moved_at=_moment(node["transactionDate"]).astimezone(timezone.utc),
		note=node["adjustmentReason"] or kind.replace("_", " ").capitalize(),
	)


def _amount(money: Node) -> Decimal:
	return parse_decimal(money["amount"])


def _day(time: str, zone: str) -> date:
	try:
		place: Any = ZoneInfo(zone)
	except (ZoneInfoNotFoundError, ValueError):
		place = timezone.utc
	return _moment(time).astimezone(place).date()
