"""Orders as a shop writes them: its own prices, its own tax arithmetic, on the custom storefront's wire format."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
TAX_PERCENT = Decimal(19)
SHIPPING = (Decimal("0.00"), Decimal("4.90"), Decimal("9.99"))
NAMES = (
	("Zoë", "Büyer"),
	("张", "伟"),
	("Ada", "Lovelace"),
	("Nguyễn", "An"),
	("Ömer", "Öz"),
	("Эмма", "Кац"),
)


@dataclass(frozen=True)
class Product:
	sku: str
	price: Decimal


def iso(moment: datetime) -> str:
	return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def line(line_id: str, product: Product, quantity: int, discount: Decimal, inclusive: bool) -> dict[str, Any]:
	"""One position, with the tax the shop charges for all of it."""
	total = product.price * quantity - discount
	return {
		"id": line_id,
		"sku": product.sku,
		"name": f"Product {product.sku}",
		"quantity": quantity,
		"unit_price": str(product.price),
		"discount": str(discount),
		"total": str(total),
		"taxes": _taxes(total, inclusive),
	}


def order(
	number: int,
	version: int,
	moment: datetime,
	lines: Sequence[dict[str, Any]],
	shipping: Decimal,
	inclusive: bool,
	currency: str = "EUR",
) -> dict[str, Any]:
	"""The data of an `order.upserted`; the same number has the same buyer."""
	charged = {
		"code": "std",
		"title": "Standard",
		"amount": str(shipping),
		"taxes": _taxes(shipping, inclusive),
	}
	parts = [*lines, charged]
	tax = sum((Decimal(row["amount"]) for part in parts for row in part["taxes"]), Decimal(0))
	total = sum((Decimal(row["total"]) for row in lines), shipping) + (0 if inclusive else tax)
	address = _address(number)
	return {
		"id": str(9000 + number),
		"order_number": f"WEB-{9000 + number}",
		"version": version,
		"updated_at": iso(moment),
		"placed_at": iso(moment),
		"status": "processing",
		"currency": currency,
		"prices_include_tax": inclusive,
		"customer": _customer(number),
		"billing_address": address,
		"shipping_address": address,
		"lines": list(lines),
		"shipping": [charged],
		"totals": {"grand_total": str(total), "tax": str(tax)},
	}


def random_lines(
	chance: random.Random, number: int, products: Sequence[Product], inclusive: bool
) -> list[dict[str, Any]]:
	"""One to three positions, some of them with a discount that no quantity divides."""
	chosen = chance.sample(list(products), chance.randint(1, min(3, len(products))))
	lines = []
	for index, product in enumerate(chosen):
		quantity = chance.randint(1, 4)
		discount = chance.choice((Decimal("0.00"), Decimal("0.00"), (product.price / 7).quantize(CENT)))
		lines.append(line(f"{number}-{index}", product, quantity, discount, inclusive))
	return lines


def _taxes(total: Decimal, inclusive: bool) -> list[dict[str, str]]:
	amount = total * TAX_PERCENT / (100 + (TAX_PERCENT if inclusive else 0))
	rounded = amount.quantize(CENT, ROUND_HALF_UP)
	return [{"title": "VAT", "code": "VAT", "rate": str(TAX_PERCENT), "amount": str(rounded)}]


def _customer(number: int) -> dict[str, str]:
	first, last = NAMES[number % len(NAMES)]
	buyer = number % 60
	return {"id": f"c{buyer}", "email": f"Buyer{buyer}@example.com", "first_name": first, "last_name": last}


def _address(number: int) -> dict[str, str]:
	first, last = NAMES[number % len(NAMES)]
	return {
		"name": f"{first} {last}",
		"line1": f"Hauptstraße {number % 60}",
		"city": "Köln",
		"postal_code": "50667",
		"country_code": "DE",
	}
