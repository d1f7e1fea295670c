"""Everything there is in the simulated shop, and how it is set."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from threading import RLock
from zoneinfo import ZoneInfo

from commerce_bridge.bridge.clock import Now, utc_now
from sandbox.storefronts.woocommerce.goods import Product
from sandbox.storefronts.woocommerce.people import Attribute, Customer, Terms
from sandbox.storefronts.woocommerce.sales import Order
from sandbox.storefronts.woocommerce.taxes import Rate
from sandbox.storefronts.woocommerce.tracking import Fulfilment, Tracking
from sandbox.storefronts.woocommerce.webhooks import Delivery, Pending, Ping, Webhook

VERSION, WORDPRESS = "10.2.4", "6.8.8"
STANDARD = Rate(1, "DE-VAT 19%-1", "VAT 19%", Decimal(19))
#: Shipping zone → its methods: instance, method, title, whether it is switched on. Zone 0 is everywhere else.
ZONES: dict[tuple[int, str], list[tuple[int, str, str, bool]]] = {
	(0, "Locations not covered by your other zones"): [],
	(1, "Germany"): [
		(1, "flat_rate", "Flat rate", True),
		(2, "free_shipping", "Free shipping", True),
		(3, "local_pickup", "Local pickup", False),
	],
}
#: Ways to pay: id, title, and whether buyers are offered them.
GATEWAYS = (
	("bacs", "Direct bank transfer", True),
	("cheque", "Check payments", False),
	("cod", "Cash on delivery", True),
)


class State:
	"""Everything there is in the shop. Public: tests and the demo compare it with the ERP's."""

	def __init__(self, now: Now = utc_now, currency: str = "EUR", time_zone: str = "Europe/Berlin"):
		self.now, self.currency, self.zone = now, currency, ZoneInfo(time_zone)
		self.decimals, self.decimal_separator, self.weight_unit = 2, ".", "kg"
		self.prices_include_tax = self.tax_round_at_subtotal = False
		self.manage_stock = True  # woocommerce_manage_stock of the whole shop
		self.version = VERSION
		self.fulfilments = False  # the feature "fulfillments" of 10.1 and newer
		self.plugins: set[str] = set()  # "shipment-tracking", "ast"
		self.home = "http://shop.example/"
		self.rates: list[Rate] = [STANDARD]
		self.zones = dict(ZONES)
		self.gateways = list(GATEWAYS)
		self.refunding: dict[
			str, str
		] = {}  # ways to pay that can give money back, and why they refuse; "": not
		self.coupons: dict[str, Decimal] = {}  # code → percent
		self.products: dict[int, Product] = {}  # variations too
		self.customers: dict[int, Customer] = {}
		self.orders: dict[int, Order] = {}
		self.parcels: dict[int, Fulfilment] = {}
		self.tracked: dict[int, list[Tracking]] = {}  # by order, of a plugin
		self.terms = {name: Terms(f"products/{name}") for name in ("categories", "brands", "tags")}
		self.attributes: dict[int, Attribute] = {}
		self.webhooks: dict[int, Webhook] = {}
		self.queue: dict[
			tuple[int, int], Pending
		] = {}  # by webhook and resource: to be told; what, is found out then
		self.recorded: list[Delivery] = []  # everything it ever told, oldest first
		self.pings: list[Ping] = []
		self.mails: list[tuple[str, int]] = []  # what buyers were written: kind, order
		self.rights = {"admin": True}  # user → whether may read orders and products
		self.unreachable_images: set[str] = set()
		self.lock = RLock()
		self._ids: dict[str, count[int]] = {}
		self.terms["categories"].add(self.new_id("post"), "Uncategorized")

	def new_id(self, kind: str) -> int:
		"""The next id: products, orders and refunds share one sequence, rows of orders another."""
		return next(self._ids.setdefault(kind, count({"post": 15}.get(kind, 1))))

	def api(self, path: str) -> str:
		return f"{self.home}wp-json/wc/v3/{path}"
