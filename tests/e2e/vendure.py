"""A Vendure shop with our plugin, as a process, and what its buyers and its staff do by GraphQL."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sandbox.storefronts.signing import sign
from scripts.site_run import ROOT, say

SOURCE = ROOT / "examples" / "vendure"
BUILD = ROOT / "build" / "e2e"
START_SECONDS = 120
STOP_SECONDS = 20
OLDEST_NODE = 20

ADD = """mutation ($variant: ID!, $quantity: Int!) {
	addItemToOrder(productVariantId: $variant, quantity: $quantity) {
		__typename ... on Order { id } ... on ErrorResult { message } } }"""
COUPON = """mutation ($code: String!) {
	applyCouponCode(couponCode: $code) { __typename ... on ErrorResult { message } } }"""
CUSTOMER = """mutation ($input: CreateCustomerInput!) {
	setCustomerForOrder(input: $input) { __typename ... on ErrorResult { message } } }"""
ADDRESS = """mutation ($input: CreateAddressInput!) {
	setOrderShippingAddress(input: $input) { __typename ... on ErrorResult { message } } }"""
METHODS = "{ eligibleShippingMethods { id } }"
SHIPPING = """mutation ($id: [ID!]!) {
	setOrderShippingMethod(shippingMethodId: $id) { __typename ... on ErrorResult { message } } }"""
ARRANGE = """mutation { transitionOrderToState(state: "ArrangingPayment") {
	__typename ... on OrderStateTransitionError { message transitionError } } }"""
PAY = """mutation ($input: PaymentInput!) { addPaymentToOrder(input: $input) {
	__typename ... on ErrorResult { message } ... on Order { id } } }"""
LOGIN = """mutation ($password: String!) { login(username: "superadmin", password: $password) {
	__typename ... on ErrorResult { message } } }"""
VARIANTS = "{ productVariants { items { id sku name price currencyCode enabled stockLevels { stockOnHand stockAllocated } } } }"
ORDERS = """query ($skip: Int!) { orders(options: { skip: $skip, take: 100, sort: { id: ASC } }) { items {
	id code state active totalWithTax lines { id quantity productVariant { sku } }
	discounts { amountWithTax } fulfillments { state method trackingCode lines { orderLine { id } quantity } } } } }"""
CHANNELS = "{ channels { items { id } } }"
CURRENCY = """mutation ($input: UpdateChannelInput!) {
	updateChannel(input: $input) { __typename ... on ErrorResult { message } } }"""
PROMOTION = """mutation ($input: CreatePromotionInput!) {
	createPromotion(input: $input) { __typename ... on ErrorResult { message } } }"""
CANCEL = """mutation ($input: CancelOrderInput!) {
	cancelOrder(input: $input) { __typename ... on ErrorResult { message } } }"""


BUYER = {
	"fullName": "Ada Buyer",
	"streetLine1": "Hauptstr. 1",
	"city": "Berlin",
	"postalCode": "10115",
	"countryCode": "DE",
}


class ShopError(Exception):
	"""The shop did not do what was asked of it; the message says why."""


class SoldOut(ShopError):
	"""Too little is left."""


def node_problem() -> str | None:
	"""Why this machine cannot run the shop, or None."""
	if not shutil.which("node") or not shutil.which("npm"):
		return f"node and npm are not there: make e2e needs Node {OLDEST_NODE} or newer"
	version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
	major = int(version.lstrip("v").split(".")[0] or 0)
	return None if major >= OLDEST_NODE else f"node is {version}: make e2e needs {OLDEST_NODE} or newer"


def install() -> Path:
	"""The example in a folder of its own, with its packages, which are installed once.

	E2E_NODE_MODULES names a node_modules folder to use instead.
	"""
	BUILD.mkdir(parents=True, exist_ok=True)
	for file in (*SOURCE.glob("*.js"), SOURCE / "package.json", SOURCE / "products.csv"):
		shutil.copy(file, BUILD)
	modules, given = BUILD / "node_modules", os.environ.get("E2E_NODE_MODULES")
	if given:
		if modules.is_symlink():
			modules.unlink()
		if not modules.exists():
			modules.symlink_to(Path(given).resolve())
		return BUILD
	stamp = BUILD / "installed"
	wanted = hashlib.sha256((SOURCE / "package.json").read_bytes()).hexdigest()
	if not (stamp.exists() and stamp.read_text() == wanted and modules.exists()):
		say("npm install: some minutes, once")
		if modules.is_symlink():
			modules.unlink()
		subprocess.run(
			["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=BUILD, check=True
		)
		stamp.write_text(wanted)
	return BUILD


class Api:
	"""One session of a GraphQL API."""

	def __init__(self, url: str):
		self._url = url
		self._token: str | None = None

	def __call__(self, query: str, **variables: Any) -> Any:
		"""The data of the answer. Raises `ShopError` for an error and for an error result of its one field."""
		body = json.dumps({"query": query, "variables": variables}).encode()
		request = urllib.request.Request(self._url, body, {"content-type": "application/json"})
		if self._token:
			request.add_header("authorization", f"Bearer {self._token}")
		try:
			with urllib.request.urlopen(request, timeout=60) as response:
				self._token = response.headers.get("vendure-auth-token") or self._token
				answer = json.loads(response.read())
		except urllib.error.HTTPError as error:
			raise ShopError(error.read().decode(errors="replace")[:500]) from None
		if "errors" in answer:
			raise ShopError(answer["errors"][0]["message"])
		[value] = answer["data"].values()
		if isinstance(value, dict) and "message" in value:
			reason = value.get("transitionError") or value["message"]
			raise (SoldOut if "stock" in reason.lower() else ShopError)(f"{value['__typename']}: {reason}")
		return value


class Vendure:
	"""The shop. Its database is new each time."""

	def __init__(self, port: int, erp_url: str, secret: str, folder: Path):
		self.url = f"http://127.0.0.1:{port}"
		self.store_url = f"{self.url}/commerce-bridge"
		self.log = folder / "vendure.log"
		self._password = secrets.token_urlsafe(16)
		self._database = folder / "shop.sqlite"
		self._environment = {
			**os.environ,
			"PORT": str(port),
			"DATABASE": str(self._database),
			"ERP_URL": erp_url,
			"ERP_SECRET": secret,
			"ADMIN_PASSWORD": self._password,
		}
		self._process: subprocess.Popen[bytes] | None = None
		self.admin = Api(f"{self.url}/admin-api")

	def start(self) -> None:
		with self.log.open("ab") as output:
			self._process = subprocess.Popen(
				["node", "index.js"], cwd=BUILD, env=self._environment, stdout=output, stderr=output
			)
		deadline = time.monotonic() + START_SECONDS
		while "The shop is open" not in self.log.read_text():
			if self._process.poll() is not None or time.monotonic() > deadline:
				raise ShopError(f"Vendure did not start:\n{self.log.read_text()[-2000:]}")
			time.sleep(0.2)
		self.admin(LOGIN, password=self._password)

	def stop(self) -> None:
		if self._process is None:
			return
		self._process.terminate()
		try:
			self._process.wait(STOP_SECONDS)
		except subprocess.TimeoutExpired:
			self._process.kill()
			self._process.wait()

	# --- what staff does and sees

	def use_currency(self, currency: str) -> None:
		"""The shop sells in this currency from now on; only prices that arrive in it count."""
		[channel] = self.admin(CHANNELS)["items"]
		self.admin(
			CURRENCY,
			input={
				"id": channel["id"],
				"defaultCurrencyCode": currency,
				"availableCurrencyCodes": sorted({currency, "USD"}),
			},
		)

	def waiting(self) -> int:
		"""Events that ERPNext has not acknowledged."""
		with closing(sqlite3.connect(self._database, timeout=10)) as database:
			[count] = database.execute(
				"select count(*) from commerce_bridge_event where state not in ('heard', 'done')"
			).fetchone()
		return count

	def deliver(self, message: dict[str, Any], secret: str) -> int:
		"""The status the shop answers to a message that this secret signs."""
		body = json.dumps(message).encode()
		signed = sign(secret, secrets.token_hex(8), body, datetime.now(timezone.utc))
		request = urllib.request.Request(self.store_url, body, dict(signed))
		try:
			with urllib.request.urlopen(request, timeout=60) as response:
				return response.status
		except urllib.error.HTTPError as error:
			return error.code

	def add_coupon(self, code: str, percent: int) -> None:
		arguments = [{"name": "discount", "value": str(percent)}]
		action = {"code": "order_percentage_discount", "arguments": arguments}
		translation = {"languageCode": "en", "name": code, "description": ""}
		self.admin(
			PROMOTION,
			input={
				"enabled": True,
				"couponCode": code,
				"conditions": [],
				"actions": [action],
				"translations": [translation],
			},
		)

	def variants(self) -> dict[str, dict[str, Any]]:
		"""By SKU."""
		return {variant["sku"]: variant for variant in self.admin(VARIANTS)["items"]}

	def sellable(self) -> dict[str, int]:
		return {
			sku: sum(level["stockOnHand"] - level["stockAllocated"] for level in variant["stockLevels"])
			for sku, variant in self.variants().items()
		}

	def orders(self) -> dict[str, dict[str, Any]]:
		"""The placed orders by id; ids are the shop's own, as ERPNext gets them."""
		return {order["id"]: order for order in self.admin(ORDERS, skip=0)["items"] if not order["active"]}

	def cancel(self, order_id: str) -> None:
		self.admin(CANCEL, input={"orderId": order_id, "reason": "customer", "cancelShipping": True})

	def cancel_line(self, order_id: str, line_id: str, quantity: int) -> None:
		lines = [{"orderLineId": line_id, "quantity": quantity}]
		self.admin(CANCEL, input={"orderId": order_id, "lines": lines, "reason": "customer"})

	# --- what a buyer does

	def buy(self, quantities: dict[str, int], email: str, coupon: str | None = None) -> str | None:
		"""A guest fills a basket by SKU and pays: the order's id, or None where too little is left of something."""
		ids = {sku: variant["id"] for sku, variant in self.variants().items()}
		api = Api(f"{self.url}/shop-api")
		try:
			for sku, quantity in quantities.items():
				api(ADD, variant=ids[sku], quantity=quantity)
			if coupon:
				api(COUPON, code=coupon)
			api(CUSTOMER, input={"emailAddress": email, "firstName": "Ada", "lastName": "Buyer"})
			api(ADDRESS, input=BUYER)
			api(SHIPPING, id=[api(METHODS)[0]["id"]])
			api(ARRANGE)
			return api(PAY, input={"method": "standard-payment", "metadata": {}})["id"]
		except SoldOut:
			return None
