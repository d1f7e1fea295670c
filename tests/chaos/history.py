"""Order histories as a shop would write them, and what must be true of each in the end.

The amounts are made here, by a shop's own arithmetic, from whole minor units: this is the oracle. Nothing of
the app is imported.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

START = datetime(2026, 11, 1, 8, tzinfo=timezone.utc)
TAX_PERCENT = 19


@dataclass(frozen=True)
class Delivery:
	"""One webhook: the same event may be delivered more than once."""

	webhook_id: str
	order_id: str
	body: bytes


@dataclass(frozen=True)
class Expected:
	"""How an order must stand in ERPNext. Amounts in cents; `quantities` by SKU; None: no live Sales Order."""

	order_id: str
	number: str
	email: str
	total: int
	tax: int
	quantities: dict[str, int] | None


def cents(amount: int) -> str:
	sign = "-" if amount < 0 else ""
	return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def half_up(numerator: int, denominator: int) -> int:
	return (2 * numerator + denominator) // (2 * denominator)


class Shop:
	"""Writes histories for a set of SKUs; the same seed writes the same ones."""

	def __init__(self, seed: int, skus: list[str], run: str):
		self.random = random.Random(seed)
		self.skus = skus
		self.run = run

	def histories(self, count: int) -> tuple[list[Delivery], list[Expected]]:
		"""Deliveries, each event once and in order, and what must come of them."""
		deliveries: list[Delivery] = []
		expected = []
		for number in range(count):
			events, end = self._history(number)
			deliveries += events
			expected.append(end)
		return deliveries, expected

	def _history(self, number: int) -> tuple[list[Delivery], Expected]:
		order_id = f"{self.run}-{number}"
		include_tax = self.random.random() < 0.4
		versions = self.random.choices([1, 2, 3], [5, 3, 2])[0]
		cancelled = self.random.random() < 0.15
		events = []
		for version in range(1, versions + 1):
			data, end = self._order(number, order_id, version, include_tax)
			events.append(self._delivery(order_id, version, "order.upserted", data))
		if cancelled:
			data = {"id": order_id, "version": versions + 1, "updated_at": self._moment(number, versions + 1)}
			events.append(self._delivery(order_id, versions + 1, "order.cancelled", data))
			end = Expected(order_id, end.number, end.email, 0, 0, None)
		return events, end

	def _delivery(self, order_id: str, version: int, kind: str, data: dict[str, Any]) -> Delivery:
		body = {"type": kind, "timestamp": data["updated_at"], "data": data}
		return Delivery(f"evt_{order_id}_{version}", order_id, json.dumps(body).encode())

	def _moment(self, number: int, version: int) -> str:
		moment = START + timedelta(minutes=number, seconds=version)
		return moment.isoformat().replace("+00:00", "Z")

	def _order(
		self, number: int, order_id: str, version: int, include_tax: bool
	) -> tuple[dict[str, Any], Expected]:
		lines = [
			self._line(f"{order_id}-{index}", sku, include_tax)
			for index, sku in enumerate(self.random.sample(self.skus, self.random.randint(1, 4)))
		]
		shipping = self._shipping(include_tax)
		tax = sum(line["tax"] for line in [*lines, shipping])
		net_or_gross = sum(line["total"] for line in [*lines, shipping])
		total = net_or_gross if include_tax else net_or_gross + tax
		email = f"buyer{number % 173}-{self.run}@example.com"
		data = {
			"id": order_id,
			"order_number": f"WEB-{order_id}",
			"version": version,
			"updated_at": self._moment(number, version),
			"placed_at": self._moment(number, 0),
			"status": "processing",
			"currency": "USD",
			"prices_include_tax": include_tax,
			"customer": {
				"id": f"c{number % 173}",
				"email": email,
				"first_name": "Zoë",
				"last_name": f"Büyer {number % 173}",
			},
			"billing_address": self._address(number),
			"shipping_address": self._address(number),
			"lines": [self._wire_line(line) for line in lines],
			"shipping": [
				{
					"code": "std",
					"title": "Standard",
					"amount": cents(shipping["total"]),
					"taxes": self._taxes(shipping),
				}
			],
			"totals": {"grand_total": cents(total), "tax": cents(tax)},
		}
		quantities: dict[str, int] = {}
		for line in lines:
			quantities[line["sku"]] = quantities.get(line["sku"], 0) + line["quantity"]
		return data, Expected(order_id, data["order_number"], email, total, tax, quantities)

	def _line(self, line_id: str, sku: str, include_tax: bool) -> dict[str, Any]:
		quantity, price = self.random.randint(1, 7), self.random.randint(99, 49_999)
		discount = self.random.choice([0, 0, self.random.randint(1, quantity * price // 3 + 1)])
		total = quantity * price - discount
		return {
			"id": line_id,
			"sku": sku,
			"quantity": quantity,
			"price": price,
			"discount": discount,
			"total": total,
			"tax": self._tax(total, include_tax),
		}

	def _shipping(self, include_tax: bool) -> dict[str, Any]:
		amount = self.random.choice([0, 490, 999])
		return {"total": amount, "tax": self._tax(amount, include_tax)}

	def _tax(self, amount: int, include_tax: bool) -> int:
		return half_up(amount * TAX_PERCENT, 100 + (TAX_PERCENT if include_tax else 0))

	def _taxes(self, line: dict[str, Any]) -> list[dict[str, str]]:
		return [{"title": "VAT", "code": "VAT", "rate": str(TAX_PERCENT), "amount": cents(line["tax"])}]

	def _wire_line(self, line: dict[str, Any]) -> dict[str, Any]:
		return {
			"id": line["id"],
			"sku": line["sku"],
			"name": f"Product {line['sku']}",
			"quantity": line["quantity"],
			"unit_price": cents(line["price"]),
			"discount": cents(line["discount"]),
			"total": cents(line["total"]),
			"taxes": self._taxes(line),
		}

	def _address(self, number: int) -> dict[str, str]:
		return {
			"name": f"Zoë Büyer {number % 173}",
			"line1": f"{number % 173} Main Street",
			"city": "Springfield",
			"region_code": "IL",
			"postal_code": "62701",
			"country_code": "US",
		}
