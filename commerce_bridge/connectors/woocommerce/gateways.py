"""Payment gateways as WooCommerce's orders name them (`payment_method`): each extension's own id.

cod and bacs are WooCommerce's own. An extension may have an id for each way to pay, which begins alike: stripe,
stripe_sepa; ppcp-gateway, ppcp-credit-card-gateway.
https://woocommerce.com/document/managing-orders/ and the extensions' sources
"""

from __future__ import annotations

from commerce_bridge.bridge.protocols import UsualGateway

USUAL = (
	UsualGateway("WooPayments", "woocommerce_payments*"),
	UsualGateway("Razorpay", "razorpay*"),
	UsualGateway("Stripe", "stripe*"),
	UsualGateway("PayPal", "ppcp-*"),
	UsualGateway("Paytm", "paytm*"),
	UsualGateway("Authorize.net", "authorize_net_cim*"),
	UsualGateway("Paystack", "paystack*"),
	UsualGateway("Cash on Delivery", "cod", book="On Delivery"),
	UsualGateway("Bank Transfer", "bacs", mode_of_payment="Wire Transfer"),
)
