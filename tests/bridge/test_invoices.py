"""Which entries look at what waits for a delivery or an invoice."""

from __future__ import annotations

from datetime import date

from commerce_bridge.bridge.channel import Channel, InvoicePolicy, PaymentMap, RefundPolicy
from commerce_bridge.bridge.invoices import DUE, delivery_entry, invoice_entry
from commerce_bridge.bridge.model import InvoiceDue

CHANNEL = Channel(name="Shop", platform="custom", company="Company", company_currency="EUR", currency="EUR")


def test_a_delivery_is_looked_at_where_something_depends_on_it():
	assert delivery_entry(CHANNEL, "1", "DN-1") is None
	billed = CHANNEL.model_copy(update={"invoices": InvoicePolicy(when="When Delivered")})
	on_delivery = CHANNEL.model_copy(update={"payments": (PaymentMap(gateway="cod", book="On Delivery"),)})
	for channel in (billed, on_delivery):
		entry = delivery_entry(channel, "1", "DN-1", date(2026, 11, 2))
		assert (entry.topic, entry.external_id, entry.direction) == (DUE, "1", "Inbound")
		due = InvoiceDue.model_validate_json(entry.payload)
		assert due == InvoiceDue(order_id="1", delivery_note="DN-1", on=date(2026, 11, 2))
		assert entry.dedupe_key == delivery_entry(channel, "1", "DN-1").dedupe_key, "each delivery once"
		assert entry.dedupe_key != delivery_entry(channel, "1", "DN-2").dedupe_key


def test_a_persons_invoice_is_looked_at_where_credit_notes_wait_for_it():
	entry = invoice_entry(CHANNEL, "1", "INV-1")
	assert InvoiceDue.model_validate_json(entry.payload) == InvoiceDue(order_id="1", invoice="INV-1")
	none = CHANNEL.model_copy(update={"refunds": RefundPolicy(credit_notes=False)})
	assert invoice_entry(none, "1", "INV-1") is None
	money = none.model_copy(update={"payments": (PaymentMap(gateway="card"),)})
	assert invoice_entry(money, "1", "INV-1"), "money waits for a draft that stands for its order"
