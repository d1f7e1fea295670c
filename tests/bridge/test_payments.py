"""Which state of a payment is the newer one, what counts as paid, and what the ERP is asked to book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from itertools import permutations

import pytest

from commerce_bridge.bridge.channel import Channel, PaymentMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected, Retryable
from commerce_bridge.bridge.payments import book, fact_of, is_delivered, is_older, moved
from commerce_bridge.bridge.plan import Books, Parties, SalesOrderState
from commerce_bridge.bridge.world import World
from commerce_bridge.tests.history_events import paid

CHANNEL = Channel(name="Shop", platform="custom", company="Company", company_currency="EUR", currency="EUR")
ZERO = Decimal(0)
NOW = datetime(2026, 11, 9, 12, tzinfo=timezone.utc)
STATES = ("pending", "authorised", "captured", "voided", "failed")


def kept(payment, way="Receive", document=None):
	return replace(fact_of(None, payment, CHANNEL, way), document=document)


# --- the newest state


@pytest.mark.parametrize("order", list(permutations(STATES[:4])))
def test_of_one_moment_what_is_further_on_counts_whatever_comes_first(order):
	record = None
	for status in order:
		payment = paid(status=status)
		if record is None or not is_older(record, payment):
			record = kept(payment)
	assert record.data == paid(status="voided").model_dump_json()


def test_a_later_moment_counts_although_it_is_less_far_on():
	record = kept(paid(minute=3))
	assert not is_older(record, paid(minute=4, status="authorised"))
	assert is_older(record, paid(minute=2, status="voided"))


def test_versions_decide_where_both_have_one():
	record = kept(paid(minute=3, version=2))
	assert is_older(record, paid(minute=9, version=1, status="voided"))
	assert not is_older(record, paid(minute=1, version=3, status="pending"))
	assert is_older(record, paid(minute=3, version=2, status="authorised")), "the same: what is further on"


def test_without_a_moment_what_is_further_on_counts():
	unknown = {"updated_at": None}
	record = kept(paid().model_copy(update=unknown))
	assert is_older(record, paid(status="authorised").model_copy(update=unknown))
	assert not is_older(record, paid(status="voided").model_copy(update=unknown))
	assert not is_older(record, paid().model_copy(update=unknown)), "the same one is no older"


# --- what was paid


def test_what_was_captured_or_booked_counts():
	records = [
		kept(paid("p1", "10.00")),
		kept(paid("p2", "20.00", status="authorised")),
		kept(paid("p3", "5.00", status="authorised"), document="PE-1"),
		kept(paid("p4", "7.00", status="voided"), document="PE-2"),
		kept(paid("m1", "3.00"), way="Pay"),
	]
	assert moved(records, "Receive") == Decimal(15)
	assert moved(records, "Pay") == Decimal(3)
	assert moved([replace(records[0], data=None)], "Receive") == ZERO


def test_an_order_is_delivered_once_all_of_it_is_or_it_is_closed():
	ordered = {"a": Decimal(2), "b": Decimal(1)}
	books = Books("SO", "Ada", "EUR", Decimal(1), ZERO, ordered, {}, {}, (), (), ZERO, ZERO)
	assert not is_delivered(books)
	assert not is_delivered(replace(books, delivered={"a": Decimal(2)}))
	assert is_delivered(replace(books, delivered=ordered))
	assert is_delivered(replace(books, closed=True))


# --- what the ERP is asked to book

PARTIES = Parties("Ada")
ROW = {"mode_of_payment": "Card", "account": "Clearing"}


class Books49:
	"""An ERP that has one order of 49.00, and keeps what it is asked to book."""

	def __init__(self, status="Submitted", **books):
		ordered = {"a": Decimal(2)}
		fresh = Books("SO-1", "Ada", "EUR", Decimal("1.10"), Decimal(49), ordered, {}, {}, (), (), ZERO, ZERO)
		self.books, self.status = replace(fresh, **books), status
		self.plans, self.cancelled, self.records = [], [], {}

	def get_sales_order(self, name):
		return SalesOrderState(name, self.status, PARTIES)

	def get_books(self, name):
		return self.books

	def get_record(self, channel, record_type, external_id):
		return self.records.get((record_type, external_id))

	def save_record(self, record):
		self.records[record.record_type, record.external_id] = record

	def create_payment(self, channel, plan):
		self.plans.append(plan)
		return f"PE-{len(self.plans)}"

	def payment_stands(self, name):
		return name not in self.cancelled

	def cancel_payment(self, name):
		self.cancelled.append(name)


def booked(payment, *rows, erp=None, way="Receive", record=None, **settings):
	erp = erp or Books49()
	world = World(erp, None, None, None, lambda: NOW, None)
	channel = CHANNEL.model_copy(
		update={"payments": rows or (PaymentMap(gateway="card", **ROW),), **settings}
	)
	payment = payment.model_copy(update={"currency": "EUR"}) if payment.currency == "XXX" else payment
	booking = book(world, channel, payment, record or kept(payment, way), "SO-1", way)
	return erp.plans[-1] if erp.plans else None, booking


def test_a_payment_is_booked_gross_with_the_order_s_rate_and_the_gateway_s_id():
	plan, booking = booked(paid(), cost_center="Web")
	assert (plan.amount, plan.currency, plan.conversion_rate) == (Decimal(49), "EUR", Decimal("1.10"))
	assert (plan.payment_type, plan.customer, plan.sales_order) == ("Receive", "Ada", "SO-1")
	assert (plan.mode_of_payment, plan.account, plan.reference) == ("Card", "Clearing", "txn-p1")
	assert (plan.cost_center, plan.gateway, booking.record.document) == ("Web", "card", "PE-1")
	assert booking.outcome().state == "Succeeded"


def test_without_an_id_of_the_gateway_the_shop_s_is_the_reference_and_long_ones_are_cut():
	assert booked(paid(reference=None))[0].reference == "p1"
	assert len(booked(paid(reference="x" * 200))[0].reference) == 140


def test_fees_are_deducted_where_there_is_an_account_for_them():
	told = paid(fee=Decimal("1.50"), fee_tax=Decimal("0.30"))
	row = PaymentMap(gateway="card", **ROW, fee_account="Fees", fee_tax_account="Input Tax")
	plan, _ = booked(told, row)
	assert (plan.fee, plan.fee_account) == (Decimal("1.50"), "Fees")
	assert (plan.fee_tax, plan.fee_tax_account) == (Decimal("0.30"), "Input Tax")
	plan, _ = booked(told, row.model_copy(update={"fee_tax_account": None}))
	assert plan.fee_tax_account == "Fees"
	plan, _ = booked(told)
	assert (plan.fee, plan.fee_tax) == (0, 0), "they are booked with the payout"


def test_what_the_gateway_took_in_another_currency_is_told():
	plan, _ = booked(paid(charged=Decimal("57.00"), charged_currency="USD"))
	assert plan.charged == (Decimal("57.00"), "USD")


def test_the_day_is_that_of_the_site_and_of_cash_on_delivery_the_day_of_the_delivery():
	late = datetime(2026, 11, 2, 23, 30, tzinfo=timezone.utc)
	told = paid().model_copy(update={"paid_at": late})
	assert booked(told, time_zone="Asia/Tokyo")[0].posting_date == date(2026, 11, 3)
	cod = PaymentMap(gateway="card", **ROW, book="On Delivery")
	plan, _ = booked(told, cod, erp=Books49(closed=True))
	assert plan.posting_date == NOW.date()


def test_the_first_row_that_fits_gateway_and_currency_counts():
	rows = (
		PaymentMap(gateway="shop*pay", currency="USD", **ROW),
		PaymentMap(gateway="SHOP*", **ROW | {"account": "Second"}),
		PaymentMap(gateway="*", **ROW | {"account": "Third"}),
	)
	assert booked(paid(gateway="Shop Pay"), *rows)[0].account == "Second"
	assert booked(paid(gateway="other"), *rows)[0].account == "Third"


@pytest.mark.parametrize(
	("policy", "status", "made"),
	[
		("Now", "pending", False),
		("Now", "authorised", True),
		("Now", "captured", True),
		("On Capture", "authorised", False),
		("On Capture", "captured", True),
		("On Delivery", "captured", False),
		("Never", "captured", False),
	],
)
def test_when_a_payment_is_booked(policy, status, made):
	plan, booking = booked(paid(status=status), PaymentMap(gateway="card", **ROW, book=policy))
	assert (plan is not None, booking.changed) == (made, made)
	assert booking.outcome().state == ("Succeeded" if made else "Skipped")


@pytest.mark.parametrize("status", ["authorised", "pending"])
def test_money_goes_back_once_it_moved_whatever_the_policy(status):
	now = PaymentMap(gateway="card", **ROW, book="Now")
	assert booked(paid(status=status), now, way="Pay")[0] is None
	delivery = PaymentMap(gateway="card", **ROW, book="On Delivery")
	assert booked(paid(), delivery, way="Pay")[0].payment_type == "Pay"


def test_a_draft_order_s_money_waits():
	with pytest.raises(Retryable, match="draft"):
		booked(paid(), erp=Books49("Draft"))


def test_another_currency_than_the_order_s_is_refused():
	with pytest.raises(Rejected, match=r"JPY.*EUR"):
		booked(paid().model_copy(update={"currency": "JPY"}))


def test_a_gateway_without_a_row_names_the_table():
	with pytest.raises(Misconfigured) as missing:
		booked(paid(gateway="other"))
	assert (missing.value.doctype, missing.value.fieldname) == ("Channel Settings", "payment_map")


def test_one_transaction_is_booked_once_and_its_refund_is_another():
	erp = Books49()
	booked(paid(reference="ch_1"), erp=erp)
	_, second = booked(paid("p2", reference="ch_1"), erp=erp)
	assert (len(erp.plans), second.changed) == (1, False)
	assert "p1" in second.message and "PE-1" in second.message
	booked(paid("m1", reference="ch_1"), erp=erp, way="Pay")
	booked(paid("p3", reference="ch_2"), erp=erp)
	assert len(erp.plans) == 3


def test_what_was_voided_is_taken_back_and_its_transaction_is_free_again():
	erp = Books49()
	_, first = booked(paid(reference="ch_1"), erp=erp)
	_, gone = booked(paid(status="voided", reference="ch_1"), erp=erp, record=first.record)
	assert (erp.cancelled, gone.record.document, gone.changed) == (["PE-1"], None, True)
	_, again = booked(paid("p2", reference="ch_1"), erp=erp)
	assert again.record.document == "PE-2"


def test_what_was_authorised_and_captured_in_part_is_booked_as_it_was_captured():
	erp, now = Books49(), PaymentMap(gateway="card", **ROW, book="Now")
	_, first = booked(paid(status="authorised"), now, erp=erp)
	less = paid(amount="38.00", minute=3)
	record = fact_of(first.record, less, CHANNEL, "Receive")
	plan, second = booked(less, now, erp=erp, record=record)
	assert (erp.cancelled, plan.amount, second.record.document) == (["PE-1"], Decimal(38), "PE-2")
	again = fact_of(second.record, less, CHANNEL, "Receive")
	_, third = booked(less, now, erp=erp, record=again)
	assert (len(erp.plans), third.changed) == (2, False)
