"""Payment gateways as Shopify's transactions name them.

Its own have a handle, https://shopify.dev/docs/api/admin-graphql/2026-10/objects/OrderTransaction#field-gateway; manual ones
are called as the merchant's settings do, which propose the English names below; others as their app does, which often
adds what it takes: "Razorpay Secure (UPI, Cards, Wallets)".
"""

from __future__ import annotations

from commerce_bridge.bridge.protocols import UsualGateway

USUAL = (
	UsualGateway("Shopify Payments", "shopify_payments"),
	UsualGateway("Razorpay", "*razorpay*"),
	UsualGateway("Stripe", "stripe*"),
	UsualGateway("PayPal", "paypal*"),
	UsualGateway("Paytm", "*paytm*"),
	UsualGateway("Authorize.net", "authorize*net*"),
	UsualGateway("Paystack", "*paystack*"),
	UsualGateway("Cash on Delivery", "cash on delivery*", book="On Delivery"),
	UsualGateway("Bank Transfer", "bank deposit*", mode_of_payment="Wire Transfer"),
	UsualGateway("Gift Card", "gift_card"),
	UsualGateway("Store Credit", "shopify_store_credit"),
)
