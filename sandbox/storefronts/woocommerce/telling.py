"""What the shop tells of, and to whom: its webhooks, the queue before them, and what became of each delivery."""

from __future__ import annotations

from typing import Any

from sandbox.storefronts.woocommerce import webhooks
from sandbox.storefronts.woocommerce.goods import shown_product
from sandbox.storefronts.woocommerce.people import shown_customer
from sandbox.storefronts.woocommerce.sales import shown_order
from sandbox.storefronts.woocommerce.state import State
from sandbox.storefronts.woocommerce.webhooks import Delivery, Pending, Post, Webhook


class Telling(State):
	"""The part of the shop that tells."""

	def subscribe(self, topic: str, url: str, secret: str = "s3cret", owner: str = "admin") -> Webhook:
		"""As a person does it in the shop. By the API the address is pinged."""
		made = Webhook(self.new_id("webhook"), topic, url, secret, f"bridge {topic}", self.now(), owner=owner)
		made.ping_pending = False
		self.webhooks[made.id] = made
		return made

	def tell(self, topic: str, resource_id: int) -> None:
		"""Puts a delivery into the queue of every webhook of the topic, unless the same waits there already."""
		for webhook in self.webhooks.values():
			if webhook.status == "active" and webhook.topic == topic:
				self.queue.setdefault((webhook.id, resource_id), Pending(webhook, resource_id))

	def built(self, pending: Pending) -> Delivery:
		"""What is told now of what was put into the queue then."""
		webhook = pending.webhook
		body = webhooks.as_php(self.payload(webhook, pending.resource_id))
		headers = webhooks.headers_of(webhook, body, self.home, self.version, self.now())
		made = Delivery(webhook, webhook.topic, pending.resource_id, headers, body)
		self.recorded.append(made)
		return made

	def take_queue(self) -> list[Delivery]:
		"""Everything that waits, built now and left to the caller to hand over."""
		with self.lock:
			taken, self.queue = self.queue, {}
			return [self.built(pending) for pending in taken.values()]

	def deliver(self, delivery: Delivery, post: Post | None = None, secret: str | None = None) -> bool:
		"""Sends it, once: whether it was taken. With `secret` somebody else signs it."""
		headers = dict(delivery.headers)
		if secret is not None:
			headers["x-wc-webhook-signature"] = webhooks.signature(secret, delivery.body)
		send = post or webhooks.post_to(delivery.webhook.delivery_url)
		delivery.status = webhooks.sent(send, headers, delivery.body)
		if secret is None:
			with self.lock:
				webhooks.counted(delivery.webhook, delivery.status, self.now())
		if delivery.webhook.ping_pending:
			self.ping(delivery.webhook, post)
		return delivery.status is not None and 200 <= delivery.status < 303

	def run_queue(self, post: Post | None = None) -> list[Delivery]:
		"""What the shop's background runner does: sends everything that waits, one after the other."""
		sent = []
		while True:
			with self.lock:
				if not self.queue:
					return sent
				delivery = self.built(self.queue.pop(next(iter(self.queue))))
			self.deliver(delivery, post)
			sent.append(delivery)

	def ping(self, webhook: Webhook, post: Post | None = None) -> None:
		"""Only exactly 200 ends the pinging."""
		made = webhooks.ping_of(webhook, self.version)
		self.pings.append(made)
		made.status = webhooks.sent(post or webhooks.post_to(webhook.delivery_url), made.headers, made.body)
		webhook.ping_pending = made.status != 200

	def payload(self, webhook: Webhook, resource_id: int) -> dict[str, Any]:
		"""A resource as the API would answer it to the webhook's owner; what is deleted is only its id."""
		if webhook.event == "deleted":
			return {"id": resource_id}
		if not self.rights.get(webhook.owner):
			return error("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.", 403)
		if webhook.resource == "order":
			order = self.orders.get(resource_id)
			return shown_order(self, order) if order else error("woocommerce_rest_shop_order_invalid_id")
		if webhook.resource == "product":
			product = self.products.get(resource_id)
			return shown_product(self, product) if product else error("woocommerce_rest_product_invalid_id")
		customer = self.customers.get(resource_id)
		return (
			shown_customer(self, customer)
			if customer
			else error("woocommerce_rest_invalid_id", "Invalid resource ID.")
		)


def error(code: str, message: str = "Invalid ID.", status: int = 404) -> dict[str, Any]:
	"""What stands in a webhook in place of what cannot be shown."""
	return {"code": code, "message": message, "data": {"status": status}}
