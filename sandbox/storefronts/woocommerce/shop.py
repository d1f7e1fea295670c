"""The simulated shop: its products, stock and orders, and what its merchant and its buyers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from sandbox.storefronts.woocommerce import refunding
from sandbox.storefronts.woocommerce.goods import (
	Product,
	new_fields,
	price_decimal,
)
from sandbox.storefronts.woocommerce.people import Customer
from sandbox.storefronts.woocommerce.sales import (
	PAID,
	REDUCED,
	CouponLine,
	NewFee,
	NewLine,
	Note,
	Order,
	Part,
	Rate,
	Refund,
	address,
	total_of,
)
from sandbox.storefronts.woocommerce.taxes import Rounding, charged, discounted, net_of
from sandbox.storefronts.woocommerce.telling import Telling
from sandbox.storefronts.woocommerce.values import ZERO, slug_of

BUYER = {
	"first_name": "Ada",
	"last_name": "Lovelace",
	"address_1": "Hauptstraße 1",
	"city": "Köln",
	"postcode": "50667",
	"country": "DE",
	"email": "ada@example.com",
	"phone": "+49 221 1",
}


class Shop(Telling):
	"""The shop. Public: tests and the demo compare it with the ERP's."""

	# --- the catalog

	def add_product(
		self, sku: str, price: Decimal | str = "10.00", stock: int | None = 0, **fields: Any
	) -> Product:
		"""A simple product. With `stock` None its stock is not counted."""
		given = {"name": f"Product {sku}", "sku": sku, "regular_price": str(price), **fields}
		if stock is not None:
			given |= {"manage_stock": True, "stock_quantity": stock}
		with self.lock:
			return self.make_product(given)

	def add_variable_product(
		self,
		sku: str,
		variations: Mapping[str, Decimal | str],
		stock: int | None = 0,
		name: str = "",
		attribute: str = "Size",
	) -> Product:
		"""A product with one variation for each option: option → price. Their SKUs are `SKU-option`."""
		options = list(variations)
		row = {
			"id": 0,
			"name": attribute,
			"slug": attribute,
			"position": 0,
			"visible": True,
			"variation": True,
		}
		with self.lock:
			parent = self.make_product(
				{
					"name": name or f"Product {sku}",
					"sku": sku,
					"type": "variable",
					"attributes": [{**row, "options": options}],
				}
			)
			for option, price in variations.items():
				chosen = [{"id": 0, "name": attribute, "slug": attribute, "option": option}]
				given = {"sku": f"{sku}-{option}", "regular_price": str(price), "attributes": chosen}
				if stock is not None:
					given |= {"manage_stock": True, "stock_quantity": stock}
				self.make_variation(parent, given)
			return parent

	def make_product(self, given: Mapping[str, Any]) -> Product:
		fields = {**new_fields(False), **given}
		fields["slug"] = fields["slug"] or self._free_slug(slug_of(fields["name"]))
		fields["categories"] = fields["categories"] or [next(iter(self.terms["categories"].rows))]
		made = Product(self.new_id("post"), self.now(), self.now(), fields)
		self.products[made.id] = made
		self.tell("product.created", made.id)
		return made

	def _free_slug(self, slug: str) -> str:
		taken = {each.fields["slug"] for each in self.products.values() if each.parent is None}
		return next(
			name for number in count(1) if (name := slug if number == 1 else f"{slug}-{number}") not in taken
		)

	def make_variation(self, parent: Product, given: Mapping[str, Any]) -> Product:
		made = Product(self.new_id("post"), self.now(), self.now(), {**new_fields(True), **given}, parent)
		self.products[made.id] = made
		parent.variations.append(made)
		parent.modified = self.now()
		self.tell("product.created", made.id)
		return made

	def product(self, sku: str) -> Product:
		"""The product or variation of this SKU."""
		for each in self.products.values():
			if each.sku == sku:
				return each
		raise KeyError(sku)

	def stock(self, sku: str) -> int | None:
		return self.product(sku).stock

	def touch(self, product: Product) -> None:
		"""The product was saved: it is told of although nothing may have changed."""
		product.modified = self.now()
		self.tell("product.updated", product.id)
		if product.parent is not None:
			product.parent.modified = self.now()

	def set_stock(self, sku: str, quantity: int) -> None:
		"""A person enters another number in the shop."""
		with self.lock:
			product = self.product(sku)
			product.counted.fields["stock_quantity"] = quantity
			self.touch(product)

	def change_product(self, product: Product, **fields: Any) -> None:
		"""A person changes a product in the shop."""
		with self.lock:
			product.fields |= fields
			self.touch(product)

	def trash_product(self, product: Product) -> None:
		with self.lock:
			product.status_before, product.fields["status"] = product.status, "trash"
			product.modified = self.now()
			rows = {"_wp_trash_meta_status": product.status_before}
			rows |= {"_wp_trash_meta_time": str(int(self.now().timestamp()))}
			product.fields["meta_data"] = [*product.fields["meta_data"], *self.meta_rows(rows)]
			self.tell("product.deleted", product.id)

	def restore_product(self, product: Product) -> None:
		"""A person takes it out of the trash and publishes it."""
		with self.lock:
			product.fields["status"] = product.status_before
			product.modified = self.now()
			self.tell("product.restored", product.id)
			self.tell("product.updated", product.id)

	def delete_product(self, product: Product) -> None:
		"""For good: nothing is told. Lines of orders that were sold of it lose it."""
		with self.lock:
			for each in [*product.variations, product]:
				self.products.pop(each.id, None)
				for line in (line for order in self.orders.values() for line in order.lines):
					if line.product is each:
						line.product = None
			if product.parent is not None:
				product.parent.variations.remove(product)

	# --- customers

	def add_customer(self, email: str, **values: Any) -> Customer:
		with self.lock:
			billing = address({**BUYER, "email": email, **values.get("billing", {})}, True)
			shipping = address({**BUYER, **values.get("shipping", {})}, False)
			names = {"first_name": billing["first_name"], "last_name": billing["last_name"]}
			names |= {
				name: value for name, value in values.items() if name in ("first_name", "last_name", "meta")
			}
			username = values.get("username") or email.split("@")[0]
			made = Customer(
				self.new_id("user") + 1, self.now(), self.now(), email, username, billing, shipping, **names
			)
			self.customers[made.id] = made
			self.tell("customer.created", made.id)
			self.tell("customer.updated", made.id)
			return made

	def change_customer(self, customer: Customer, **values: Any) -> None:
		with self.lock:
			for name, value in values.items():
				setattr(customer, name, value)
			customer.modified = self.now()
			self.tell("customer.updated", customer.id)

	def delete_customer(self, customer: Customer) -> None:
		with self.lock:
			del self.customers[customer.id]
			self.tell("customer.deleted", customer.id)

	# --- orders

	@property
	def rounding(self) -> Rounding:
		return Rounding(self.decimals, self.tax_round_at_subtotal, self.prices_include_tax)

	def new_order(self, **values: Any) -> Order:
		number, moment = self.new_id("post"), self.now()
		key = f"wc_order_{number:013x}"
		return Order(number, key, moment, moment, self.currency, self.rounding, tuple(self.rates), **values)

	def place_order(
		self,
		lines: Mapping[str, int] | Sequence[NewLine],
		shipping: Decimal | None = None,
		fees: Sequence[NewFee] = (),
		coupons: Sequence[str] = (),
		customer: Customer | None = None,
		billing: Mapping[str, Any] | None = None,
		shipping_address: Mapping[str, Any] | None = None,
		status: str = "processing",
		meta: Mapping[str, Any] | None = None,
		payment: tuple[str, str] = ("bacs", "Direct bank transfer"),
		note: str = "",
		created_via: str = "checkout",
	) -> Order:
		"""A buyer orders. Prices, discounts and shipping are entered as the shop's are: shipping without tax."""
		given = (
			[NewLine(sku, quantity) for sku, quantity in lines.items()]
			if isinstance(lines, Mapping)
			else lines
		)
		with self.lock:
			address_given = billing or (customer.billing if customer else BUYER)
			order = self.new_order(
				created_via=created_via,
				customer_id=customer.id if customer else 0,
				customer_note=note,
				billing=address(address_given, True),
				shipping_address=address(shipping_address or address_given, False),
				payment_method=payment[0],
				payment_method_title=payment[1],
				meta=self.meta_rows(meta or {}),
			)
			order.lines = [self.make_line(order, each) for each in given]
			if shipping is not None:
				code = {"code": "flat_rate", "instance": "1", "subtotal": shipping}
				order.shipping = [Part(self.new_id("item"), "Flat rate", shipping, **code)]
			order.fees = [
				Part(self.new_id("item"), fee.name, fee.total, tax_class=fee.tax_class, taxable=fee.taxable)
				for fee in fees
			]
			for code in coupons:
				self.apply_coupon(order, code)
			order.calculate(self.new_id)
			self.orders[order.id] = order
			self.enter(order, status)
			self.tell("order.created", order.id)
			self.tell("order.updated", order.id)
			return order

	def meta_rows(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
		return [{"id": self.new_id("meta"), "key": key, "value": value} for key, value in given.items()]

	def make_line(self, order: Order, new: NewLine) -> Part:
		product = self.product(new.sku) if new.sku else None
		price = (
			new.price if new.price is not None else price_decimal(product, self.now()) if product else ZERO
		)
		tax_class = product.fields["tax_class"] if product else ""
		if tax_class == "parent" and product is not None and product.parent is not None:
			tax_class = product.parent.fields["tax_class"]
		rates = order.rates_of(tax_class)
		name = new.name or (product.full_name if product else "A deleted product")
		return Part(
			self.new_id("item"),
			name,
			self.net(price * new.quantity - new.discount, rates),
			self.net(price * new.quantity, rates),
			tax_class=tax_class,
			quantity=new.quantity,
			product=product,
			meta=[*self._chosen_attributes(product), *self.meta_rows(new.meta)],
		)

	def _chosen_attributes(self, product: Product | None) -> list[dict[str, Any]]:
		"""What a line says of a variation that was bought."""
		rows = product.fields["attributes"] if product is not None and product.parent is not None else ()
		return [
			{
				"id": self.new_id("meta"),
				"key": slug_of(row["name"]),
				"value": row["option"],
				"display_key": row["name"],
				"display_value": row["option"],
			}
			for row in rows
		]

	def net(self, amount: Decimal, rates: Sequence[Rate]) -> Decimal:
		"""What is without tax of an amount as it is entered in the shop."""
		return net_of(amount, rates) if self.prices_include_tax else amount

	def apply_coupon(self, order: Order, code: str) -> None:
		"""A coupon of some percent, on what each line costs before any discount, as it was entered."""
		percent = self.coupons[code]
		gross = [self._entered(order, line) for line in order.lines]
		whole = [(amount, line.quantity) for amount, line in zip(gross, order.lines, strict=True)]
		discount = tax = ZERO
		for line, amount, less in zip(
			order.lines, gross, discounted(whole, percent, self.decimals), strict=True
		):
			rates = order.rates_of(line.tax_class)
			line.total = self.net(amount - less, rates)
			discount += self.net(less, rates)
			tax += total_of(charged(self.net(less, rates), rates).values())
		ids = [self.new_id("item"), 10, self.new_id("meta")]
		amounts = (order.rounding.money(discount), order.rounding.tax(tax))
		order.coupons.append(CouponLine(ids[0], code, *amounts, percent, ids[1], ids[2]))

	def _entered(self, order: Order, line: Part) -> Decimal:
		if not self.prices_include_tax:
			return line.subtotal
		taxes = charged(line.subtotal, order.rates_of(line.tax_class)).values()
		return order.rounding.money(line.subtotal + total_of(taxes))

	def edit_order(
		self, order: Order, add: Sequence[NewLine] = (), quantities: Mapping[int, int] | None = None
	) -> None:
		"""A person changes lines in the shop: more of them, or other quantities by line id (0: it goes)."""
		with self.lock:
			for line in list(order.lines):
				wanted = (quantities or {}).get(line.id, line.quantity)
				if wanted == 0:
					self.shelve(line, 0)
					order.lines.remove(line)
				elif wanted != line.quantity:
					line.total, line.subtotal = (
						each / line.quantity * wanted for each in (line.total, line.subtotal)
					)
					line.quantity = wanted
			order.lines += [self.make_line(order, new) for new in add]
			self.save(order)

	def save(self, order: Order) -> None:
		"""The order was saved: its totals anew, its stock, and it is told of although nothing may have changed."""
		order.calculate(self.new_id)
		if order.status in REDUCED:
			for line in order.lines:
				self.shelve(line, line.quantity)
		self.changed(order)

	def changed(self, order: Order) -> None:
		order.modified = self.now()
		self.tell("order.updated", order.id)

	def enter(self, order: Order, status: str) -> None:
		"""The order's status becomes another one, with all that hangs on it but the telling."""
		order.status = status
		done = any(row["key"] == "_auto_fulfill_processed" for row in order.meta)
		if self.fulfilments and status in REDUCED and not done:
			order.meta = [*order.meta, *self.meta_rows({"_auto_fulfill_processed": "1"})]
		# Cash on delivery is paid when the order is completed.
		paid = ("completed",) if order.payment_method == "cod" else PAID
		if status in paid and order.paid is None:
			order.paid = self.now()
		if status == "completed" and order.completed is None:
			order.completed = self.now()
		if status in REDUCED:
			for line in order.lines:
				self.shelve(line, line.quantity)
		elif status in ("cancelled", "pending"):
			for line in order.lines:
				self.shelve(line, 0)
		elif status == "refunded":
			refunding.refund_the_rest(self, order)

	def shelve(self, line: Part, reduced: int) -> None:
		"""Takes off the shelf what an order has of a line, or puts it back."""
		if line.product is None or not line.product.managed or reduced == line.reduced:
			return
		counted = line.product.counted
		counted.fields["stock_quantity"] = (counted.fields["stock_quantity"] or 0) - (reduced - line.reduced)
		line.product.total_sales += reduced - line.reduced
		line.reduced = reduced
		self.touch(line.product)

	def set_status(self, order: Order, status: str) -> None:
		with self.lock:
			self.enter(order, status)
			self.changed(order)

	def cancel_order(self, order: Order) -> None:
		self.set_status(order, "cancelled")

	def trash_order(self, order: Order) -> None:
		with self.lock:
			order.status_before, order.status = order.status, "trash"
			order.modified = self.now()
			rows = {"_wp_trash_meta_status": f"wc-{order.status_before}"}
			order.meta = [
				*order.meta,
				*self.meta_rows(rows | {"_wp_trash_meta_time": str(int(self.now().timestamp()))}),
			]
			self.tell("order.deleted", order.id)

	def restore_order(self, order: Order) -> None:
		with self.lock:
			order.status, order.modified = order.status_before, self.now()
			self.tell("order.restored", order.id)

	def delete_order(self, order: Order) -> None:
		"""For good: nothing is told of it."""
		with self.lock:
			self.orders.pop(order.id, None)

	def add_note(
		self, order: Order, text: str, for_customer: bool = False, author: str = "WooCommerce"
	) -> Note:
		"""Of a note nothing is told, and the order's date stays."""
		note = Note(self.new_id("note"), text, self.now(), for_customer, author)
		order.notes.append(note)
		if for_customer:
			self.mails.append(("note", order.id))
		return note

	def refund_order(
		self,
		order: Order,
		amount: Decimal | None = None,
		quantities: Mapping[int, int] | None = None,
		reason: str = "",
		restock: bool = False,
		moved: bool = False,
		charges: bool = False,
	) -> Refund:
		"""Money back: of some pieces by line id, of an amount, or of all that is left.

		:param moved: by the gateway
		:param charges: shipping and fees as well
		"""
		with self.lock:
			rows = {
				line.id: refunding.share_of(order, line, quantities[line.id])
				for line in order.lines
				if quantities and quantities.get(line.id)
			}
			if charges:
				more = [*order.shipping, *order.fees]
				rows |= {part.id: refunding.share_of(order, part, 0) for part in more}
			return refunding.make(self, order, amount, rows, reason, restock, moved=moved)
