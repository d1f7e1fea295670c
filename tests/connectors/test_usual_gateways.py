"""Rows of the payment map that many shops need, by the names each platform's payments have."""

from __future__ import annotations

import pytest

from commerce_bridge import connectors
from commerce_bridge.bridge.channel import PaymentMap
from commerce_bridge.bridge.mapping import names_gateway

#: As payments name them, and the title of the row that is to take them.
NAMED = {
	"shopify": {
		"shopify_payments": "Shopify Payments",
		"paypal": "PayPal",
		"Razorpay Secure (UPI, Cards, Int'l cards, Wallets)": "Razorpay",
		"razorpay": "Razorpay",
		"Cash on Delivery (COD)": "Cash on Delivery",
		"Bank Deposit": "Bank Transfer",
		"gift_card": "Gift Card",
		"authorize_net": "Authorize.net",
		"shopify_store_credit": "Store Credit",
	},
	"woocommerce": {
		"stripe": "Stripe",
		"stripe_sepa": "Stripe",
		"ppcp-gateway": "PayPal",
		"ppcp-credit-card-gateway": "PayPal",
		"authorize_net_cim_credit_card": "Authorize.net",
		"authorize_net_cim_echeck": "Authorize.net",
		"paystack": "Paystack",
		"paytm": "Paytm",
		"razorpay": "Razorpay",
		"cod": "Cash on Delivery",
		"bacs": "Bank Transfer",
		"woocommerce_payments": "WooPayments",
	},
	"custom": {
		"razorpay": "Razorpay",
		"Stripe": "Stripe",
		"authorize.net": "Authorize.net",
		"authorizenet": "Authorize.net",
		"bank_transfer": "Bank Transfer",
		"giftcard": "Gift Card",
		"gift_card": "Gift Card",
		"cod": "Cash on Delivery",
	},
}


@pytest.mark.parametrize(
	("platform", "gateway", "title"),
	[(platform, gateway, title) for platform, names in NAMED.items() for gateway, title in names.items()],
)
def test_each_gateway_is_taken_by_the_row_of_its_title(platform: str, gateway: str, title: str) -> None:
	taken = [
		each.title for each in connectors.usual_gateways(platform) if names_gateway(each.gateway, gateway)
	]
	assert taken == [title]


@pytest.mark.parametrize("platform", [*NAMED, "of another app"])
def test_each_platform_has_the_gateways_that_are_asked_for_most(platform: str) -> None:
	found = {each.title: each for each in connectors.usual_gateways(platform)}
	assert set(found) >= {
		*("Razorpay", "Stripe", "PayPal", "Paytm", "Authorize.net", "Paystack"),
		*("Cash on Delivery", "Bank Transfer"),
	}
	assert found["Cash on Delivery"].book == "On Delivery"
	for each in found.values():
		assert PaymentMap(gateway=each.gateway, book=each.book).book == each.book


def test_a_star_stands_for_anything_and_nothing_else_does() -> None:
	assert names_gateway("Razor*", " razorpay ")
	assert names_gateway("*", "")
	assert names_gateway("[test] pay?", "[Test] Pay?")
	assert not names_gateway("pay?", "payu")
	assert not names_gateway("[ab]", "a")
	assert not names_gateway("stripe", "stripe_sepa")
