from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from commerce_bridge.bridge.channel import FieldMap, ShippingMap, TaxMap, WarehouseMap
from commerce_bridge.bridge.errors import Misconfigured, Rejected
from commerce_bridge.bridge.mapping import (
	fee_target,
	mapped_values,
	shipping_target,
	tax_account,
	warehouse_at,
	warehouse_of,
)
from commerce_bridge.bridge.model import Fee, ShippingLine, TaxLine
from commerce_bridge.tests.strategies import channel


def tax(title: str = "VAT", code: str | None = None, rate: str | None = "19") -> TaxLine:
	return TaxLine(title=title, code=code, rate=rate and Decimal(rate), amount=Decimal(1))


# --- taxes


TAXES = (
	TaxMap(title="*", account="any"),
	TaxMap(title="VAT", account="title"),
	TaxMap(rate=Decimal("19"), account="rate"),
	TaxMap(title="VAT", rate=Decimal("7"), account="title and rate"),
	TaxMap(code="DE", account="code"),
	TaxMap(code="DE", rate=Decimal("7.00"), account="code and rate"),
	TaxMap(title="VAT", account="never reached"),
)


@pytest.mark.parametrize(
	("line", "account"),
	[
		(tax("GST", rate=None), "any"),
		(tax("GST", rate="19.0"), "rate"),
		(tax("VAT", rate=None), "title"),
		(tax("VAT"), "title"),
		(tax("VAT", rate="7"), "title and rate"),
		(tax("VAT", code="DE"), "code"),
		(tax("GST", code="DE", rate="7"), "code and rate"),
		(tax("vat", code="de", rate="1"), "any"),
	],
)
def test_most_specific_tax_row_wins(line: TaxLine, account: str) -> None:
	assert tax_account(channel(taxes=TAXES), line) == account
	assert tax_account(channel(taxes=tuple(reversed(TAXES[:-1]))), line) == account


def test_tax_without_a_row_is_named() -> None:
	with pytest.raises(Misconfigured, match=r'"GST", code "CA", 7\.5 %') as caught:
		tax_account(channel(), tax("GST", "CA", "7.50"))
	error = caught.value
	assert (error.doctype, error.document, error.fieldname) == ("Channel Settings", "Shop", "taxes")


# --- shipping


def shipping(code: str | None, title: str | None, amount: int = 5) -> ShippingLine:
	return ShippingLine(code=code, title=title, amount=Decimal(amount))


METHODS = (
	ShippingMap(method="*", account="any"),
	ShippingMap(method="Express", item="by title"),
	ShippingMap(method="exp", item="by code"),
	ShippingMap(method="exp", item="second of the same method"),
)


@pytest.mark.parametrize(
	("line", "target"),
	[
		(shipping("exp", "Express"), "by code"),
		(shipping("other", "Express"), "by title"),
		(shipping(None, "Express"), "by title"),
		(shipping("other", "Other"), "any"),
		(shipping(None, None), "any"),
	],
)
def test_shipping_by_code_then_title_then_any(line: ShippingLine, target: str) -> None:
	row = shipping_target(channel(shipping=METHODS), line)
	assert (row.item or row.account) == target


def test_shipping_without_a_row_is_named() -> None:
	with pytest.raises(Misconfigured, match='"Courier", code "c1"') as caught:
		shipping_target(channel(), shipping("c1", "Courier"))
	assert (caught.value.doctype, caught.value.fieldname) == ("Channel Settings", "shipping_methods")


def test_free_shipping_needs_no_row() -> None:
	row = shipping_target(channel(shipping=()), shipping("c1", "Courier", 0))
	assert (row.item, row.account) == (None, None)


def test_shipping_row_without_a_target() -> None:
	empty = channel(shipping=(ShippingMap(method="c1"), ShippingMap(method="*", item="SHIPPING")))
	with pytest.raises(Misconfigured, match="neither an item nor an account"):
		shipping_target(empty, shipping("c1", "Courier"))


# --- fees


FEES = (
	ShippingMap(method="*", item="SHIPPING"),
	ShippingMap(method="tip", account="Tips"),
	ShippingMap(method="Duties", item="DUTIES"),
)


@pytest.mark.parametrize(
	("fee", "target"),
	[
		(Fee(code="tip", title="Duties", amount=Decimal(1)), "Tips"),
		(Fee(code="d", title="Duties", amount=Decimal(1)), "DUTIES"),
		(Fee(code="TIP", title="Gift wrap", amount=Decimal(1)), "FEE"),
		(Fee(code="*", amount=Decimal(1)), "FEE"),
		(Fee(amount=Decimal(1)), "FEE"),
	],
)
def test_fees_by_code_then_title_and_never_by_any(fee: Fee, target: str) -> None:
	row = fee_target(channel(shipping=FEES, fee_item="FEE"), fee)
	assert (row.item or row.account) == target


def test_a_fee_without_a_row_or_an_item_is_named() -> None:
	with pytest.raises(Misconfigured, match='"Gift wrap"') as caught:
		fee_target(channel(shipping=FEES, fee_item=None), Fee(title="Gift wrap", amount=Decimal(1)))
	assert (caught.value.doctype, caught.value.fieldname) == ("Channel Settings", "fee_item")


def test_fee_row_without_a_target() -> None:
	with pytest.raises(Misconfigured, match="neither an item nor an account"):
		fee_target(channel(shipping=(ShippingMap(method="tip"),)), Fee(code="tip", amount=Decimal(1)))


# --- warehouses


LOCATIONS = (
	WarehouseMap(warehouse="Berlin", location_id="1"),
	WarehouseMap(warehouse="All of Paris", location_id="2", is_group=True),
	WarehouseMap(warehouse="Without location"),
)


@pytest.mark.parametrize(
	("default", "location_id", "warehouse"),
	[
		("Default", "1", "Berlin"),
		("Default", "2", "Default"),
		("Default", "unknown", "Default"),
		("Default", None, "Default"),
		("", None, "Without location"),
	],
)
def test_the_location_decides_the_warehouse(default: str, location_id: str | None, warehouse: str) -> None:
	assert warehouse_of(channel(warehouses=LOCATIONS, default_warehouse=default), location_id) == warehouse


def test_no_warehouse_at_all() -> None:
	with pytest.raises(Misconfigured, match='location "9"') as caught:
		warehouse_of(channel(default_warehouse="", warehouses=LOCATIONS[:2]), "9")
	assert caught.value.fieldname == "default_warehouse"


@pytest.mark.parametrize(
	("location_id", "warehouse"), [("1", "Berlin"), ("2", None), ("3", None), (None, None)]
)
def test_only_what_the_table_names_is_the_warehouse_of_a_location(
	location_id: str | None, warehouse: str | None
) -> None:
	assert warehouse_at(channel(warehouses=LOCATIONS, default_warehouse="Default"), location_id) == warehouse


# --- the field map


PAYLOAD: dict[str, Any] = {
	"assembly_required": "Yes",
	"loyalty": {"tier": " gold ", "points": 120, "share": 0.1},
	"notes": [{"name": "gift", "value": "For Ada"}],
	"wanted": "2026-02-03T23:30:00-05:00",
	"empty": "",
	"nothing": None,
	"flag": True,
}


def mapped(path: str, transform: str | None = None, default: str | None = None) -> dict[str, Any]:
	row = FieldMap(path=path, doctype="Sales Order", fieldname="target", transform=transform, default=default)
	return mapped_values(channel(fields=(row,)), "Sales Order", PAYLOAD)


@pytest.mark.parametrize(
	("path", "transform", "value"),
	[
		("loyalty.tier", None, " gold "),
		("loyalty.tier", "strip", "gold"),
		("loyalty.tier", "upper", " GOLD "),
		("assembly_required", "lower", "yes"),
		("assembly_required", "boolean", True),
		("flag", "boolean", True),
		("flag", "upper", "TRUE"),
		("loyalty.points", None, 120),
		("loyalty.points", "integer", 120),
		("loyalty.points", "decimal", Decimal(120)),
		("loyalty.share", "decimal", Decimal("0.1")),
		("notes[?name=='gift'].value | [0]", None, "For Ada"),
		("wanted", "date", date(2026, 2, 3)),
		("'2026-02-03'", "date", date(2026, 2, 3)),
		("wanted", "datetime", datetime(2026, 2, 4, 4, 30, tzinfo=timezone.utc)),
		("'2026-02-03T10:00:00Z'", "datetime", datetime(2026, 2, 3, 10, tzinfo=timezone.utc)),
		("'2026-02-03 10:00:00'", "datetime", datetime(2026, 2, 3, 10, tzinfo=timezone.utc)),
	],
)
def test_mapped_value(path: str, transform: str | None, value: object) -> None:
	found = mapped(path, transform)
	assert found == {"target": value}
	assert type(found["target"]) is type(value)


def test_times_are_utc() -> None:
	assert mapped("wanted", "datetime")["target"].utcoffset() == timedelta(0)


@pytest.mark.parametrize("path", ["nothing", "absent.deeper", "empty", "notes[5].value"])
def test_a_default_or_nothing(path: str) -> None:
	assert mapped(path) == {}
	assert mapped(path, "integer", "7") == {"target": 7}


def test_only_the_fields_of_the_doctype() -> None:
	fields = tuple(
		FieldMap(path="flag", doctype=name, fieldname=name) for name in ("Customer", "Sales Order")
	)
	assert mapped_values(channel(fields=fields), "Customer", PAYLOAD) == {"Customer": True}
	assert mapped_values(channel(), "Customer", PAYLOAD) == {}


@pytest.mark.parametrize(
	("path", "transform"),
	[
		("loyalty.tier", "integer"),
		("loyalty.share", "integer"),
		("flag", "decimal"),
		("assembly_required", "decimal"),
		("loyalty.points", "boolean"),
		("loyalty.tier", "date"),
		("'20260203'", "date"),
		("'2026-02-30'", "date"),
		("loyalty.points", "datetime"),
		("'0001-01-01T00:00:00+14:00'", "datetime"),
		("loyalty", None),
		("notes", "upper"),
		("length(flag)", None),
	],
)
def test_bad_value_names_the_path(path: str, transform: str | None) -> None:
	with pytest.raises(Rejected) as caught:
		mapped(path, transform)
	assert path in str(caught.value)


@pytest.mark.parametrize(
	("path", "transform"), [("a[", None), ("", None), ("nonsense(flag)", None), ("flag", "reverse")]
)
def test_bad_row_is_misconfigured(path: str, transform: str | None) -> None:
	with pytest.raises(Misconfigured) as caught:
		mapped(path, transform)
	error = caught.value
	assert (error.doctype, error.document, error.fieldname) == ("Channel Settings", "Shop", "field_map")
