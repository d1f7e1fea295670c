"""Report: what the shops say their orders come to against what ERPNext has of them, by day and channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import frappe
from frappe import _
from frappe.utils import add_days, formatdate, getdate

from commerce_bridge.commerce_bridge.report.shown import channels, column
from commerce_bridge.erpnext import order_reconciliation
from commerce_bridge.erpnext.order_reconciliation import EQUAL, HELD, Compared

BY_DAY, DIFFERING = "By Day and Channel", "Orders That Differ"
#: More than a person looks through; a browser shows them still.
MOST_ROWS = 10_000
DAYS = 30
#: Bars of the chart; with more, colours are met twice.
CHANNELS_SHOWN = 8


@dataclass(slots=True)
class Sum:
	"""Of some orders in one currency."""

	orders: int = 0
	shop_total: Decimal = Decimal(0)
	booked: Decimal = Decimal(0)
	differing: int = 0
	held: int = 0

	def add(self, order: Compared) -> None:
		self.orders += 1
		self.shop_total += order.shop_total
		self.booked += order.booked
		self.differing += order.state != EQUAL
		self.held += order.state == HELD


@dataclass(slots=True)
class Counted:
	"""All orders of the period, as sums; of the orders themselves, those that are to be shown."""

	days: dict[tuple[date, str, str], Sum] = field(default_factory=dict)  # by day, channel, currency
	currencies: dict[str, Sum] = field(default_factory=dict)
	rows: list[Compared] = field(default_factory=list)
	left_out: int = 0

	def add(self, order: Compared, shown: bool) -> None:
		key = (order.placed_on, order.channel, order.currency)
		self.days.setdefault(key, Sum()).add(order)
		self.currencies.setdefault(order.currency, Sum()).add(order)
		if not shown:
			return
		if len(self.rows) < MOST_ROWS:
			self.rows.append(order)
		else:
			self.left_out += 1


def execute(filters: dict[str, Any] | None = None) -> tuple[Any, ...]:
	"""Columns, rows, message, chart and summary; channels the user may not read are left out."""
	wanted = frappe._dict(filters or {})
	last = getdate(wanted.to_date)
	first = getdate(wanted.from_date or add_days(last, -DAYS))
	view = wanted.view or BY_DAY
	readable = channels(wanted.channel)
	counted = count(order_reconciliation.compare(readable, first, last), view)
	message = _message(counted, order_reconciliation.unread(readable))
	currency = _most_used(counted)
	shown = (_day_columns(), _day_rows(counted)) if view == BY_DAY else (_columns(), _rows(counted.rows))
	return (*shown, message, _chart(counted, currency), _summary(counted))


def count(orders: Iterable[Compared], view: str) -> Counted:
	"""Reads the orders once; keeps sums, and the rows of the view."""
	counted = Counted()
	for order in orders:
		counted.add(order, view != BY_DAY and (view != DIFFERING or order.state != EQUAL))
	return counted


# --- tables ------------------------------------------------------------------------------------------------


def _amounts() -> list[dict[str, Any]]:
	return [
		column("shop_total", _("Shop Total"), "Currency", 120, options="currency"),
		column("erpnext_total", _("ERPNext Total"), "Currency", 120, options="currency"),
		column("difference", _("Difference"), "Currency", 110, options="currency"),
	]


def _day_columns() -> list[dict[str, Any]]:
	return [
		column("placed_on", _("Day"), "Date", 110),
		column("channel", _("Channel"), "Link", 160, options="Channel Settings"),
		*_amounts(),
		column("currency", _("Currency"), width=90),
		column("orders", _("Orders"), "Int", 80),
		column("differing", _("Orders That Differ"), "Int", 160),
		column("held", _("Held"), "Int", 80),
	]


def _day_rows(counted: Counted) -> list[dict[str, Any]]:
	return [
		{
			"placed_on": day,
			"channel": channel,
			"currency": currency,
			**_cells(total.shop_total, total.booked),
			"orders": total.orders,
			"differing": total.differing,
			"held": total.held,
		}
		for (day, channel, currency), total in sorted(counted.days.items(), reverse=True)
	]


def _cells(shop_total: Decimal, booked: Decimal) -> dict[str, float]:
	return {
		"shop_total": float(shop_total),
		"erpnext_total": float(booked),
		"difference": float(shop_total - booked),
	}


def _columns() -> list[dict[str, Any]]:
	return [
		column("state", _("State"), width=130),
		column("number", _("Order"), width=110),
		*_amounts(),
		column("to_accept", _("Difference to Accept"), "Currency", 170, options="currency"),
		column("placed_on", _("Day"), "Date", 110),
		column("channel", _("Channel"), "Link", 140, options="Channel Settings"),
		# No Link: who may not read Sales Orders would get no report at all. The script makes it one.
		column("document", _("Document"), width=190),
		column("log", _("Sync Log"), "Link", 120, options="Sync Log"),
		column("message", _("Reason"), width=400),
		column("currency", _("Currency"), width=80, hidden=1),
		column("exact", "", width=0, hidden=1),
		column("doctype", "", width=0, hidden=1),
	]


def _rows(orders: Iterable[Compared]) -> list[dict[str, Any]]:
	return [
		{
			"state": order.state,
			"number": order.number,
			"placed_on": order.placed_on,
			"channel": order.channel,
			"currency": order.currency,
			**_cells(order.shop_total, order.booked),
			**({} if order.difference is not None else {"erpnext_total": None, "difference": None}),
			"to_accept": None if order.to_accept is None else float(order.to_accept),
			"exact": None if order.to_accept is None else str(order.to_accept),
			"document": order.document,
			"doctype": order.doctype,
			"log": order.log,
			"message": order.message,
		}
		for order in orders
	]


# --- above the table ---------------------------------------------------------------------------------------


def _message(counted: Counted, unread: int) -> str | None:
	texts = []
	if not counted.days:
		texts.append(
			_("No order of these days is known. Totals are kept from the first order that is booked.")
		)
	if counted.left_out:
		texts.append(
			_("{0} more orders are not shown: choose fewer days, or a channel.").format(counted.left_out)
		)
	if unread:
		texts.append(
			_("{0} entries failed before their total was known: look into the Sync Log.").format(unread)
		)
	return " ".join(texts) or None


def _most_used(counted: Counted) -> str | None:
	orders = Counter({currency: total.orders for currency, total in counted.currencies.items()})
	return orders.most_common(1)[0][0] if orders else None


def _chart(counted: Counted, currency: str | None) -> dict[str, Any] | None:
	"""By day and channel, in the currency of most orders: amounts of several cannot be compared."""
	if currency is None:
		return None
	differences: dict[str, dict[date, Decimal]] = {}
	for (day, channel, other), total in sorted(counted.days.items()):
		if other == currency:
			differences.setdefault(channel, {})[day] = total.shop_total - total.booked
	days = sorted({day for by_day in differences.values() for day in by_day})
	differences = with_others(differences)
	return {
		"data": {
			"labels": [formatdate(day, "d MMM") for day in days],
			"datasets": [
				{
					"name": channel,
					"values": [float(by_day.get(day, 0)) for day in days],
				}
				for channel, by_day in differences.items()
			],
		},
		"title": _("Difference in {0}").format(currency),
		"type": "bar",
		"barOptions": {"stacked": 1},
		"fieldtype": "Float",
		"height": 180,
	}


def with_others(differences: dict[str, dict[date, Decimal]]) -> dict[str, dict[date, Decimal]]:
	"""The channels that differ most, and the sum of the others: more cannot be told apart by their colours."""
	if len(differences) <= CHANNELS_SHOWN:
		return differences
	ranked = sorted(differences, key=lambda channel: -sum(map(abs, differences[channel].values())))
	others: dict[date, Decimal] = {}
	for channel in ranked[CHANNELS_SHOWN - 1 :]:
		for day, difference in differences[channel].items():
			others[day] = others.get(day, Decimal(0)) + difference
	return {channel: differences[channel] for channel in ranked[: CHANNELS_SHOWN - 1]} | {
		_("Other Channels"): others
	}


def _summary(counted: Counted) -> list[dict[str, Any]]:
	cards = []
	for currency, total in sorted(counted.currencies.items()):
		money = {"datatype": "Currency", "currency": currency}
		difference = total.shop_total - total.booked
		cards += [
			{"label": _("Shop Total"), "value": float(total.shop_total), **money},
			{"label": _("ERPNext Total"), "value": float(total.booked), **money},
			{
				"label": _("Difference"),
				"value": float(difference),
				"indicator": "Red" if difference else "Green",
				**money,
			},
		]
	held = sum(total.held for total in counted.currencies.values())
	differing = sum(total.differing for total in counted.currencies.values())
	if cards:
		cards.append({"label": _("Orders That Differ"), "value": differing, "datatype": "Int"})
		cards.append({"label": _("Held"), "value": held, "datatype": "Int"})
	return cards
