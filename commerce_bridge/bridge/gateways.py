"""Payment gateways by their plain names, as a storefront of one's own calls them."""

from __future__ import annotations

from commerce_bridge.bridge.protocols import UsualGateway

PLAIN = (
	UsualGateway("Razorpay", "razorpay*"),
	UsualGateway("Stripe", "stripe*"),
	UsualGateway("PayPal", "paypal*"),
	UsualGateway("Paytm", "paytm*"),
	UsualGateway("Authorize.net", "authorize*net*"),
	UsualGateway("Paystack", "paystack*"),
	UsualGateway("Cash on Delivery", "cod", book="On Delivery"),
	UsualGateway("Bank Transfer", "bank*transfer", mode_of_payment="Wire Transfer"),
	UsualGateway("Gift Card", "gift*card"),
)
