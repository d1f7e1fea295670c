"""Ways to pay: which ones this channel's orders were paid by, and rows for those that many shops have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import frappe

from commerce_bridge import connectors
from commerce_bridge.bridge import mapping
from commerce_bridge.bridge.channel import Channel, PaymentMap
from commerce_bridge.bridge.payments import FOUND
from commerce_bridge.bridge.protocols import SuggestedGateway, UsualGateway
from commerce_bridge.erpnext.channel_settings import register_platforms

#: Entries looked at, the newest ones: there is one for each payment of an order, whether it is booked or not.
RECENT = 500
#: Without a hint the optimiser, for the sake of the order, reads through the entries of everything else.
PAID = """SELECT name, payload FROM `tabSync Log` FORCE INDEX (channel_topic_creation)
	WHERE channel = %(channel)s AND topic = %(topic)s AND payload > '' ORDER BY creation DESC LIMIT %(limit)s"""
#: How a clearing account is usually called, by the gateway's title.
CALLED = ("{0}", "{0} Clearing", "{0} Clearing Account", "{0} Account", "Clearing {0}")
#: Accounts that cannot take a payment without a party, or are for something else.
OTHER_TYPES = ("Receivable", "Payable", "Stock", "Tax", "Fixed Asset")


@dataclass(slots=True)
class Seen:
	"""A gateway as payments of this channel name it, in one currency.

	:param entry: of the Sync Log, the newest of them
	:param fees: how many of the payments came with a fee
	"""

	gateway: str
	currency: str
	entry: str
	order_id: str
	payments: int = 0
	fees: int = 0


def seen(channel: str) -> list[Seen]:
	"""What the payments told lately were made by, most used first."""
	values = {"channel": channel, "topic": FOUND, "limit": RECENT}
	found: dict[tuple[str, str], Seen] = {}
	for name, payload in frappe.db.sql(PAID, values):
		payment = _read(payload)
		gateway, currency = payment.get("gateway"), payment.get("currency")
		if gateway and currency:
			key = (gateway.casefold(), currency)
			each = found.setdefault(key, Seen(gateway, currency, name, str(payment.get("order_id") or "")))
			each.payments += 1
			each.fees += _is_amount(payment.get("fee"))
	return sorted(found.values(), key=lambda each: -each.payments)


def _read(payload: str) -> dict[str, Any]:
	payment = json.loads(payload)
	return payment if isinstance(payment, dict) else {}


def _is_amount(value: Any) -> bool:
	return bool(value) and float(value) != 0


def suggested(channel: str) -> tuple[SuggestedGateway, ...]:
	"""As suggestions for the payment map, where the shop itself cannot be asked."""
	found = {
		each.gateway.casefold(): SuggestedGateway(each.gateway, example=f"Order {each.order_id}")
		for each in reversed(seen(channel))
	}
	return tuple(reversed(found.values()))


# --- the usual ones --------------------------------------------------------------------------------------


def usual(channel: Channel) -> list[dict[str, Any]]:
	"""Rows of the payment map for gateways many shops have, as this channel's platform names them, with the title that
	people know. Accounts and modes of payment are filled in where there is one of that name; none is made.

	Those that a row of the channel names already are left out.
	"""
	register_platforms()
	rows = [row for row in channel.payments if row.gateway != mapping.ANY]
	return [
		_row(channel, gateway)
		for gateway in connectors.usual_gateways(channel.platform)
		if not any(_same(row, gateway) for row in rows)
	]


def _same(row: PaymentMap, gateway: UsualGateway) -> bool:
	return mapping.names_gateway(row.gateway, gateway.gateway) or mapping.names_gateway(
		gateway.gateway, row.gateway
	)


def _row(channel: Channel, gateway: UsualGateway) -> dict[str, Any]:
	return {
		"title": gateway.title,
		"gateway": gateway.gateway,
		"book": gateway.book,
		"mode_of_payment": next(_modes(gateway), None),
		"account": _account(channel, gateway.title),
	}


def _modes(gateway: UsualGateway) -> Iterator[str]:
	for name in filter(None, (gateway.title, gateway.mode_of_payment)):
		if frappe.db.get_value("Mode of Payment", name, "enabled"):
			yield name


def _account(channel: Channel, title: str) -> str | None:
	names = [form.format(title) for form in CALLED]
	filters = {
		"company": channel.company,
		"is_group": 0,
		"disabled": 0,
		"account_name": ("in", names),
		"account_type": ("not in", OTHER_TYPES),
		"root_type": ("in", ("Asset", "Liability")),
		"account_currency": ("in", (channel.company_currency, channel.currency)),
	}
	found = dict(frappe.get_all("Account", filters, ["account_name", "name"], as_list=True))
	return next((found[name] for name in names if name in found), None)
