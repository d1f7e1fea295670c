"""The SQLite file behind the embedded ERP: schema, transactions, values in and out.

One writer at a time (BEGIN IMMEDIATE) stands for ERPNext's row locks; WAL lets other processes read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from commerce_bridge.bridge.errors import Conflict

SCHEMA = """
create table series (prefix text primary key, current integer not null);
create table channels (
	name text primary key, settings text not null, credentials text not null,
	circuit_failures integer not null default 0, circuit_opened_until text, circuit_probing_since text,
	rejected_requests integer not null default 0);
create table progress (channel text, kind text, value text, primary key (channel, kind));
create table cursors (channel text, name text, value text, primary key (channel, name));
create table tokens (channel text primary key, value text not null, expires text);
create table facts (channel text primary key, value text not null);
create table customers (name text primary key, data text not null);
create table contacts (name text primary key, customer text not null, data text not null);
create table contact_emails (contact text not null, email text not null, primary key (contact, email));
create table contact_phones (contact text not null, phone text not null, primary key (contact, phone));
create table addresses (
	name text primary key, customer text not null, kind text not null, content text not null,
	data text not null, unique (customer, content));
create table items (
	item_code text primary key, item_name text not null, stock_uom text not null,
	is_stock_item integer not null, disabled integer not null default 0);
create table item_prices (item_code text primary key, amount text not null);
create table barcodes (barcode text primary key, item_code text not null);
create table bundles (parent text, child text, qty text not null, primary key (parent, child));
create table warehouses (name text primary key, parent text);
create table listings (
	name text primary key, channel text not null, item_code text not null, sku text not null,
	product_id text, variant_id text, stock_id text, uom text, grade text,
	publication text not null default 'Published', not_listed_because text, price text,
	stock_error text, price_error text, listing_error text,
	pushed_listing text, pushed_price text, shown_at text);
create index listings_item on listings (channel, item_code);
create table listing_levels (
	listing text, location_id text not null, last_pushed text, pushed_at text,
	primary key (listing, location_id));
create table bins (
	item_code text, warehouse text, actual_qty text not null default '0',
	reserved_qty text not null default '0', primary key (item_code, warehouse));
create table stock_changes (
	id integer primary key, kind text not null default 'stock', item_code text not null);
create table drift_checks (
	id text primary key, channel text not null, started text not null, finished text, listings integer not null,
	drifted integer not null, units text not null, pending integer not null, unknown integer not null);
create table drifts (
	drift_check text not null, channel text not null, kind text not null, listing text, item_code text, sku text,
	product_id text, variant_id text, location_id text, shown text, available text);
create table unbooked_sales (
	channel text not null, external_id text not null, log text not null, item_code text not null,
	warehouse text not null, qty text not null,
	primary key (channel, external_id, item_code, warehouse));
create index unbooked_sales_item on unbooked_sales (item_code);
create table exchange_rates (currency text, valid_from text, rate text not null, primary key (currency, valid_from));
create table records (
	channel text, record_type text, external_id text, doctype text, document text, version integer,
	source_time text, fingerprint text, cancelled integer not null,
	shop_total text, currency text, placed_on text, order_id text, data text,
	primary key (channel, record_type, external_id));
create index records_order on records (order_id, record_type);
create table sales_orders (
	name text primary key, channel text not null, external_id text not null, external_number text not null,
	customer text not null, status text not null, amended_from text, plan text not null,
	currency text not null, conversion_rate text not null, net_total text not null, total_taxes text not null,
	grand_total text not null, charges text not null, closed integer not null default 0, modified text,
	doctype text not null default 'Sales Order', update_stock integer not null default 0);
create index sales_orders_external on sales_orders (channel, external_id);
create table sales_order_items (
	parent text, idx integer, line_id text, item_code text not null, item_name text, qty text not null,
	rate text not null,
	amount text not null, warehouse text, delivered_qty text not null default '0', primary key (parent, idx));
create table delivery_notes (
	name text primary key, sales_order text not null, status text not null, parcels text not null,
	posted_at text not null, delivered_at text, doctype text not null default 'Delivery Note');
create index delivery_notes_order on delivery_notes (sales_order);
create table delivery_note_items (
	parent text, idx integer, order_idx integer, line_id text, item_code text, qty text, warehouse text,
	primary key (parent, idx));
create table return_notes (
	name text primary key, delivery_note text not null, status text not null, posting_date text not null);
create index return_notes_note on return_notes (delivery_note);
create table return_note_items (
	parent text, idx integer, order_idx integer, line_id text, item_code text, qty text, warehouse text,
	primary key (parent, idx));
create table sales_invoices (
	name text primary key, sales_order text not null, customer text not null, status text not null,
	is_return integer not null default 0, return_against text, settles integer not null default 0,
	ours integer not null default 1, posting_date text not null, currency text not null, net_total text not null,
	total_taxes text not null, grand_total text not null, charges text not null);
create index sales_invoices_order on sales_invoices (sales_order);
create table sales_invoice_items (
	parent text, idx integer, order_idx integer, delivery_note text, line_id text, item_code text not null,
	qty text not null, rate text not null, amount text not null, primary key (parent, idx));
create table accounts (name text primary key, currency text not null);
create table payment_entries (
	name text primary key, sales_order text not null, customer text not null, payment_type text not null,
	status text not null, amount text not null, currency text not null, fee text not null, fee_tax text not null,
	account text not null, mode_of_payment text not null, reference text not null, gateway text not null,
	posting_date text not null, cleared_on text);
create index payment_entries_order on payment_entries (sales_order);
create table payment_references (
	parent text, document text, amount text not null, primary key (parent, document));
create index payment_references_document on payment_references (document);
create table return_authorisations (
	name text primary key, channel text not null, sales_order text not null, external_id text, number text,
	status text not null, shop_status text, decision text, modified text not null);
create table return_lines (
	parent text, idx integer, line_id text not null, qty text not null, said text not null, inspected text not null,
	primary key (parent, idx));
create table return_receipts (
	authorisation text, doctype text, document text, primary key (authorisation, document));
create table stock_receipts (
	name text, status text not null, line_id text, item_code text not null, qty text not null, warehouse text not null,
	primary key (name, line_id));
create table sync_log (
	name text primary key, channel text not null, direction text not null, topic text not null,
	state text not null, dedupe_key text not null unique, payload text not null, external_id text,
	external_number text, source_time text, reference_doctype text, reference_name text, lane text,
	error_class text, message text, traceback text, summary text, attempt_count integer not null default 0,
	due text not null, lease_token text, lease_expires_at text, accepted_difference text,
	created text not null, to_count integer not null default 0, details text);
create index sync_log_to_count on sync_log (to_count) where to_count = 1;
create index sync_log_external_id on sync_log (external_id);
create index sync_log_due on sync_log (due) where state in ('Queued', 'Retrying', 'Running');
create index sync_log_lane on sync_log (lane) where state = 'Running';
create table attempts (
	entry text, number integer, started text not null, duration real not null, outcome text not null,
	message text);
create index attempts_entry on attempts (entry);
"""

Row = sqlite3.Row
BUSY_SECONDS = 30.0


def to_text(moment: datetime | None) -> str | None:
	"""An aware time as text that sorts as the times do."""
	return None if moment is None else moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def to_time(text: str | None) -> datetime | None:
	return None if text is None else datetime.fromisoformat(text)


def to_decimal(text: str | None) -> Decimal | None:
	return None if text is None else Decimal(text)


class Database:
	"""A file several threads and processes may open; each thread has its own connection.

	In memory it is one thread's, and gone when that closes it; locks are files beside its path all the same.
	"""

	def __init__(
		self, path: Path, durable: bool = True, busy_seconds: float = BUSY_SECONDS, in_memory: bool = False
	):
		self.path = path
		self._file = ":memory:" if in_memory else path
		self._busy_seconds = busy_seconds
		self._durable = durable
		self._local = threading.local()

	@property
	def _connection(self) -> sqlite3.Connection:
		connection = getattr(self._local, "connection", None)
		if connection is None:
			connection = sqlite3.connect(self._file, timeout=self._busy_seconds, isolation_level=None)
			connection.row_factory = sqlite3.Row
			if self._durable:
				connection.execute("pragma journal_mode = wal")
				connection.execute("pragma synchronous = normal")
			else:
				connection.execute("pragma journal_mode = memory")
				connection.execute("pragma synchronous = off")
			self._local.connection = connection
		return connection

	def create(self) -> None:
		self._connection.executescript(SCHEMA)

	def copy_to(self, other: Database) -> None:
		"""The other one then holds what this one does, whatever it held before."""
		self._connection.backup(other._connection)

	def close(self) -> None:
		"""Closes this thread's connection; the next use opens another."""
		connection = getattr(self._local, "connection", None)
		if connection is not None:
			connection.close()
			self._local.connection = None

	@contextmanager
	def transaction(self) -> Iterator[None]:
		"""The one writer's transaction; rolled back whatever stops it. Busy for too long is a `Conflict`."""
		connection = self._connection
		if connection.in_transaction:
			raise RuntimeError("transactions do not nest")
		try:
			connection.execute("begin immediate")
		except sqlite3.OperationalError as error:
			raise Conflict(f"The database is busy: {error}") from error
		try:
			yield
			connection.execute("commit")
		finally:
			if connection.in_transaction:
				connection.execute("rollback")

	def read(self, statement: str, *values: Any) -> list[Row]:
		return self._connection.execute(statement, values).fetchall()

	def read_one(self, statement: str, *values: Any) -> Row | None:
		return self._connection.execute(statement, values).fetchone()

	def read_named(self, statement: str, values: Mapping[str, Any]) -> Row | None:
		return self._connection.execute(statement, values).fetchone()

	def write(self, statement: str, *values: Any) -> int:
		"""Runs one statement of the open transaction; how many rows it changed."""
		if not self._connection.in_transaction:
			raise RuntimeError("a write outside a transaction would not be atomic with anything")
		return self._connection.execute(statement, values).rowcount

	def insert(self, table: str, **values: Any) -> None:
		columns, marks = ", ".join(values), ", ".join("?" * len(values))
		self.write(f"insert into {table} ({columns}) values ({marks})", *values.values())

	def next_name(self, prefix: str) -> str:
		"""The next name of a naming series."""
		self.write(
			"insert into series values (?, 1) on conflict (prefix) do update set current = current + 1",
			prefix,
		)
		row = self.read_one("select current from series where prefix = ?", prefix)
		return f"{prefix}{row['current']:05d}"


def marks(values: Sequence[Any]) -> str:
	"""Question marks for an `in (…)` of these values."""
	return ", ".join("?" * len(values))
