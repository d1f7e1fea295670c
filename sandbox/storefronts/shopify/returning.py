"""Returns of the simulated Shopify: asked for, agreed to, received, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from sandbox.storefronts.shopify import payloads
from sandbox.storefronts.shopify.goods import Location
from sandbox.storefronts.shopify.graph import ReverseLine
from sandbox.storefronts.shopify.mutations import Args, Payload, failed, mutation, wrong
from sandbox.storefronts.shopify.sales import Disposition, Line, Order, Return, ReturnedLine


class Returning:
	"""A part of `Shop`."""

	location: Location
	locations: dict[int, Location]
	lock: RLock
	now: Callable[[], datetime]
	new_id: Callable[[str], int]
	orders: dict[int, Order]
	set_available: Callable[..., None]
	_tell: Callable[..., None]
	_tell_of: Callable[..., None]

	def find_return(self, number: int) -> Return | None:
		return next(
			(each for order in self.orders.values() for each in order.returns if each.id == number), None
		)

	def request_return(
		self, order: Order, quantities: Mapping[Line, int], reason: str = "defective", **about: Any
	) -> Return:
		"""A buyer asks to send goods of an order back that were sent.

		:param about: note, customer_note of its lines
		"""
		with self.lock:
			lines = [
				ReturnedLine(
					self.new_id("returned line"),
					self.new_id("reverse line"),
					next(sent for sent in order.fulfilments if line in sent.quantities()),
					line,
					quantity,
					reason,
					**about,
				)
				for line, quantity in quantities.items()
			]
			name = f"{order.name}-R{len(order.returns) + 1}"
			made = Return(self.new_id("return"), order, name, lines, self.now())
			made.reverse_id = self.new_id("reverse order")
			order.returns.append(made)
			self._told(made, "returns/request")
			return made

	def make_return(self, order: Order, rows: list[tuple[Any, Line, int, str]]) -> Return:
		"""A person, or an app, makes one that is agreed to."""
		with self.lock:
			lines = [
				ReturnedLine(
					self.new_id("returned line"), self.new_id("reverse line"), sent, line, quantity, note=note
				)
				for sent, line, quantity, note in rows
			]
			made = Return(
				self.new_id("return"), order, f"{order.name}-R{len(order.returns) + 1}", lines, self.now()
			)
			made.reverse_id = self.new_id("reverse order")
			order.returns.append(made)
			self.approve_return(made)
			return made

	def returnable(self, order: Order) -> list[tuple[Any, Line, int]]:
		"""What was sent and is in no return that counts: fulfilment, line, how many."""
		found = []
		for sent in order.fulfilments:
			for line, quantity in sent.quantities().items() if sent.status == "SUCCESS" else ():
				returns = [each for each in order.returns if each.status not in ("DECLINED", "CANCELED")]
				rows = [
					row for each in returns for row in each.lines if row.sent is sent and row.line is line
				]
				left = quantity - sum(row.quantity for row in rows)
				if left > 0:
					found.append((sent, line, left))
		return found

	def approve_return(self, made: Return, processes: bool = False) -> None:
		with self.lock:
			made.status, made.approved_at, made.processes = "OPEN", self.now(), processes
			if not processes:
				for line in made.lines:
					line.processed = line.quantity
			self._told(made, "returns/approve")

	def decline_return(self, made: Return, reason: str, note: str | None = None) -> None:
		with self.lock:
			made.status, made.decline = "DECLINED", (reason, note)
			self._told(made, "returns/decline")

	def dispose(self, line: ReturnedLine, kind: str, quantity: int, location: Location | None = None) -> None:
		"""Somebody says what became of goods that came back."""
		with self.lock:
			line.dispositions.append(
				Disposition(self.new_id("disposition"), kind, quantity, location, self.now())
			)
			if kind == "RESTOCKED" and line.line.variant and location:
				level = line.line.variant.levels[location.id]
				self.set_available(line.line.variant, location.id, level.available + quantity)

	def process_return(self, made: Return) -> None:
		with self.lock:
			self._told(made, "returns/process")

	def close_return(self, made: Return) -> None:
		with self.lock:
			made.status, made.closed_at = "CLOSED", self.now()
			self._told(made, "returns/close")

	def cancel_return(self, made: Return) -> None:
		with self.lock:
			made.status = "CANCELED"
			self._told(made, "returns/cancel")

	def refund_return(self, made: Return, amount: Decimal | None = None) -> Any:
		"""The money of what was returned goes back, in a refund that names the return."""
		quantities: dict[Line, int] = {}
		for line in made.lines:
			quantities[line.line] = quantities.get(line.line, 0) + line.quantity
		given = self.refund(made.order, quantities, restock="no_restock", amount=amount)  # type: ignore[attr-defined]
		given.of_return = made
		return given

	def _told(self, made: Return, topic: str) -> None:
		self._tell(topic, payloads.returned(made))
		self._tell_of(made.order)


# --- the calls -----------------------------------------------------------------------------------------------


def _number(value: Any) -> int:
	text = str(value).rsplit("/", 1)[-1]
	return int(text) if text.isdigit() else 0


def _found(shop: Any, value: Any, *statuses: str) -> tuple[Return | None, dict[str, Any] | None]:
	made = shop.find_return(_number(value))
	if made is None:
		return None, wrong("input.id", "Return not found.", "NOT_FOUND")
	if statuses and made.status not in statuses:
		return None, wrong("input.id", f"Return is {made.status.lower()}.", "INVALID_STATE")
	return made, None


@mutation("returnApproveRequest")
def approve(shop: Any, args: Args) -> Payload:
	given = args["input"]
	made, error = _found(shop, given["id"], "REQUESTED")
	if made is None or error:
		return failed(error or {}, **{"return": None})
	made.notified = bool(given.get("notifyCustomer"))
	shop.approve_return(made, bool(given.get("unprocessed")))
	return {"return": made, "userErrors": []}


@mutation("returnDeclineRequest")
def decline(shop: Any, args: Args) -> Payload:
	given = args["input"]
	made, error = _found(shop, given["id"], "REQUESTED")
	if made is None or error:
		return failed(error or {}, **{"return": None})
	made.notified = bool(given.get("notifyCustomer"))
	shop.decline_return(made, given["declineReason"], given.get("declineNote"))
	return {"return": made, "userErrors": []}


@mutation("returnClose")
def close(shop: Any, args: Args) -> Payload:
	made, error = _found(shop, args["id"], "OPEN")
	if made is None or error:
		return failed(error or {}, **{"return": None})
	shop.close_return(made)
	return {"return": made, "userErrors": []}


@mutation("returnCancel")
def cancel(shop: Any, args: Args) -> Payload:
	"""Only before any work was done on it."""
	made, error = _found(shop, args["id"], "OPEN", "REQUESTED")
	if made is not None and any(line.dispositions for line in made.lines):
		error = wrong("id", "Return has been processed and cannot be canceled.", "INVALID_STATE")
	if made is None or error:
		return failed(error or {}, **{"return": None})
	shop.cancel_return(made)
	return {"return": made, "userErrors": []}


@mutation("returnProcess")
def process(shop: Any, args: Args) -> Payload:
	given = args["input"]
	made, error = _found(shop, given["returnId"], "OPEN")
	if made is None or error:
		return failed(error or {}, **{"return": None})
	for index, row in enumerate(given.get("returnLineItems") or ()):
		line = next((each for each in made.lines if each.id == _number(row["id"])), None)
		path = f"input.returnLineItems.{index}"
		if line is None:
			return failed(wrong(f"{path}.id", "Return line item not found.", "NOT_FOUND"), **{"return": None})
		if not 0 < row["quantity"] <= line.quantity - line.processed:
			error = wrong(f"{path}.quantity", "Quantity exceeds what can be processed.", "INVALID")
			return failed(error, **{"return": None})
		line.processed += row["quantity"]
		error = _dispose(shop, [line], row.get("dispositions") or (), path)
		if error:
			return failed(error, **{"return": None})
	shop.process_return(made)
	return {"return": made, "userErrors": []}


@mutation("reverseFulfillmentOrderDispose")
def dispose(shop: Any, args: Args) -> Payload:
	rows = args["dispositionInputs"]
	returns = [made for order in shop.orders.values() for made in order.returns]
	error = _dispose(shop, [line for made in returns for line in made.lines], rows, "dispositionInputs")
	if error:
		return failed(error, reverseFulfillmentOrderLineItems=None)
	named = {_number(row["reverseFulfillmentOrderLineItemId"]) for row in rows}
	for made in returns:
		if any(line.reverse_id in named for line in made.lines):
			shop.process_return(made)
	touched = [ReverseLine(line) for made in returns for line in made.lines if line.reverse_id in named]
	return {"reverseFulfillmentOrderLineItems": touched, "userErrors": []}


def _dispose(shop: Any, lines: Any, rows: Any, path: str) -> dict[str, Any] | None:
	for row in rows:
		number = _number(row["reverseFulfillmentOrderLineItemId"])
		line = next((each for each in lines if each.reverse_id == number), None)
		if line is None:
			return wrong(path, "Reverse fulfillment order line item not found.", "NOT_FOUND")
		if not 0 < row["quantity"] <= line.quantity - line.disposed:
			return wrong(path, "Quantity exceeds what is left to dispose.", "INVALID")
		place = shop.locations.get(_number(row.get("locationId")))
		if row["dispositionType"] == "RESTOCKED" and place is None:
			return wrong(path, "Location is required to restock.", "BLANK")
		shop.dispose(line, row["dispositionType"], row["quantity"], place)
	return None


@mutation("returnCreate")
def create(shop: Any, args: Args) -> Payload:
	"""A return that nobody asked for: it is open at once."""
	given = args["returnInput"]
	order = shop.orders.get(_number(given["orderId"]))
	if order is None:
		return failed(wrong("returnInput.orderId", "Order not found.", "NOT_FOUND"), **{"return": None})
	there = {_sent_id(sent, line): (sent, line, left) for sent, line, left in shop.returnable(order)}
	lines = []
	for index, row in enumerate(given["returnLineItems"]):
		found = there.get(_number(row["fulfillmentLineItemId"]))
		if found is None or not 0 < row["quantity"] <= found[2]:
			path = f"returnInput.returnLineItems.{index}.quantity"
			return failed(
				wrong(path, "Return line item has an invalid quantity.", "INVALID"), **{"return": None}
			)
		lines.append((found[0], found[1], row["quantity"], row.get("returnReasonNote") or ""))
	return {"return": shop.make_return(order, lines), "userErrors": []}


def _sent_id(sent: Any, line: Line) -> int:
	return sent.id + line.id
