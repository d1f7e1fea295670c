"""What a storefront calls a shipment is one document's: two that found the same one do not both keep it."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.fulfilments import RECORD_TYPE, save_told
from commerce_bridge.bridge.model import Shipment
from commerce_bridge.bridge.outbound import shipment_entry
from commerce_bridge.bridge.plan import Record
from commerce_bridge.bridge.protocols import Entry, PushResult
from tests.connectors.storefront import NOW

ENTRY = Entry("SYNC-1", "Shop", "Outbound", "shipment.changed", "{}", "1", 1, "lease", NOW)


class Records:
	"""Keeps records, and nothing else of an ERP."""

	def __init__(self, *records: Record):
		self.kept = {record.external_id: record for record in records}

	def get_record(self, channel: str, record_type: str, external_id: str) -> Record | None:
		return self.kept.get(external_id)

	def save_record(self, record: Record) -> None:
		self.kept[record.external_id] = record


def shipment(**values: Any) -> Shipment:
	return Shipment(id="DN-2", order_id="1", order_number="#1", lines=(), **values)


def told(records: Records, what: Shipment) -> None:
	save_told(records, ENTRY, ("Delivery Note", "DN-2"), what, PushResult("DN-2", external_ids=("F1",)))  # type: ignore[arg-type]


OTHERS = Record("Shop", RECORD_TYPE, "F1", doctype="Delivery Note", document="DN-1")


def test_it_is_kept() -> None:
	records = Records()
	told(records, shipment())
	assert records.kept["F1"].document == "DN-2"


def test_one_that_another_document_kept_meanwhile_is_not_this_ones() -> None:
	records = Records(OTHERS)
	with pytest.raises(Retryable, match="DN-1 is the shop's shipment F1"):
		told(records, shipment())
	assert records.kept["F1"] == OTHERS


@pytest.mark.parametrize("values", [{"external_ids": ("F1",)}, {"cancelled": True}])
def test_one_that_was_known_before_stays_the_others(values: dict[str, Any]) -> None:
	records = Records(OTHERS)
	told(records, shipment(**values))
	assert records.kept["F1"] == OTHERS


@pytest.mark.parametrize(
	("values", "news"),
	[
		({"complete": True}, False),  # another document's doing, which is told itself
		({"external_ids": ("F1",)}, False),
		({"taken_ids": ("F2",)}, False),
		({"status": "delivered"}, True),
		({"cancelled": True}, True),
	],
)
def test_what_is_news_of_a_shipment(values: dict[str, Any], news: bool) -> None:
	first = shipment_entry("Shop", "Delivery Note", "DN-2", shipment(), None)
	assert first is not None
	again = shipment_entry("Shop", "Delivery Note", "DN-2", shipment(**values), ("SYNC-1", first.payload))
	assert (again is not None) == news
