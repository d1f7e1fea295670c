"""Orders as Shopify's webhooks of API 2026-10 send them, made by hand: one for each thing an order can have.

Every total is stated, not computed: it is what a person with a pencil makes of the lines beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Payload = dict[str, Any]
NOON = "2026-11-20T12:00:00-05:00"
LATER = "2026-11-20T13:30:00-05:00"


@dataclass(frozen=True)
class Case:
	"""An order and what must become of it.

	:param total: of the Sales Order, by hand
	:param lines: quantity and total of lines, where not all of them count as they were ordered
	:param fees: amounts by code
	"""

	name: str
	payload: Payload
	total: str
	lines: Sequence[tuple[int, str]] | None = None
	fees: Mapping[str, str] = field(default_factory=dict)
	booked: bool = True  # False: nothing is left that could be booked


# --- parts -----------------------------------------------------------------------------------------------


def money(amount: str, currency: str = "USD", shown: tuple[str, str] | None = None) -> Payload:
	"""Both currencies of an amount; `shown` is amount and currency of the buyer."""
	buyer = shown or (amount, currency)
	return {
		"shop_money": {"amount": amount, "currency_code": currency},
		"presentment_money": {"amount": buyer[0], "currency_code": buyer[1]},
	}


def priced(key: str, amount: str, currency: str = "USD", shown: tuple[str, str] | None = None) -> Payload:
	return {key: amount, f"{key}_set": money(amount, currency, shown)}


def tax(amount: str, title: str = "State Tax", rate: float = 0.1, liable: bool | None = False) -> Payload:
	return {"title": title, "rate": rate, "channel_liable": liable, **priced("price", amount)}


def line(number: int, price: str, quantity: int = 1, **more: Any) -> Payload:
	"""A line of product 100 + number; `off` are the amounts of its discount allocations."""
	off = more.pop("off", ())
	shown = more.pop("shown", None)
	currency = more.pop("currency", "USD")
	made = {
		"id": 5000 + number,
		"admin_graphql_api_id": f"gid://shopify/LineItem/{5000 + number}",
		"attributed_staffs": [],
		"current_quantity": quantity,
		"fulfillable_quantity": quantity,
		"fulfillment_service": "manual",
		"fulfillment_status": None,
		"gift_card": False,
		"grams": 250,
		"name": f"Product {number} - Blue",
		**priced("price", price, currency, shown),
		"product_exists": True,
		"product_id": 100 + number,
		"properties": [],
		"quantity": quantity,
		"requires_shipping": True,
		"sku": f"SKU-{number}",
		"taxable": True,
		"title": f"Product {number}",
		**priced("total_discount", "0.00", currency),
		"variant_id": 200 + number,
		"variant_inventory_management": "shopify",
		"variant_title": "Blue",
		"vendor": "Acme",
		"tax_lines": [],
		"duties": [],
		"discount_allocations": [
			{**priced("amount", amount, currency), "discount_application_index": index}
			for index, amount in enumerate(off)
		],
	}
	return {**made, **more}


def typed_in(number: int, price: str, **more: Any) -> Payload:
	"""A line of a draft order, or of the till, that no product stands behind."""
	nothing = dict.fromkeys(
		("product_id", "variant_id", "sku", "vendor", "variant_title", "variant_inventory_management")
	)
	return line(number, price, **{**nothing, "product_exists": False, "name": "Engraving", **more})


def shipping(number: int, price: str, discounted: str | None = None, **more: Any) -> Payload:
	off = more.pop("off", ())
	made = {
		"id": 7000 + number,
		"carrier_identifier": None,
		"code": "Standard",
		**priced("discounted_price", discounted or price),
		"is_removed": False,
		"phone": None,
		**priced("price", price),
		"source": "shopify",
		"title": "Standard",
		"tax_lines": [],
		"discount_allocations": [
			{**priced("amount", amount), "discount_application_index": index}
			for index, amount in enumerate(off)
		],
	}
	return {**made, **more}


def refunded_line(number: int, quantity: int, subtotal: float, tax_amount: float, restock: str) -> Payload:
	"""Plain amounts are JSON numbers here, and nowhere else."""
	return {
		"id": 9000 + number,
		"line_item_id": 5000 + number,
		"line_item": {
			"id": 5000 + number,
			"admin_graphql_api_id": f"gid://shopify/LineItem/{5000 + number}",
		},
		"location_id": None,
		"quantity": quantity,
		"restock_type": restock,
		"subtotal": subtotal,
		"subtotal_set": money(f"{subtotal:.2f}"),
		"total_tax": tax_amount,
		"total_tax_set": money(f"{tax_amount:.2f}"),
	}


def refund(
	*lines: Payload, ships: Sequence[Payload] = (), adjustments: Sequence[Payload] = (), **more: Any
) -> Payload:
	number = more.pop("id", 8001)
	return {
		"id": number,
		"admin_graphql_api_id": f"gid://shopify/Refund/{number}",
		"created_at": LATER,
		"note": None,
		"order_adjustments": list(adjustments),
		"refund_line_items": list(lines),
		"refund_shipping_lines": list(ships),
		"duties": [],
		"return": None,
		"transactions": [],
		**more,
	}


def refunded_shipping(number: int, amount: str, tax_amount: str = "0.00") -> Payload:
	return {
		"id": 9900 + number,
		"shipping_line": {"id": 7000 + number, "title": "Standard"},
		"subtotal_amount_set": money(amount),
		"tax_amount_set": money(tax_amount),
	}


def adjustment(amount: str, tax_amount: str = "0.00", reason: str = "Refund discrepancy") -> Payload:
	return {
		"id": 9801,
		"kind": "refund_discrepancy",
		"reason": reason,
		**priced("amount", amount),
		**priced("tax_amount", tax_amount),
	}


def duty(number: int, amount: str, *taxes: Payload) -> Payload:
	return {
		"id": str(number),
		"admin_graphql_api_id": f"gid://shopify/Duty/{number}",
		"harmonized_system_code": "520300",
		"country_code_of_origin": "CA",
		**money(amount),
		"tax_lines": list(taxes),
	}


def transaction(number: int, kind: str, amount: str, gateway: str, status: str = "success") -> Payload:
	return {
		"id": 6000 + number,
		"admin_graphql_api_id": f"gid://shopify/OrderTransaction/{6000 + number}",
		"kind": kind,
		"status": status,
		"gateway": gateway,
		"created_at": NOON,
		"processed_at": NOON,
		**priced("amount", amount),
		"currency": "USD",
	}


def fulfilment(number: int, *lines: tuple[int, int], status: str = "success", **more: Any) -> Payload:
	"""`lines` are the numbers of lines and how much of each."""
	made = {
		"id": 4000 + number,
		"admin_graphql_api_id": f"gid://shopify/Fulfillment/{4000 + number}",
		"order_id": 450789469,
		"status": status,
		"service": "manual",
		"created_at": LATER,
		"updated_at": LATER,
		"location_id": 655441491,
		"shipment_status": None,
		"tracking_company": "UPS",
		"tracking_number": "1Z2345",
		"tracking_numbers": ["1Z2345"],
		"tracking_url": "https://www.ups.com/track?tracknum=1Z2345",
		"tracking_urls": ["https://www.ups.com/track?tracknum=1Z2345"],
		"line_items": [{**line(each, "1.00"), "quantity": count} for each, count in lines],
	}
	return {**made, **more}


def address(**more: Any) -> Payload:
	made = {
		"first_name": "Ada",
		"last_name": "Quill",
		"name": "Ada Quill",
		"company": None,
		"address1": "12 Harbour Street",
		"address2": None,
		"city": "Portland",
		"zip": "97201",
		"province": "Oregon",
		"province_code": "OR",
		"country": "United States",
		"country_code": "US",
		"phone": None,
		"latitude": None,
		"longitude": None,
	}
	return {**made, **more}


def customer(**more: Any) -> Payload:
	made = {
		"id": 207119551,
		"admin_graphql_api_id": "gid://shopify/Customer/207119551",
		"email": "ada@example.com",
		"first_name": "Ada",
		"last_name": "Quill",
		"phone": None,
		"note": None,
		"state": "disabled",
		"tax_exempt": False,
		"verified_email": True,
		"created_at": NOON,
		"updated_at": NOON,
		"currency": "USD",
		"default_address": {"id": 1, "customer_id": 207119551, "default": True, **address()},
	}
	return {**made, **more}


def order(
	lines: Sequence[Payload],
	current_total: str,
	current_tax: str = "0.00",
	current_subtotal: str | None = None,
	**more: Any,
) -> Payload:
	"""An order; the amounts before edits and refunds are those after them, unless told."""
	currency = more.pop("currency", "USD")
	shown = more.pop("shown", None)
	made = {
		**_HEAD,
		"currency": currency,
		**priced("current_total_price", current_total, currency, shown),
		**priced("current_total_tax", current_tax, currency),
		"presentment_currency": shown[1] if shown else currency,
		"total_cash_rounding_payment_adjustment_set": money("0.00", currency),
		"total_cash_rounding_refund_adjustment_set": money("0.00", currency),
		**priced("total_price", current_total, currency, shown),
		"billing_address": address(),
		"customer": customer(),
		"shipping_address": address(),
		"fulfillments": [],
		"line_items": list(lines),
		"refunds": [],
		"returns": [],
		"shipping_lines": [],
	}
	if current_subtotal is not None:
		made |= priced("current_subtotal_price", current_subtotal, currency)
	return {**made, **more}


_HEAD: Payload = {
	"id": 450789469,
	"admin_graphql_api_id": "gid://shopify/Order/450789469",
	"app_id": 580111,
	"cancel_reason": None,
	"cancelled_at": None,
	"closed_at": None,
	"confirmation_number": "XPAV284CT",
	"confirmed": True,
	"contact_email": "ada@example.com",
	"created_at": NOON,
	"current_total_duties_set": None,
	"current_total_additional_fees_set": None,
	"customer_locale": "en",
	"device_id": None,
	"discount_applications": [],
	"discount_codes": [],
	"duties_included": False,
	"email": "ada@example.com",
	"estimated_taxes": False,
	"financial_status": "paid",
	"fulfillment_status": None,
	"location_id": None,
	"merchant_business_entity_id": "MTU0ODM4MDAwOQ",
	"name": "#1001",
	"note": None,
	"note_attributes": [],
	"number": 1,
	"order_number": 1001,
	"original_total_additional_fees_set": None,
	"original_total_duties_set": None,
	"payment_gateway_names": ["shopify_payments"],
	"phone": None,
	"po_number": None,
	"processed_at": NOON,
	"source_name": "web",
	"tags": "",
	"tax_exempt": False,
	"tax_lines": [],
	"taxes_included": False,
	"test": False,
	"total_tip_received": "0.00",
	"updated_at": LATER,
	"user_id": None,
}


# --- orders ----------------------------------------------------------------------------------------------

BIG = 9_007_199_254_740_993  # 2^53 + 1: the first whole number a float cannot hold

CASES: list[Case] = [
	Case(
		"plain",  # 2 × 19.99 + 5.00 + 5.00
		order([line(1, "19.99", 2), line(2, "5.00")], "49.98", shipping_lines=[shipping(1, "5.00")]),
		"49.98",
	),
	Case(
		"taxes on top, of shipping too",  # 66.66 + 5.50 + 4.90 + 0.40
		order(
			[line(1, "33.33", 2, tax_lines=[tax("5.50", rate=0.0825)])],
			"77.46",
			"5.90",
			shipping_lines=[shipping(1, "4.90", tax_lines=[tax("0.40", rate=0.0825)])],
		),
		"77.46",
	),
	Case(
		"taxes in the prices",  # 3 × 11.90 + 4.76; 5.70 and 0.76 of it are VAT
		order(
			[line(1, "11.90", 3, tax_lines=[tax("5.70", "VAT", 0.19)])],
			"40.46",
			"6.46",
			taxes_included=True,
			shipping_lines=[shipping(1, "4.76", tax_lines=[tax("0.76", "VAT", 0.19)])],
		),
		"40.46",
	),
	Case(
		"three taxes of one line",  # 100.00 + 6.25 + 1.50 + 0.25
		order(
			[
				line(
					1,
					"100.00",
					tax_lines=[
						tax("6.25", "State Tax", 0.0625),
						tax("1.50", "City Tax", 0.015),
						tax("0.25", "County Tax", 0.0025),
					],
				)
			],
			"108.00",
			"8.00",
		),
		"108.00",
	),
	Case(
		"discount of a line, which total_discount does not tell",  # 30.00 - 1.00 + 2.90
		order([line(1, "10.00", 3, off=["1.00"], tax_lines=[tax("2.90")])], "31.90", "2.90"),
		"31.90",
		[(3, "29.00")],
	),
	Case(
		"discount of the order, allocated to lines",  # 20.00 - 3.33 + 10.00 - 1.67
		order([line(1, "20.00", off=["3.33"]), line(2, "10.00", off=["1.67"])], "25.00"),
		"25.00",
		[(1, "16.67"), (1, "8.33")],
	),
	Case(
		"a code on top of an automatic discount",  # 50.00 - 5.00 - 4.50
		order([line(1, "50.00", off=["5.00", "4.50"])], "40.50"),
		"40.50",
	),
	Case(
		"free shipping by a code",  # 20.00 + 10.00 - 10.00
		order([line(1, "20.00")], "20.00", shipping_lines=[shipping(1, "10.00", "0.00", off=["10.00"])]),
		"20.00",
	),
	Case(
		"shipping at a discount, taxed",  # 20.00 + 2.00 + 7.50 + 0.75
		order(
			[line(1, "20.00", tax_lines=[tax("2.00")])],
			"30.25",
			"2.75",
			shipping_lines=[shipping(1, "10.00", "7.50", off=["2.50"], tax_lines=[tax("0.75")])],
		),
		"30.25",
	),
	Case(
		"a shipping line that was removed",  # 20.00 + 5.00
		order(
			[line(1, "20.00")],
			"25.00",
			shipping_lines=[
				shipping(1, "12.00", is_removed=True, tax_lines=[tax("1.20")]),
				shipping(2, "5.00"),
			],
		),
		"25.00",
	),
	Case(
		"tax that a marketplace pays",  # 40.00 + 3.30
		order([line(1, "40.00", tax_lines=[tax("3.30", "Marketplace Tax", 0.0825, True)])], "43.30", "3.30"),
		"43.30",
	),
	Case("tax-exempt", order([line(1, "15.00", 2)], "30.00", tax_exempt=True), "30.00"),
	Case(
		"a tax of nothing",
		order([line(1, "12.00", tax_lines=[tax("0.00", "State Tax", 0.0)])], "12.00"),
		"12.00",
	),
	Case(
		"duties with their tax",  # 100.00 + 12.00 + 1.20
		order(
			[line(1, "100.00", duties=[duty(1, "12.00", tax("1.20", "Import VAT", 0.1))])],
			"113.20",
			"1.20",
			current_total_duties_set=money("12.00"),
			original_total_duties_set=money("12.00"),
		),
		"113.20",
		fees={"duties": "12.00"},
	),
	Case(
		"duties that the prices include",
		order(
			[line(1, "112.00", duties=[duty(1, "12.00")])],
			"112.00",
			duties_included=True,
			current_total_duties_set=money("12.00"),
		),
		"112.00",
	),
	Case(
		"tax of duties on top of prices that include tax",  # 119.00 + 10.00 + 1.90
		order(
			[
				line(
					1,
					"119.00",
					tax_lines=[tax("19.00", "VAT", 0.19)],
					duties=[duty(1, "10.00", tax("1.90", "VAT", 0.19))],
				)
			],
			"130.90",
			"20.90",
			taxes_included=True,
			current_total_duties_set=money("10.00"),
		),
		"130.90",
		fees={"duties": "11.90"},
	),
	Case(
		"duties given back with half of the goods",  # 50.00 + 6.00 + 0.60
		order(
			[
				line(
					1,
					"50.00",
					2,
					current_quantity=1,
					duties=[duty(1, "12.00", tax("1.20", "Import VAT", 0.1))],
				)
			],
			"56.60",
			"0.60",
			"50.00",
			current_total_duties_set=money("6.00"),
			original_total_duties_set=money("12.00"),
		),
		"56.60",
		[(1, "50.00")],
		{"duties": "6.00"},
	),
	Case(
		"a fee besides",  # 20.00 + 1.50
		order(
			[line(1, "20.00")],
			"21.50",
			current_total_additional_fees_set=money("1.50"),
			additional_fees=[{"id": 1, "name": "Packaging", "price_set": money("1.50"), "tax_lines": []}],
		),
		"21.50",
		fees={"additional_fee": "1.50"},
	),
	Case(
		"a tip with a line of its own",  # 8.00 + 2.00, once
		order(
			[
				line(1, "8.00"),
				typed_in(
					2,
					"2.00",
					title="Tip",
					name="Tip",
					tip_payment_gateway="shopify_payments",
					requires_shipping=False,
				),
			],
			"10.00",
			total_tip_received="2.00",
		),
		"10.00",
		[(1, "8.00")],
		{"tip": "2.00"},
	),
	Case(
		"a tip without a line",  # 8.00 + 2.00
		order([line(1, "8.00")], "10.00", total_tip_received="2.00"),
		"10.00",
		fees={"tip": "2.00"},
	),
	Case(
		"gift card sold",  # 50.00 + 10.00
		order([line(1, "50.00", gift_card=True, requires_shipping=False), line(2, "10.00")], "60.00"),
		"60.00",
	),
	Case(
		"gift card redeemed: a payment, and no discount",
		order(
			[line(1, "60.00")],
			"60.00",
			payment_gateway_names=["gift_card", "shopify_payments"],
			transactions=[
				transaction(1, "sale", "25.00", "gift_card"),
				transaction(2, "sale", "35.00", "shopify_payments"),
				transaction(3, "sale", "35.00", "shopify_payments", "failure"),
			],
		),
		"60.00",
	),
	Case("a line typed in", order([typed_in(1, "15.00")], "15.00"), "15.00"),
	Case(
		"a product that was deleted since",
		order([line(1, "15.00", product_id=None, variant_id=None, product_exists=False)], "15.00"),
		"15.00",
	),
	Case(
		"one of two taken out by an edit",  # 100.00 + 13.00, observed
		order(
			[line(1, "100.00", 2, current_quantity=1, tax_lines=[tax("26.00", rate=0.13)])],
			"113.00",
			"13.00",
			"100.00",
		),
		"113.00",
		[(1, "100.00")],
	),
	Case(
		"a line edited away",
		order([line(1, "30.00", current_quantity=0, tax_lines=[tax("3.00")]), line(2, "20.00")], "20.00"),
		"20.00",
		[(0, "0.00"), (1, "20.00")],
	),
	Case(
		"exchanged: one given back, another taken instead",  # 40.00
		order(
			[line(1, "35.00", current_quantity=0), line(2, "40.00")],
			"40.00",
			refunds=[refund(refunded_line(1, 1, 35.0, 0.0, "return"))],
		),
		"40.00",
		[(0, "0.00"), (1, "40.00")],
	),
	Case(
		"one of three refunded and restocked",  # 30.00 - 1.00 - 9.67 + 2.90 - 0.97
		order(
			[line(1, "10.00", 3, off=["1.00"], current_quantity=2, tax_lines=[tax("2.90")])],
			"21.26",
			"1.93",
			"19.33",
			financial_status="partially_refunded",
			refunds=[refund(refunded_line(1, 1, 9.67, 0.97, "cancel"))],
		),
		"21.26",
		[(2, "19.33")],
	),
	Case(
		"one of three refunded, a cent short of its share",  # 29.00 - 9.66 + 2.90 - 0.96
		order(
			[line(1, "10.00", 3, off=["1.00"], current_quantity=2, tax_lines=[tax("2.90")])],
			"21.28",
			refunds=[refund(refunded_line(1, 1, 9.66, 0.96, "no_restock"))],
		),
		"21.28",
		[(2, "19.34")],
	),
	Case(
		"refunded twice",  # 40.00 - 10.00 - 10.00 + 4.00 - 1.00 - 1.00
		order(
			[line(1, "10.00", 4, current_quantity=2, tax_lines=[tax("4.00")])],
			"22.00",
			"2.00",
			"20.00",
			refunds=[
				refund(refunded_line(1, 1, 10.0, 1.0, "return")),
				refund(refunded_line(1, 1, 10.0, 1.0, "no_restock"), id=8002),
			],
		),
		"22.00",
		[(2, "20.00")],
	),
	Case(
		"refunded, not restocked, of a line with two taxes",  # 20.00 + 1.25 + 0.30
		order(
			[
				line(
					1,
					"20.00",
					2,
					current_quantity=1,
					tax_lines=[tax("2.50", "State Tax", 0.0625), tax("0.60", "City Tax", 0.015)],
				)
			],
			"21.55",
			"1.55",
			"20.00",
			refunds=[refund(refunded_line(1, 1, 20.0, 1.55, "no_restock"))],
		),
		"21.55",
		[(1, "20.00")],
	),
	Case(
		"refunded without goods: the entry's subtotal is 0.00",  # observed
		order(
			[line(1, "10.00", 2, current_quantity=1)],
			"10.00",
			refunds=[refund(refunded_line(1, 1, 0.0, 0.0, "no_restock"), adjustments=[adjustment("-10.00")])],
		),
		"10.00",
		[(1, "10.00")],
	),
	Case(
		"money given back for goodwill, off the total",  # 50.00 - 5.00
		order([line(1, "50.00")], "45.00", refunds=[refund(adjustments=[adjustment("-5.00")])]),
		"45.00",
		fees={"refund_discrepancy": "-5.00"},
	),
	Case(
		"the same, taxed",  # 50.00 + 5.00 - 5.00 - 0.50
		order(
			[line(1, "50.00", tax_lines=[tax("5.00")])],
			"49.50",
			"5.00",
			refunds=[refund(adjustments=[adjustment("-5.00", "-0.50")])],
		),
		"49.50",
		fees={"refund_discrepancy": "-5.50"},
	),
	Case(
		"money given back for goodwill, not off the total",
		order([line(1, "50.00")], "50.00", refunds=[refund(adjustments=[adjustment("-5.00")])]),
		"50.00",
	),
	Case(
		"goods taken back for less than they cost",  # 20.00 + 4.00 kept back
		order(
			[line(1, "20.00", 2, current_quantity=1)],
			"24.00",
			refunds=[refund(refunded_line(1, 1, 20.0, 0.0, "return"), adjustments=[adjustment("4.00")])],
		),
		"24.00",
		[(1, "20.00")],
		{"refund_discrepancy": "4.00"},
	),
	Case(
		"shipping refunded",  # 20.00
		order(
			[line(1, "20.00")],
			"20.00",
			shipping_lines=[shipping(1, "5.00", tax_lines=[tax("0.50")])],
			refunds=[refund(ships=[refunded_shipping(1, "5.00", "0.50")])],
		),
		"20.00",
	),
	Case(
		"a part of shipping refunded",  # 20.00 + 5.00 + 0.50
		order(
			[line(1, "20.00")],
			"25.50",
			"0.50",
			shipping_lines=[shipping(1, "8.00", tax_lines=[tax("0.80")])],
			refunds=[refund(ships=[refunded_shipping(1, "3.00", "0.30")])],
		),
		"25.50",
	),
	Case(
		"shipping lowered, and only the line says so",  # 20.00 + 5.00 + 0.50
		order(
			[line(1, "20.00")],
			"25.50",
			"0.50",
			shipping_lines=[
				shipping(1, "8.00", tax_lines=[tax("0.80")], current_discounted_price_set=money("5.00"))
			],
		),
		"25.50",
	),
	Case(
		"shipping lowered, and a part of the rest refunded",  # 20.00 + 5.00 - 1.00 - 1.00 + 0.50 - 0.10 - 0.10
		order(
			[line(1, "20.00")],
			"23.30",
			"0.30",
			"20.00",
			shipping_lines=[
				shipping(1, "5.00", tax_lines=[tax("0.50")], current_discounted_price_set=money("3.00"))
			],
			refunds=[refund(ships=[refunded_shipping(1, "1.00", "0.10")])],
		),
		"23.30",
	),
	Case(
		"goods and money gone, whatever the total says",
		order(
			[line(1, "20.00", current_quantity=0)],
			"5.00",
			financial_status="refunded",
			shipping_lines=[shipping(1, "5.00")],
			refunds=[refund(refunded_line(1, 1, 20.0, 0.0, "return"), adjustments=[adjustment("-5.00")])],
		),
		"5.00",
		[(0, "0.00")],
		booked=False,
	),
	Case(
		"goods refunded, shipping kept",  # 5.00
		order(
			[line(1, "20.00", current_quantity=0)],
			"5.00",
			shipping_lines=[shipping(1, "5.00")],
			refunds=[refund(refunded_line(1, 1, 20.0, 0.0, "cancel"))],
		),
		"5.00",
		[(0, "0.00")],
	),
	Case(
		"the last cents of shares",  # 9.98 × 2/3 = 6.653…; Shopify keeps 6.66 and 0.67 of 1.00
		order(
			[line(1, "3.33", 3, off=["0.01"], current_quantity=2, tax_lines=[tax("1.00", rate=0.1)])],
			"7.32",
			"0.66",
			"6.66",
		),
		"7.32",
		[(2, "6.66")],
	),
	Case(
		"the last cents of shares, where no subtotal is told",
		order(
			[line(1, "3.33", 3, off=["0.01"], current_quantity=2, tax_lines=[tax("1.00", rate=0.1)])],
			"7.32",
			"0.66",
		),
		"7.32",
		[(2, "6.66")],
	),
	Case(
		"the last cents of shares, and money given back for goodwill",  # 6.66 + 0.66 - 1.00
		order(
			[line(1, "3.33", 3, off=["0.01"], current_quantity=2, tax_lines=[tax("1.00", rate=0.1)])],
			"6.32",
			"0.66",
			"6.66",
			refunds=[refund(adjustments=[adjustment("-1.00")])],
		),
		"6.32",
		[(2, "6.66")],
		{"refund_discrepancy": "-1.00"},
	),
	Case(
		"a fee that was taken back",
		order(
			[line(1, "20.00")],
			"20.00",
			current_total_additional_fees_set=money("0.00"),
			original_total_additional_fees_set=money("1.50"),
			additional_fees=[{"id": 1, "name": "Packaging", "price_set": money("1.50"), "tax_lines": []}],
		),
		"20.00",
	),
	Case(
		"paid in cash, and a part given back in cash",  # 15.03 as 15.00, 5.01 as 5.00: 10.00 is kept
		order(
			[line(1, "10.02"), line(2, "5.01", current_quantity=0)],
			"10.02",
			source_name="pos",
			refunds=[refund(refunded_line(2, 1, 5.01, 0.0, "return"))],
			total_cash_rounding_payment_adjustment_set=money("-0.03"),
			total_cash_rounding_refund_adjustment_set=money("-0.01"),
		),
		"10.00",
		[(1, "10.02"), (0, "0.00")],
		{"rounding": "-0.02"},
	),
	Case(
		"paid in cash at the till, rounded down",  # 10.02 - 0.02
		order(
			[line(1, "10.02")],
			"10.02",
			source_name="pos",
			location_id=655441491,
			customer=None,
			email="",
			contact_email=None,
			billing_address=None,
			shipping_address=None,
			payment_gateway_names=["cash"],
			total_cash_rounding_payment_adjustment_set=money("-0.02"),
		),
		"10.00",
		fees={"rounding": "-0.02"},
	),
	Case(
		"paid in cash at the till, rounded up",  # 9.98 + 0.02
		order(
			[line(1, "9.98")],
			"9.98",
			source_name="pos",
			total_cash_rounding_payment_adjustment_set=money("0.02"),
		),
		"10.00",
		fees={"rounding": "0.02"},
	),
	Case(
		"sold in the buyer's currency, booked in the shop's",  # 2 × 42.00 EUR, shown as 91.14 USD
		order(
			[line(1, "42.00", 2, currency="EUR", shown=("45.57", "USD"))],
			"84.00",
			currency="EUR",
			shown=("91.14", "USD"),
		),
		"84.00",
	),
	Case(
		"a currency without decimals",  # 2 × 1500 + 300
		order([line(1, "1500", 2, tax_lines=[tax("300")])], "3300", "300", currency="JPY"),
		"3300",
	),
	Case(
		"a currency with three decimals",  # 2 × 1.255
		order([line(1, "1.255", 2)], "2.510", currency="KWD"),
		"2.510",
	),
	Case(
		"given away",  # 25.00 - 25.00
		order([line(1, "25.00", off=["25.00"])], "0.00"),
		"0.00",
	),
	Case("a test order", order([line(1, "20.00")], "20.00", test=True), "20.00"),
	Case(
		"nobody is named",
		order(
			[line(1, "20.00", sku=None, vendor=None)],
			"20.00",
			customer=None,
			email=None,
			contact_email=None,
			billing_address=None,
			shipping_address=None,
			name=None,
		),
		"20.00",
	),
	Case(
		"notes, attributes and properties",
		order(
			[line(1, "20.00", properties=[{"name": "Engraving", "value": "A. Q."}])],
			"20.00",
			note="Ring twice",
			note_attributes=[{"name": "gift", "value": "yes"}],
			tags="vip, wholesale",
		),
		"20.00",
	),
	Case(
		"sent in two parts, one of them taken back",
		order(
			[line(1, "20.00", 3)],
			"60.00",
			fulfillments=[
				fulfilment(1, (1, 1)),
				fulfilment(2, (1, 2), status="cancelled"),
				fulfilment(3, (1, 1), status="pending"),
			],
		),
		"60.00",
	),
	Case(
		"ids that a float cannot hold",
		order(
			[
				line(
					1,
					"20.00",
					id=BIG - 1,
					admin_graphql_api_id=f"gid://shopify/LineItem/{BIG}",
					product_id=BIG,
					variant_id=BIG,
				)
			],
			"20.00",
			id=BIG - 1,
			admin_graphql_api_id=f"gid://shopify/Order/{BIG}",
		),
		"20.00",
	),
	Case(
		"cancelled",
		order(
			[line(1, "20.00", current_quantity=0)],
			"0.00",
			cancelled_at=LATER,
			cancel_reason="customer",
			financial_status="voided",
		),
		"0.00",
		[(0, "0.00")],
		booked=False,
	),
	Case(
		"refunded as a whole, and not cancelled",
		order(
			[line(1, "20.00", current_quantity=0, tax_lines=[tax("2.00")])],
			"0.00",
			financial_status="refunded",
			refunds=[refund(refunded_line(1, 1, 20.0, 2.0, "return"))],
		),
		"0.00",
		[(0, "0.00")],
		booked=False,
	),
]

BY_NAME = {case.name: case for case in CASES}
