"""The site the browser looks at: its web server with the Desk's assets, a worker, and what is set up by REST."""

from __future__ import annotations

import secrets
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.local_server import LocalServer
from sandbox.shop import ERP_PATH, Shop
from sandbox.storefronts.custom import ShopEvent
from sandbox.storefronts.orders import SHIPPING, Product, line, order
from scripts.site_run import Bench
from tests.chaos.shop_setup import ROLES, administrator, take_roles
from tests.chaos.site import Site, free_port, wait_until_web, web_server, worker

WEBHOOK = "/api/method/commerce_bridge.api.webhook"
INTEGRATION = "browser-integration@example.com"
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBicm93c2VyIHRlc3Rz"
WAIT_SECONDS = 60
LOOK_SECONDS = 0.2


def wait_until(what: str, true: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
	"""What `true` returned as soon as it was true; raises AssertionError after the time."""
	deadline = time.monotonic() + seconds
	while not (found := true()):
		if time.monotonic() > deadline:
			raise AssertionError(f"waited {seconds} s for: {what}")
		time.sleep(LOOK_SECONDS)
	return found


class DeskSite:
	"""Processes of a site, and the hands of its administrator."""

	def __init__(self, bench: Bench, folder: Path):
		self.bench, self._folder = bench, folder
		self.rest = Site(bench, free_port())
		self._guest = Site(bench, self.rest.port)
		statics = "frappe.app:application_with_statics()"
		self._processes = [
			web_server(bench, self.rest.port, self._log("web"), statics),
			worker(bench, 1, self._log("worker")),
		]
		self.url = f"http://{bench.site}:{self.rest.port}"
		self.run = secrets.token_hex(3)
		self._number = 0

	def _log(self, name: str) -> Path:
		file = self._folder / f"{name}.log"
		file.touch(mode=0o666)
		file.chmod(0o666)
		return file

	def start(self) -> None:
		self.bench.must("set-config", "commerce_bridge_allow_loopback", "1", "--parse")
		for process in self._processes:
			process.start()
		wait_until_web(self.rest, WAIT_SECONDS)
		user, password = administrator(self.rest)
		self.rest.login(user, password)
		take_roles(self.rest, user)
		self.company = self.rest.rows("Company", fields=("name", "abbr", "default_currency"))[0]
		if not self.rest.exists("User", INTEGRATION):
			self.user(INTEGRATION, "Commerce Bridge Integration")

	def stop(self) -> None:
		for process in self._processes:
			process.kill()

	# --- people

	def user(self, email: str, *roles: str) -> str:
		"""Makes a user; the password."""
		password = secrets.token_urlsafe(16)
		self.rest.insert(
			"User",
			email=email,
			first_name=email.partition("@")[0],
			send_welcome_email=0,
			new_password=password,
			roles=[{"role": role} for role in roles],
		)
		return password

	def manager(self) -> str:
		"""The session of a new user who may do everything that this app asks for."""
		email = f"browser-manager-{secrets.token_hex(3)}@example.com"
		return self.session(email, self.user(email, *ROLES))

	def session(self, email: str, password: str) -> str:
		"""Logs in; the cookie of the session."""
		guest = Site(self.bench, self.rest.port)
		guest.login(email, password)
		[jar] = [
			handler.cookiejar
			for handler in guest.opener.handlers
			if isinstance(handler, urllib.request.HTTPCookieProcessor)
		]
		return next(cookie.value for cookie in jar if cookie.name == "sid" and cookie.value)

	# --- masters

	def insert(self, doctype: str, **values: Any) -> str:
		return self.rest.insert(doctype, **values)["name"]

	def first(self, doctype: str, *filters: list[Any]) -> str:
		return self.rest.rows(doctype, filters)[0]["name"]

	def item(self, code: str, is_stock_item: int = 1) -> str:
		group = self.first("Item Group", ["is_group", "=", 0])
		return self.insert(
			"Item",
			item_code=code,
			item_name=code,
			item_group=group,
			stock_uom="Nos",
			is_stock_item=is_stock_item,
		)

	@property
	def warehouse(self) -> str:
		return f"Stores - {self.company['abbr']}"

	def receive(self, code: str, quantity: int) -> None:
		row = {"item_code": code, "qty": quantity, "t_warehouse": self.warehouse, "basic_rate": 5}
		self.insert(
			"Stock Entry",
			stock_entry_type="Material Receipt",
			company=self.company["name"],
			docstatus=1,
			items=[row],
		)

	def tax_account(self) -> str:
		of_company = ["company", "=", self.company["name"]]
		return self.first("Account", of_company, ["account_type", "=", "Tax"], ["is_group", "=", 0])

	def income_account(self) -> str:
		of_company = ["company", "=", self.company["name"]]
		return self.first("Account", of_company, ["root_type", "=", "Income"], ["is_group", "=", 0])

	def defaults(self) -> dict[str, str]:
		"""What a channel needs, by the label on its form."""
		return {
			"Company": self.company["name"],
			"Integration User": INTEGRATION,
			"Price List": self.first(
				"Price List", ["selling", "=", 1], ["currency", "=", self.company["default_currency"]]
			),
			"Currency": self.company["default_currency"],
			"Customer Group": self.first("Customer Group", ["is_group", "=", 0]),
			"Territory": self.first("Territory", ["is_group", "=", 0]),
			"Default Warehouse": self.warehouse,
		}

	def call(self, method: str, **arguments: Any) -> Any:
		return self.rest.call("POST", f"/api/method/commerce_bridge.api.{method}", arguments)


class Stand:
	"""A simulated shop, and the Active channel it sells for."""

	def __init__(self, site: DeskSite):
		self.site = site
		self.shop = Shop(resolve=lambda _host: "127.0.0.1")
		self.storefront = self.shop.storefront
		self.storefront.secrets = [SECRET]
		self.answer = self.shop.handle  # a test may put something before it
		self._server = LocalServer(lambda *request: self.answer(*request))
		self.url = self._server.url
		self.channel = f"Shop {secrets.token_hex(3)}"
		self.sku = f"BROWSER-{secrets.token_hex(3)}".upper()
		self._number = int(time.time()) % 1_000_000 * 10

	def __enter__(self) -> Stand:
		self._server.__enter__()
		return self

	def __exit__(self, *_: object) -> None:
		self._server.__exit__()

	def open_channel(self, **more: Any) -> None:
		"""Everything the onboarding test does by hand."""
		values = {label.lower().replace(" ", "_"): value for label, value in self.site.defaults().items()}
		settings = {
			"channel_name": self.channel,
			"platform": "custom",
			"state": "Active",
			"store_url": self.url + ERP_PATH,
			"webhook_secret": SECRET,
			"default_country": "Germany",
			"taxes": [{"title": "*", "account": self.site.tax_account()}],
			"shipping_methods": [{"method": "*", "account": self.site.income_account()}],
			"push_stock": 0,
		}
		self.site.insert("Channel Settings", **values | settings | more)

	def close_channel(self) -> None:
		"""Leaves nothing behind that works on: the site may be used for something else next."""
		if self.site.rest.exists("Channel Settings", self.channel):
			path = f"/api/resource/Channel Settings/{self.channel}".replace(" ", "%20")
			self.site.rest.call("PUT", path, {"state": "Disabled"})

	def order(self, sku: str, **more: Any) -> ShopEvent:
		"""A new order of the shop, not told yet."""
		self._number += 1
		product = self.storefront.products.get(sku) or self.storefront.add_product(sku)
		sold = line(f"{self._number}-1", Product(sku, product.price), 1, product.price * 0, True)
		currency = self.site.company["default_currency"]
		made = order(self._number, 1, self.storefront.now(), [sold], SHIPPING[1], True, currency)
		return self.storefront.upsert(made | more)

	def tell(self, event: ShopEvent) -> None:
		"""Posts an event and waits until the site has made something of it, or failed to."""
		path = f"{WEBHOOK}?channel={quote(self.channel)}"

		def post(headers: Mapping[str, str], body: bytes) -> int:
			return self.site.rest.send("POST", path, body, dict(headers))[0]

		assert self.storefront.deliver(event, post), "the site did not take the order"
		settled = (["external_id", "=", event.order_id], ["state", "in", ["Succeeded", "Failed"]])
		wait_until("the order is worked off", lambda: self.logs(*settled))

	def logs(self, *filters: list[Any]) -> list[dict[str, Any]]:
		mine = [["channel", "=", self.channel], *filters]
		return self.site.rest.rows("Sync Log", mine, ("name", "topic", "state", "message", "reference_name"))
