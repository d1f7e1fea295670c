"""Any order of a shop, billed in any parts, is billed to the cent; what is credited in full is credited to the cent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.model import Order
from commerce_bridge.bridge.orders import apply_order
from commerce_bridge.bridge.plan import InvoicePlan
from commerce_bridge.bridge.protocols import Entry
from commerce_bridge.tests.strategies import CURRENCIES, channel, orders
from sandbox.world import Sandbox
from tests.sandbox.stage import CHANNEL, START, Stage

settings.register_profile(
	"invoices", max_examples=400, deadline=None, suppress_health_check=list(HealthCheck)
)
TODAY = date(2026, 5, 4)


class Undone(Exception):
	"""Leaves the database as it was."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
	stage = Stage()
	for currency in CURRENCIES:
		stage.sandbox.set_exchange_rate(currency, "2020-01-01", Decimal("1.1"))
	stage.sandbox.make_item("FEE", is_stock_item=False)
	yield stage
	stage.close()


@settings(settings.get_profile("invoices"))
@given(order=orders(), data=st.data())
def test_the_invoices_of_all_deliveries_are_the_order(
	stage: Stage, order: Order, data: st.DataObject
) -> None:
	# Of what is all but given away, a part may come to less than nothing: the ERP refuses it, and says so.
	assume(order.total * 10 > sum(line.total for line in order.lines))
	sandbox = stage.sandbox
	known = {row["item_code"] for row in sandbox.database.read("select item_code from items")}
	for sku in sorted({line.sku for line in order.lines if line.sku} - known):
		sandbox.make_item(sku)
	with pytest.raises(Undone), sandbox.erp.transaction():
		_bill_in_parts(sandbox, channel(name=CHANNEL), order, data)
		raise Undone


def _bill_in_parts(sandbox: Sandbox, shop: Channel, order: Order, data: st.DataObject) -> None:
	erp = sandbox.erp
	entry = Entry("log", CHANNEL, "Inbound", "order.upserted", "{}", order.id, 1, "lease", START)
	assert apply_order(erp, shop, order, entry).state == "Succeeded"
	name = sandbox.sales_orders(order.id)[-1]["name"]
	left = {row["idx"]: Decimal(row["qty"]) for row in erp.order_rows(name) if row["line_id"]}
	total = Decimal(0)
	while any(left.values()):
		part = data.draw(_part(left), "what is delivered")
		note = erp.deliver(name, part)
		left = {idx: rest - part.get(idx, Decimal(0)) for idx, rest in left.items()}
		booked = erp.create_invoice(shop, InvoicePlan(CHANNEL, name, TODAY, True, delivery_note=note))
		assert booked is not None
		assert erp.create_invoice(shop, InvoicePlan(CHANNEL, name, TODAY, True, delivery_note=note)) is None
		total += booked.grand_total
	books = erp.get_books(name)
	assert erp.create_invoice(shop, InvoicePlan(CHANNEL, name, TODAY, True)) is None
	assert total == order.total == books.total
	assert sum(invoice.open for invoice in books.invoices) == total


def _part(left: Mapping[int, Decimal]) -> st.SearchStrategy[dict[int, Decimal]]:
	"""Some of what is left, at least one row: whole pieces, or all of a row that is none."""
	rows = [idx for idx, quantity in left.items() if quantity]
	some = {idx: _pieces(left[idx]) for idx in rows}
	return st.lists(st.sampled_from(rows), min_size=1, unique=True).flatmap(
		lambda chosen: st.fixed_dictionaries({idx: some[idx] for idx in chosen})
	)


def _pieces(left: Decimal) -> st.SearchStrategy[Decimal]:
	if left != int(left):
		return st.just(left)
	return st.one_of(st.just(left), st.integers(1, int(left)).map(Decimal))
