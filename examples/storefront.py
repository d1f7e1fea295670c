#!/usr/bin/env python3
"""A storefront that works with Commerce Bridge, in one file and without dependencies: a place to start from.

It shows products, takes orders, and speaks the whole contract of docs/custom-storefront-api.md:

- what is sold is kept with its event in one transaction, and sent until ERPNext has acknowledged it;
- payments, refunds and returns are told as they happen, and stand in the order for whoever reads it;
- products, prices, stock, shipments, invoices and order changes come in as signed messages, each applied once;
- money that ERPNext asks for goes back once;
- orders, stock and catalog can be read, which closes gaps and finds drift.

    STOREFRONT_SECRET=whsec_… python3 examples/storefront.py --erp https://erp.example.com --channel "My Shop"

Then open http://127.0.0.1:9000/. The channel's Store URL is this server's public https address with /erp behind
it; http://127.0.0.1:9000/erp is allowed on a development site (`commerce_bridge_allow_loopback`).

The payment provider, taxes, accounts and design are yours. Python 3.10 or newer.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import html
import json
import os
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_BODY = 4 * 1024 * 1024
TOLERANCE_SECONDS = 300
PAGE_SIZE = 100
#: Waits between the tries of an event, in seconds; then hourly.
WAITS = (10, 60, 300, 1800)
#: Answers to an event that trying again does not change.
REFUSED = (400, 413, 415)
SHIPPING = Decimal("5.00")

SCHEMA = """
create table if not exists products (
	sku text primary key, id text not null unique, title text not null, description text not null default '',
	price text, currency text, published integer not null default 1);
create table if not exists levels (sku text, location text, quantity text not null, primary key (sku, location));
create table if not exists orders (
	id text primary key, change integer not null unique, updated_at text not null, data text not null);
create table if not exists outbox (
	id text primary key, body text not null, sku text not null, location text not null, taken integer not null,
	received_at text, tries integer not null default 0, due real not null default 0, refused text);
create table if not exists documents (kind text, id text, order_id text, data text not null, primary key (kind, id));
create table if not exists told (subject text primary key, at real not null);
create table if not exists messages (id text primary key, at real not null, answer text not null);
"""


# --- signatures: https://www.standardwebhooks.com ----------------------------------------------------------


def key_of(secret: str) -> bytes:
	prefix = "whsec_"
	return base64.b64decode(secret[len(prefix) :]) if secret.startswith(prefix) else secret.encode()


def signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
	signed = f"{webhook_id}.{timestamp}.".encode() + body
	return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
	"""Whether the message is from our ERP, and recent. While a secret is replaced there are two signatures."""
	timestamp = headers.get("webhook-timestamp", "")
	if not is_number(timestamp) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
		return False
	expected = signature(secret, headers.get("webhook-id", ""), timestamp, body).encode()
	presented = headers.get("webhook-signature", "").split()
	return any([hmac.compare_digest(expected, one.encode()) for one in presented])


def is_number(text: str) -> bool:
	return text.isascii() and text.isdigit()


def iso(moment: float) -> str:
	"""Times in one form, so that they sort as text."""
	text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds")
	return text.replace("+00:00", "Z")


def moment_of(text: str) -> float:
	return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# --- the shop ---------------------------------------------------------------------------------------------


class OutOfStock(Exception):
	"""Nothing was sold."""


class Shop:
	"""Products, orders and shipments in one SQLite file, and the events that no level of ERPNext counts yet."""

	def __init__(self, path: str, secret: str, now: Callable[[], float] = time.time):
		self.secret = secret
		self.now = now
		#: While it is open whether ERPNext has an order, no level that may count it is taken.
		self.wire = threading.Lock()
		self._path = path
		with closing(sqlite3.connect(path)) as database:
			database.executescript(SCHEMA)

	@contextmanager
	def transaction(self) -> Iterator[sqlite3.Connection]:
		"""One writer at a time; everything inside is kept together or not at all."""
		connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
		connection.row_factory = sqlite3.Row
		try:
			connection.execute("begin immediate")
			yield connection
			connection.execute("commit")
		finally:
			connection.close()  # what was not committed is rolled back

	def read(self, statement: str, *values: Any) -> list[sqlite3.Row]:
		with closing(sqlite3.connect(self._path, timeout=30)) as connection:
			connection.row_factory = sqlite3.Row
			return connection.execute(statement, values).fetchall()

	# --- selling

	def buy(self, sku: str, quantity: int, name: str, email: str) -> str:
		"""Sells: stock, order and event change together.

		:return: the order's id; whoever knows it sees the order
		:raises OutOfStock: no location has that many left, or it is not for sale
		"""
		with self.transaction() as database:
			product = database.execute(
				"select * from products where sku = ? and published = 1 and price is not null", (sku,)
			).fetchone()
			rows = database.execute("select * from levels where sku = ? order by location", (sku,)).fetchall()
			level = next((row for row in rows if Decimal(row["quantity"]) >= quantity), None)
			if product is None or level is None or quantity < 1:
				raise OutOfStock(sku)
			order = _order(product, quantity, level["location"], name, email, iso(self.now()))
			self._keep(database, order, level["location"], quantity)
		return order["id"]

	def cancel(self, order_id: str) -> None:
		"""The customer takes the order back; of what is shipped nothing."""
		with self.transaction() as database:
			order = _find(database, order_id)
			if order is None or order["cancelled"] or _documents(database, order_id, "shipment"):
				return
			[line] = order["lines"]
			order |= {"cancelled": True, "status": "cancelled"}
			if order["payments"] and not order["refunds"]:
				order["refunds"].append(_whole_refund(order, iso(self.now())))
			self._keep(database, order, line["location_id"] or "", -int(line["quantity"]))

	def pay(self, order_id: str, gateway: str = "card") -> None:
		"""The money is there. Yours is called by the webhook of the payment provider, with its id and its fee."""
		with self.transaction() as database:
			order = _find(database, order_id)
			if order is None or order["cancelled"] or order["payments"]:
				return
			moment = iso(self.now())
			payment = {
				"id": f"pay_{uuid.uuid4().hex}",
				"gateway": gateway,
				"reference": f"ch_{uuid.uuid4().hex}",
				"status": "captured",
				"amount": order["totals"]["grand_total"],
				"currency": order["currency"],
				"paid_at": moment,
				"updated_at": moment,
			}
			order["payments"].append(payment)
			_write(database, order, moment)
			_tell(database, "payment.updated", payment | {"order_id": order_id}, order, moment)

	def refund(self, order_id: str, quantity: int, restock: bool) -> str | None:
		"""The shopkeeper gives money back for some of the pieces; the refund's id, or None where that is too many."""
		with self.transaction() as database:
			order = _find(database, order_id)
			if order is None or not order["payments"] or not 0 < quantity <= _not_refunded(order):
				return None
			[line] = order["lines"]
			amount = str(Decimal(line["unit_price"]) * quantity)
			row = {"order_line_id": line["id"], "quantity": quantity, "amount": amount, "restock": restock}
			moment = iso(self.now())
			refund = _refund(order, moment, amount, lines=[row])
			order["refunds"].append(refund)
			_write(database, order, moment)
			_tell(database, "refund.created", refund | {"order_id": order_id}, order, moment)
		return refund["id"]

	def send_back(self, order_id: str, reason: str) -> None:
		"""The buyer asks to send everything back; ERPNext tells what becomes of it."""
		with self.transaction() as database:
			order = _find(database, order_id)
			if order is None or order["returns"] or not _documents(database, order_id, "shipment"):
				return
			[line] = order["lines"]
			moment = iso(self.now())
			row = {"order_line_id": line["id"], "quantity": line["quantity"], "reason": reason[:1000]}
			wanted = {
				"id": f"rma_{uuid.uuid4().hex}",
				"status": "requested",
				"lines": [row],
				"updated_at": moment,
			}
			order["returns"].append(wanted)
			_write(database, order, moment)
			_tell(database, "return.updated", wanted | {"order_id": order_id}, order, moment)

	def _keep(self, database: sqlite3.Connection, order: dict[str, Any], location: str, taken: int) -> None:
		"""Writes stock, order and event."""
		_move(database, order["lines"][0]["sku"], location, -taken)
		moment = iso(self.now())
		_write(database, order, moment)
		_tell(database, "order.upserted", order, order, moment, taken)

	# --- what ERPNext tells us

	def take(self, webhook_id: str, message: dict[str, Any]) -> dict[str, Any]:
		"""Applies a message once; the same id again gets the same answer."""
		with self.wire, self.transaction() as database:
			# What is older than its signature's tolerance cannot come again.
			database.execute("delete from messages where at < ?", (self.now() - 2 * TOLERANCE_SECONDS,))
			known = database.execute("select answer from messages where id = ?", (webhook_id,)).fetchone()
			if known:
				return json.loads(known["answer"])
			answer = {"results": _apply(database, message)}
			database.execute(
				"insert into messages values (?, ?, ?)", (webhook_id, self.now(), json.dumps(answer))
			)
		return answer

	# --- what ERPNext reads

	def orders_since(self, cursor: str, limit: int) -> dict[str, Any]:
		"""Oldest change first. The cursor is the number of the last change; a time begins with what is later."""
		column, start = ("change", int(cursor)) if is_number(cursor) else ("updated_at", "")
		if cursor and column == "updated_at":
			start = iso(moment_of(cursor))
		comparison = ">" if column == "change" else ">="
		rows = self.read(
			f"select * from orders where {column} {comparison} ? order by change limit ?", start, limit + 1
		)
		page = rows[:limit]
		return {
			"orders": [json.loads(row["data"]) for row in page],
			"cursor": str(page[-1]["change"]) if page else cursor or None,
			"more": len(rows) > limit,
		}

	def stock(self, cursor: str, limit: int) -> dict[str, Any]:
		"""The cursor is SKU and location of the last row."""
		sku, _, location = cursor.partition("\n")
		rows = self.read(
			"select levels.*, id from levels join products using (sku)"
			" where (sku, location) > (?, ?) order by sku, location limit ?",
			*(sku, location if cursor else "", limit + 1),
		)
		page = rows[:limit]
		levels = [
			_ids(row) | {"location_id": row["location"] or None, "quantity": row["quantity"]} for row in page
		]
		last = f"{page[-1]['sku']}\n{page[-1]['location']}" if len(rows) > limit else None
		return {"levels": levels, "cursor": last}

	def catalog(self, cursor: str, limit: int) -> dict[str, Any]:
		rows = self.read("select * from products where sku > ? order by sku limit ?", cursor, limit + 1)
		page = rows[:limit]
		products = [_ids(row) | {"barcode": None, "title": row["title"]} for row in page]
		return {"products": products, "cursor": page[-1]["sku"] if len(rows) > limit else None}


def _find(database: sqlite3.Connection, order_id: str) -> dict[str, Any] | None:
	row = database.execute("select data from orders where id = ?", (order_id,)).fetchone()
	return json.loads(row["data"]) if row else None


def _write(database: sqlite3.Connection, order: dict[str, Any], moment: str) -> None:
	"""Keeps the order as it stands now. The number of the change is its version."""
	[change] = database.execute("select coalesce(max(change), 0) + 1 from orders").fetchone()
	order |= {"version": change, "updated_at": moment}
	database.execute(
		"insert or replace into orders values (?, ?, ?, ?)", (order["id"], change, moment, json.dumps(order))
	)


def _tell(
	database: sqlite3.Connection,
	kind: str,
	data: dict[str, Any],
	order: dict[str, Any],
	moment: str,
	taken: int = 0,
) -> None:
	"""Puts the event that tells of it beside the order, with the pieces that it takes off the shelf."""
	[line] = order["lines"]
	message = {"type": kind, "timestamp": moment, "data": data}
	database.execute(
		"insert into outbox (id, body, sku, location, taken) values (?, ?, ?, ?, ?)",
		(f"evt_{uuid.uuid4().hex}", json.dumps(message), line["sku"], line["location_id"] or "", taken),
	)


def _refund(order: dict[str, Any], moment: str, total: str, **parts: Any) -> dict[str, Any]:
	"""A refund of these parts; the money goes back the way it came. Its payment has an id of its own."""
	refund_id = f"r_{uuid.uuid4().hex}"
	back = {"id": f"pay_{refund_id}", "gateway": order["payments"][0]["gateway"], "status": "captured"}
	return {
		"id": refund_id,
		"created_at": moment,
		"currency": order["currency"],
		"total": total,
		"payments": [back | {"reference": f"re_{uuid.uuid4().hex}", "amount": total, "paid_at": moment}],
		**parts,
	}


def _whole_refund(order: dict[str, Any], moment: str) -> dict[str, Any]:
	"""Of an order of which nothing was sent: its goods never left."""
	[line] = order["lines"]
	amount = str(Decimal(line["unit_price"]) * int(line["quantity"]))
	row = {"order_line_id": line["id"], "quantity": line["quantity"], "amount": amount, "restock": True}
	return _refund(order, moment, order["totals"]["grand_total"], lines=[row], shipping=order["shipping"])


def _not_refunded(order: dict[str, Any]) -> int:
	[line] = order["lines"]
	rows = [row for refund in order["refunds"] for row in refund.get("lines", ())]
	return int(line["quantity"]) - sum(int(row["quantity"]) for row in rows)


def _ids(row: sqlite3.Row) -> dict[str, str | None]:
	return {"sku": row["sku"], "product_id": row["id"], "variant_id": None}


def _move(database: sqlite3.Connection, sku: str, location: str, quantity: Decimal | int) -> None:
	"""Puts a quantity on the shelf; a negative one takes it away."""
	row = database.execute(
		"select quantity from levels where sku = ? and location = ?", (sku, location)
	).fetchone()
	before = Decimal(row["quantity"]) if row else Decimal(0)
	database.execute(
		"insert or replace into levels values (?, ?, ?)", (sku, location, str(before + quantity))
	)


def _documents(database: sqlite3.Connection, order_id: str, kind: str) -> list[dict[str, Any]]:
	rows = database.execute(
		"select data from documents where order_id = ? and kind = ? order by id", (order_id, kind)
	)
	return [json.loads(row["data"]) for row in rows]


def _order(
	product: sqlite3.Row, quantity: int, location: str, name: str, email: str, moment: str
) -> dict[str, Any]:
	order_id = uuid.uuid4().hex
	price = Decimal(product["price"])
	line = {
		"id": "1",
		"sku": product["sku"],
		"product_id": product["id"],
		"name": product["title"],
		"quantity": str(quantity),
		"unit_price": str(price),
		"location_id": location or None,
	}
	return {
		"id": order_id,
		"order_number": f"WEB-{order_id[:8].upper()}",
		"updated_at": moment,
		"placed_at": moment,
		"status": "placed",
		"cancelled": False,
		"currency": product["currency"],
		"customer": {"email": email, "first_name": name},
		"lines": [line],
		"shipping": [{"code": "standard", "title": "Standard", "amount": str(SHIPPING)}],
		"totals": {"grand_total": str(price * quantity + SHIPPING)},
		"payments": [],
		"refunds": [],
		"returns": [],
	}


# --- messages of ERPNext, each absolute: applying one twice changes nothing ----------------------------------


def _apply(database: sqlite3.Connection, message: dict[str, Any]) -> list[dict[str, Any]]:
	"""The result of each row. A kind of message that is not known here is taken all the same."""
	kind, data, at = message["type"], message["data"], moment_of(message["timestamp"])
	if kind in _ROWS:
		name, apply = _ROWS[kind]
		as_of = {"as_of": data.get("as_of")}
		return [
			apply(database, row | as_of)
			if _is_newest(database, f"{name} {row['key']}", at)
			else {"key": row["key"]}
			for row in data[name]
		]
	subject = kind.split(".")[0] if kind.startswith(("shipment.", "invoice.")) else kind
	identity = data.get("id") or data.get("order_id")
	if not identity:
		return []
	if kind == "refund.requested":
		return [_give_back(database, data, message["timestamp"])]
	if _is_newest(database, f"{subject} {identity}", at):
		_set_document(database, kind, subject, identity, data)
	return [{"key": identity}]


def _is_newest(database: sqlite3.Connection, subject: str, at: float) -> bool:
	"""Of two messages of one thing the later one holds, in whatever order they arrive."""
	row = database.execute("select at from told where subject = ?", (subject,)).fetchone()
	if row and row["at"] > at:
		return False
	database.execute("insert or replace into told values (?, ?)", (subject, at))
	return True


def _set_level(database: sqlite3.Connection, level: dict[str, Any]) -> dict[str, Any]:
	"""ERPNext's number counts the orders that it had received by `as_of`: what the others take goes off it."""
	if not database.execute("select 1 from products where sku = ?", (level["sku"],)).fetchone():
		return {"key": level["key"], "error": "unknown SKU", "retry": False}
	place = (level["sku"], level["location_id"] or "")
	database.execute(
		"delete from outbox where sku = ? and location = ? and received_at <= ?",
		(*place, level["as_of"] or ""),
	)
	[uncounted] = database.execute(
		"select coalesce(sum(taken), 0) from outbox where sku = ? and location = ?", place
	).fetchone()
	database.execute(
		"insert or replace into levels values (?, ?, ?)",
		(*place, str(Decimal(level["quantity"]) - uncounted)),
	)
	return {"key": level["key"]}


def _set_listing(database: sqlite3.Connection, listing: dict[str, Any]) -> dict[str, Any]:
	"""Makes the product, or changes it. A field that is null is not ERPNext's to write: what we have stays."""
	sku, product_id = listing["sku"], listing["product_id"] or f"p-{uuid.uuid4().hex}"
	known = database.execute("select id from products where sku = ?", (sku,)).fetchone()
	if known is None and not listing["published"]:
		return {"key": listing["key"]}  # what we never had need not be taken off
	database.execute(
		"insert into products (sku, id, title) values (?, ?, ?) on conflict (sku) do nothing",
		(sku, product_id, listing["title"] or sku),
	)
	database.execute(
		"update products set title = coalesce(?, title), description = coalesce(?, description),"
		" published = ? where sku = ?",
		(listing["title"], listing["description"], listing["published"], sku),
	)
	if listing["price"]:
		_set_price(database, {**listing["price"], "sku": sku, "key": listing["key"]})
	return {"key": listing["key"], "product_id": known["id"] if known else product_id}


def _set_price(database: sqlite3.Connection, price: dict[str, Any]) -> dict[str, Any]:
	"""Without an amount the product cannot be sold."""
	changed = database.execute(
		"update products set price = ?, currency = ? where sku = ?",
		(price["amount"], price["currency"], price["sku"]),
	).rowcount
	return {"key": price["key"]} | ({} if changed else {"error": "unknown SKU", "retry": False})


_ROWS: dict[str, tuple[str, Callable[[sqlite3.Connection, dict[str, Any]], dict[str, Any]]]] = {
	"stock.updated": ("levels", _set_level),
	"listing.upserted": ("listings", _set_listing),
	"price.updated": ("prices", _set_price),
}


def _set_document(
	database: sqlite3.Connection, kind: str, subject: str, identity: str, data: dict[str, Any]
) -> None:
	"""Keeps a shipment, an invoice, a return, a status or a change as it stands now; what is cancelled goes."""
	if kind in ("shipment.cancelled", "invoice.cancelled"):
		database.execute("delete from documents where kind = ? and id = ?", (subject, identity))
		return
	if kind == "return.updated":
		_set_return(database, data)
	database.execute(
		"insert or replace into documents values (?, ?, ?, ?)",
		(subject, identity, data.get("order_id"), json.dumps(data)),
	)


def _set_return(database: sqlite3.Connection, data: dict[str, Any]) -> None:
	"""The order says of its return what ERPNext decided; one that began there is new here."""
	order = _find(database, data["order_id"])
	if order is None:
		return
	known = {name: data[name] for name in ("id", "status", "lines", "updated_at")}
	order["returns"] = [each for each in order["returns"] if each["id"] != data["id"]] + [known]
	_write(database, order, data["updated_at"])


def _give_back(database: sqlite3.Connection, request: dict[str, Any], moment: str) -> dict[str, Any]:
	"""Gives money back once for each request. Yours asks the payment provider, with the request's id as the key."""
	order = _find(database, request["order_id"])
	if order is None or not order["payments"]:
		return {"key": request["id"], "error": "nothing was paid", "retry": False}
	done = [refund for refund in order["refunds"] if refund.get("request_id") == request["id"]]
	if not done:
		named = [
			{name: row[name] for name in ("order_line_id", "quantity", "amount", "taxes")}
			for row in request["lines"]
		]
		parts = {"lines": named, "shipping": [{"title": "Shipping", "amount": request["shipping"]}]}
		rest = Decimal(request["total"]) - _sum_of(parts)
		parts["adjustments"] = [{"title": "Other", "amount": str(rest)}] if rest else []
		done = [_refund(order, moment, request["total"], request_id=request["id"], **parts)]
		order["refunds"] += done
		_write(database, order, moment)
	return {"key": request["id"], "refund_id": done[0]["id"]}


def _sum_of(parts: dict[str, list[dict[str, Any]]]) -> Decimal:
	rows = [row for named in parts.values() for row in named]
	taxes = [tax for row in rows for tax in row.get("taxes", ())]
	return sum((Decimal(row["amount"]) for row in [*rows, *taxes]), Decimal(0))


# --- events to ERPNext ------------------------------------------------------------------------------------


def send_due(shop: Shop, url: str) -> int:
	"""Sends the events that are due, oldest first, until one finds no answer; returns how many were acknowledged.

	The id and the body of an event never change; timestamp and signature are made anew for each try.
	"""
	sent = 0
	due = "select * from outbox where refused is null and received_at is null and due <= ? order by rowid"
	for event in shop.read(due, shop.now()):
		with shop.wire:
			status, answer, wait = _post(shop, url, event["id"], event["body"].encode())
			with shop.transaction() as database:
				if status == 200:
					_heard(database, event["id"], answer)
					sent += 1
				elif status in REFUSED:
					reason = f"{status} {answer.get('error', '')}"
					database.execute("update outbox set refused = ? where id = ?", (reason, event["id"]))
				else:
					_later(database, event, shop.now(), wait)
					break
	return sent


def _heard(database: sqlite3.Connection, event_id: str, answer: dict[str, Any]) -> None:
	"""The event is kept until a level comes that counts it: one on its way may have been computed before.

	Without the time of an older ERP, that is the next level.
	"""
	received_at = answer.get("received_at", "")
	database.execute("update outbox set received_at = ? where id = ?", (received_at, event_id))


def _later(database: sqlite3.Connection, event: sqlite3.Row, now: float, at_least: float) -> None:
	wait = WAITS[event["tries"]] if event["tries"] < len(WAITS) else 3600
	due = now + max(wait * random.uniform(0.8, 1.2), at_least)
	database.execute("update outbox set tries = tries + 1, due = ? where id = ?", (due, event["id"]))


def _post(shop: Shop, url: str, webhook_id: str, body: bytes) -> tuple[int, dict[str, Any], float]:
	"""Status, answer, and the least wait the server asks for; status 0 where nothing acknowledges the event.

	A 200 without "log" is some other page: nothing was stored.
	"""
	timestamp = str(int(shop.now()))
	headers = {
		"content-type": "application/json",
		"webhook-id": webhook_id,
		"webhook-timestamp": timestamp,
		"webhook-signature": signature(shop.secret, webhook_id, timestamp, body),
	}
	try:
		with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as response:
			answer = json.loads(response.read())
			return (200 if "log" in answer else 0), answer, 0
	except urllib.error.HTTPError as error:
		wait = error.headers.get("retry-after") or ""
		return error.code, {}, float(wait) if is_number(wait) else 0
	except (OSError, ValueError, TypeError, HTTPException):
		return 0, {}, 0


# --- the web server ---------------------------------------------------------------------------------------

Reply = tuple[int, dict[str, str], bytes]
HTML = "text/html; charset=utf-8"


def answer(shop: Shop, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
	"""One HTTP request: /erp for ERPNext, everything else for people. Header names are lower case."""
	url = urllib.parse.urlsplit(target)
	path = url.path.strip("/").split("/")
	if path[0] == "erp":
		query = dict(urllib.parse.parse_qsl(url.query))
		if not is_genuine(shop.secret, headers, body, shop.now()):
			return 401, {}, b""
		try:
			if method == "POST":
				return _json(shop.take(headers["webhook-id"], json.loads(body)))
			return _read(shop, path[1:], query)
		except ValueError:
			return 400, {}, b""
	form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"))) if method == "POST" else {}
	if method == "POST" and path == ["buy"]:
		return _buy(shop, form)
	if method == "POST" and path[:1] == ["orders"] and len(path) == 3 and path[2] in _ACTIONS:
		_ACTIONS[path[2]](shop, path[1], form)
		return 303, {"location": f"/orders/{path[1]}"}, b""
	return _show(shop, path) if method == "GET" else (405, {}, b"")


_ACTIONS: dict[str, Callable[[Shop, str, Mapping[str, str]], None]] = {
	"cancel": lambda shop, order_id, form: shop.cancel(order_id),
	"pay": lambda shop, order_id, form: shop.pay(order_id),
	"return": lambda shop, order_id, form: shop.send_back(order_id, form.get("reason", "")),
}


def _read(shop: Shop, path: list[str], query: Mapping[str, str]) -> Reply:
	limit = min(int(query.get("limit", PAGE_SIZE)), PAGE_SIZE)
	if path == ["orders"]:
		return _json(shop.orders_since(query.get("since", ""), limit))
	if path == ["stock"]:
		return _json(shop.stock(query.get("cursor", ""), limit))
	if path == ["catalog"]:
		return _json(shop.catalog(query.get("cursor", ""), limit))
	rows = shop.read("select data from orders where id = ?", path[1]) if path[:-1] == ["orders"] else []
	return _json(json.loads(rows[0]["data"])) if rows else (404, {}, b"")


def _buy(shop: Shop, form: Mapping[str, str]) -> Reply:
	try:
		quantity = int(form.get("quantity", "1"))
		order_id = shop.buy(form.get("sku", ""), quantity, form.get("name", ""), form.get("email", ""))
	except (OutOfStock, ValueError):
		return 409, {"content-type": HTML}, _page("Sorry", "<p>That many are not left.</p>")
	return 303, {"location": f"/orders/{order_id}"}, b""


def _json(value: Any) -> Reply:
	return 200, {"content-type": "application/json"}, json.dumps(value).encode()


# --- pages: every value is escaped, because titles and addresses come from elsewhere ----------------------------


def _show(shop: Shop, path: list[str]) -> Reply:
	if path == [""]:
		return 200, {"content-type": HTML}, _page("Shop", _products(shop))
	rows = shop.read("select data from orders where id = ?", path[1]) if path[:-1] == ["orders"] else []
	if not rows:
		return 404, {}, b""
	order = json.loads(rows[0]["data"])
	with shop.transaction() as database:
		shipments = _documents(database, order["id"], "shipment")
		changes = _documents(database, order["id"], "order.changed")
		invoices = _documents(database, order["id"], "invoice")
	content = _order_page(order, shipments, changes) + _money(order, invoices)
	return 200, {"content-type": HTML}, _page(f"Order {order['order_number']}", content)


def _page(title: str, content: str) -> bytes:
	return (
		'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
		f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{content}"
		'<p><a href="/">All products</a></p></html>'
	).encode()


def _products(shop: Shop) -> str:
	left: dict[str, Decimal] = {}
	for row in shop.read("select * from levels"):
		left[row["sku"]] = left.get(row["sku"], Decimal(0)) + Decimal(row["quantity"])
	rows = shop.read("select * from products where published = 1 and price is not null order by title")
	cards = [
		f"<li><b>{html.escape(row['title'])}</b> {html.escape(row['price'])} {html.escape(row['currency'])},"
		f" {max(left.get(row['sku'], Decimal(0)), Decimal(0))} left"
		f'<form method="post" action="/buy"><input type="hidden" name="sku" value="{html.escape(row["sku"])}">'
		'<input name="quantity" type="number" aria-label="Quantity" value="1" min="1">'
		'<input name="name" aria-label="Name" placeholder="Name" required>'
		'<input name="email" type="email" aria-label="E-mail" placeholder="E-mail" required>'
		"<button>Buy</button></form></li>"
		for row in rows
	]
	return f"<ul>{''.join(cards) or '<li>Nothing for sale yet</li>'}</ul>"


def _order_page(order: dict[str, Any], shipments: list[dict[str, Any]], changes: list[dict[str, Any]]) -> str:
	[line] = order["lines"]
	parts = [
		f"<p>{html.escape(line['quantity'])} × {html.escape(line['name'])},"
		f" {html.escape(order['totals']['grand_total'])} {html.escape(order['currency'])}</p>"
	]
	parts += [f"<li>{_shipment_text(shipment)}</li>" for shipment in shipments]
	if order["cancelled"]:
		parts.append("<p>You cancelled this order.</p>")
	elif any(change["kind"] == "cancelled" for change in changes):
		parts.append("<p>We had to cancel this order.</p>")
	elif not shipments:
		parts.append(_button(order, "cancel", "Cancel this order"))
	elif not order["returns"]:
		reason = '<input name="reason" aria-label="Reason" placeholder="Why?" required>'
		parts.append(_button(order, "return", "Send it back", reason))
	parts += [f"<p>Return: {html.escape(each['status'])}</p>" for each in order["returns"]]
	return "".join(parts)


def _money(order: dict[str, Any], invoices: list[dict[str, Any]]) -> str:
	"""What was paid and given back, with invoices to read."""
	currency = html.escape(order["currency"])
	parts = [f"<p>Paid: {html.escape(row['amount'])} {currency}</p>" for row in order["payments"]]
	parts += [f"<p>Given back: {html.escape(row['total'])} {currency}</p>" for row in order["refunds"]]
	parts += [f"<p>{_link(each['url'], each['id'])}</p>" for each in invoices]
	if not order["payments"] and not order["cancelled"]:
		parts.append(_button(order, "pay", "Pay"))
	return "".join(parts)


def _button(order: dict[str, Any], action: str, text: str, fields: str = "") -> str:
	target = f"/orders/{html.escape(order['id'])}/{action}"
	return f'<form method="post" action="{target}">{fields}<button>{text}</button></form>'


def _shipment_text(shipment: dict[str, Any]) -> str:
	pieces = ", ".join(f"{line['quantity']} × {line['sku']}" for line in shipment["lines"])
	tracked = [_tracking(parcel) for parcel in shipment["parcels"]]
	return f"{html.escape(pieces)}: {html.escape(shipment['status'])} {', '.join(tracked)}"


def _tracking(parcel: dict[str, Any]) -> str:
	return _link(
		parcel["tracking_url"], f"{parcel['carrier'] or ''} {parcel['tracking_number'] or ''}".strip()
	)


def _link(url: str | None, text: str) -> str:
	text = html.escape(text)
	if not (url or "").startswith(("https://", "http://")):  # javascript: is an address, too
		return text
	return f'<a href="{html.escape(url or "")}" rel="noreferrer">{text or "follow"}</a>'


def serve(shop: Shop, port: int) -> ThreadingHTTPServer:
	"""A server on 127.0.0.1; put a web server with https before it."""

	class Handler(BaseHTTPRequestHandler):
		timeout = 30

		def do_GET(self) -> None:
			self._answer(b"")

		def do_POST(self) -> None:
			length = self.headers.get("content-length") or "0"
			if not is_number(length) or int(length) > MAX_BODY:
				return self.send_error(413)
			self._answer(self.rfile.read(int(length)))

		def _answer(self, body: bytes) -> None:
			headers = {name.lower(): value for name, value in self.headers.items()}
			status, named, content = answer(shop, self.command, self.path, headers, body)
			self.send_response(status)
			for name, value in (named | {"content-length": str(len(content))}).items():
				self.send_header(name, value)
			self.send_header("content-security-policy", "default-src 'none'; form-action 'self'")
			self.end_headers()
			self.wfile.write(content)

		def log_message(self, *_arguments: Any) -> None:
			"""Quiet: addresses of customers are nobody's business."""

	return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
	parser = argparse.ArgumentParser(description="A storefront to start from.")
	parser.add_argument("--erp", required=True, help="address of the ERPNext site")
	parser.add_argument("--channel", required=True, help="name of the Channel Settings document")
	parser.add_argument("--port", type=int, default=9000)
	parser.add_argument("--database", default="storefront.db")
	arguments = parser.parse_args()
	shop = Shop(arguments.database, os.environ["STOREFRONT_SECRET"])
	channel = urllib.parse.quote(arguments.channel)
	url = f"{arguments.erp.rstrip('/')}/api/method/commerce_bridge.api.webhook?channel={channel}"
	server = serve(shop, arguments.port)
	threading.Thread(target=server.serve_forever, daemon=True).start()
	print(f"The shop is open: http://127.0.0.1:{server.server_address[1]}/", flush=True)
	while True:
		send_due(shop, url)
		time.sleep(1)


if __name__ == "__main__":
	main()
