"""The form of a channel: before the platform is chosen there is nothing else, then only what the platform has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FORM = Path(__file__).parent.parent / "commerce_bridge/commerce_bridge/doctype/channel_settings"
DOCTYPE = json.loads((FORM / "channel_settings.json").read_text())
SCRIPT = (FORM / "channel_settings.js").read_text()
#: As `Channel Settings` has them when nobody has entered anything.
EMPTY = {field["fieldname"]: field.get("default") or "" for field in DOCTYPE["fields"]} | {"__islocal": True}
#: Settings that not every platform has.
OWN = {
	"custom": {
		"webhook_secret",
		"test_orders",
		"fulfilled_in_shop",
		"gift_card_item",
		"send_order_status",
		"send_customers",
	},
	"shopify": {
		*("authentication", "api_secret", "access_token", "api_version", "test_orders", "fulfilled_in_shop"),
		*("gift_card_item", "notify_customer", "watch_stock", "new_item_group", "send_order_status"),
	},
	"woocommerce": {
		*("api_key", "api_secret", "webhook_secret", "import_renewals", "notify_customer", "shipped_status"),
		*("partly_shipped_status", "extensions_section", "bundle_rows", "bundle_keys", "tax_id_keys"),
		"new_item_group",
	},
}
SOMEBODY_S = set().union(*OWN.values()) | {"api_key"}
CREDENTIALS = {"store_url", "api_key", "api_secret", "access_token", "webhook_secret"}


def holds(condition: str, doc: dict[str, Any]) -> bool:
	"""A `depends_on` as the Desk evaluates it, for what this form uses of JavaScript."""
	if not condition.startswith("eval:"):
		return bool(doc[condition])
	text = condition.removeprefix("eval:").replace("&&", " and ").replace("||", " or ")
	text = re.sub(r"!(\[[^\]]*\])\.includes\(([\w.]+)\)", r"(\2 not in \1)", text)
	text = re.sub(r"!(?=doc)", " not ", text)
	return bool(eval(text, {"doc": SimpleNamespace(**doc)}))


def shown(**doc: Any) -> set[str]:
	"""What the form shows: a section or a tab takes what follows it along."""
	values, found, tab, section = {**EMPTY, **doc}, set(), True, True
	for field in DOCTYPE["fields"]:
		visible = holds(field["depends_on"], values) if field.get("depends_on") else True
		if field["fieldtype"] == "Tab Break":
			tab, section = visible, True
		elif field["fieldtype"] == "Section Break":
			section = visible
		if tab and section and visible:
			found.add(field["fieldname"])
	return found


def test_the_order_of_the_fields_is_that_of_their_definitions() -> None:
	assert DOCTYPE["field_order"] == [field["fieldname"] for field in DOCTYPE["fields"]]


def test_a_new_channel_asks_for_its_platform_and_for_nothing_else() -> None:
	breaks = {field["fieldname"] for field in DOCTYPE["fields"] if field["fieldtype"].endswith("Break")}
	assert shown() - breaks == {"platform"}


@pytest.mark.parametrize("platform", OWN)
def test_then_only_what_the_platform_has(platform: str) -> None:
	assert shown(platform=platform) & SOMEBODY_S == OWN[platform]
	assert {"channel_name", "state", "company", "store_url", "taxes", "warehouses"} <= shown(
		platform=platform
	)


@pytest.mark.parametrize(
	("method", "credentials"),
	[
		("Access Token", {"api_secret", "access_token"}),
		("Client Credentials", {"api_key", "api_secret"}),
		("Authorisation", {"api_key", "api_secret"}),
	],
)
def test_each_way_of_access_to_shopify_shows_its_credentials(method: str, credentials: set[str]) -> None:
	found = shown(platform="shopify", authentication=method) & CREDENTIALS
	assert found == {"store_url", *credentials}


@pytest.mark.parametrize(
	("platform", "fieldname", "value"),
	[
		("shopify", "webhook_secret", "*****"),
		("shopify", "send_customers", "Own"),
		("woocommerce", "send_order_status", "Own"),
	],
)
def test_what_was_chosen_and_the_platform_has_not_can_be_undone(
	platform: str, fieldname: str, value: str
) -> None:
	assert fieldname not in shown(platform=platform)
	assert fieldname in shown(platform=platform, **{fieldname: value})


def test_a_platform_of_another_app_has_every_credential() -> None:
	assert shown(platform="vendure") >= CREDENTIALS


@pytest.mark.parametrize("platform", OWN)
def test_each_credential_names_the_storefront_s_screen(platform: str) -> None:
	help_of = re.search(rf"\n\t\t{platform}: {{\n(.*?)\n\t\t}},", SCRIPT, re.DOTALL)
	assert help_of
	told = set(re.findall(r"^\t{3}(\w+):", help_of[1], re.MULTILINE))
	assert told >= {"webhook_url", "warehouses"} | shown(platform=platform) & CREDENTIALS


@pytest.mark.parametrize(
	("condition", "shown_then"),
	[
		({"invoice_when": "When Paid"}, {"invoice_docstatus", "invoice_dated", "invoice_series"}),
		(
			{"invoice_when": "Instead of Sales Order"},
			{"invoice_docstatus", "invoice_update_stock", "invoice_series"},
		),
		({"credit_notes": 1}, {"credit_note_docstatus", "credit_note_series", "adjustment_item"}),
		({"returns": "Submitted"}, {"return_warehouse"}),
	],
)
def test_what_depends_on_a_choice_of_the_accountant(condition: dict[str, Any], shown_then: set[str]) -> None:
	off = {"invoice_when": "Never", "credit_notes": 0, "returns": "Nothing"}
	assert not shown_then & shown(platform="custom", **off)
	assert shown_then <= shown(platform="custom", **{**off, **condition})


def test_only_what_is_done_is_offered() -> None:
	[field] = [field for field in DOCTYPE["fields"] if field["fieldname"] == "invoice_when"]
	assert field["options"].split("\n") == ["Never", "When Paid", "When Delivered", "Instead of Sales Order"]


def test_a_new_payment_method_is_for_every_currency() -> None:
	"""Frappe fills in the user's own where a link to Currency does not ignore user permissions."""
	fields = json.loads((FORM.parent / "channel_payment_map/channel_payment_map.json").read_text())["fields"]
	[currency] = [field for field in fields if field.get("options") == "Currency"]
	assert (currency["fieldname"] != "currency", currency["ignore_user_permissions"]) == (True, 1)
