"""What an entry of the Sync Log tells a person: what came, what was made of it, each attempt, what to do next.

A line is a template and what stands in its places, so that it can be translated, and so that what strangers sent
reaches the form as text only. A place holds a text, a link `{"label", "route"}` or a time `{"time"}` of the site.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

import frappe
from frappe import _
from frappe.utils import cstr, flt

from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.clock import utc_now
from commerce_bridge.bridge.drift import CHECK
from commerce_bridge.bridge.fulfilments import SHIPMENT
from commerce_bridge.bridge.outbound import CUSTOMER, ORDER_CHANGE, ORDER_STATUS
from commerce_bridge.bridge.product_import import IMPORT
from commerce_bridge.bridge.webhooks import FOLLOW
from commerce_bridge.erpnext import channel_settings, channel_state
from commerce_bridge.erpnext.time import to_site

#: How the engine begins the message of an order whose document comes to another total.
TOTALS_DIFFER = "Totals differ"
#: Of very many attempts, the latest: what a person may still read.
ATTEMPTS_SHOWN = 50


class Line(TypedDict):
	"""`text` has a place {0}, {1} … for each of `values`."""

	text: str
	values: list[Any]


class Chapter(TypedDict):
	"""`numbered`: its lines happened one after the other."""

	title: str
	lines: list[Line]
	numbered: bool


def story(doc: Any) -> list[Chapter]:
	"""The chapters of an entry, in the user's language.

	:param doc: a Sync Log with its attempts
	"""
	attempts = _attempts(doc)
	chapters = [
		_chapter(_("What Came"), _came(doc)),
		_chapter(_("What Was Made of It"), _made(doc)),
		_chapter(_("Attempts"), attempts, numbered=True),
		_chapter(_("What to Do Next"), _next(doc)),
	]
	return [chapter for chapter in chapters if chapter["lines"]]


def _chapter(title: str, lines: list[Line], numbered: bool = False) -> Chapter:
	return {"title": title, "lines": lines, "numbered": numbered}


def _line(text: str, *values: Any) -> Line:
	return {"text": text, "values": list(values)}


def _link(label: str, *route: str) -> dict[str, Any]:
	return {"label": label, "route": list(route)}


def _time(value: datetime | str | None) -> dict[str, str]:
	return {"time": cstr(value)}


def _channel(doc: Any) -> Any:
	return _link(doc.channel, "Form", "Channel Settings", doc.channel) if doc.channel else _("A storefront")


# --- what came -------------------------------------------------------------------------------------------


def _came(doc: Any) -> list[Line]:
	return _queued(doc) if doc.direction == "Outbound" else [_event(doc), _stored(doc)]


def _event(doc: Any) -> Line:
	if doc.external_number:
		return _line(
			_("{0} sent the event {1} about number {2}."), _channel(doc), doc.topic, doc.external_number
		)
	if doc.external_id:
		return _line(_("{0} sent the event {1} about ID {2}."), _channel(doc), doc.topic, doc.external_id)
	return _line(_("{0} sent the event {1}."), _channel(doc), doc.topic)


def _stored(doc: Any) -> Line:
	if not doc.source_time:
		return _line(_("It was stored here on {0}."), _time(doc.creation))
	return _line(
		_("It happened there on {0} and was stored here on {1}."), _time(doc.source_time), _time(doc.creation)
	)


def _queued(doc: Any) -> list[Line]:
	lines = [
		_line(_("{0} for {1}, queued here on {2}."), _subject(doc.topic), _channel(doc), _time(doc.creation))
	]
	return [*lines, *_about(doc)]


def _subject(topic: str | None) -> str:
	"""What an outbound topic of the engine is to a person; any other as it is."""
	subjects = {
		"stock.changed": _("Stock levels that changed"),
		"stock.resync": _("All stock levels, in steps"),
		"price.changed": _("Prices that changed"),
		"price.resync": _("All prices, in steps"),
		"listing.changed": _("Products that changed"),
		"listing.resync": _("All products, in steps"),
		ORDER_CHANGE: _("A change of an order"),
		ORDER_STATUS: _("The status of an order"),
		CUSTOMER: _("A change of a customer"),
		SHIPMENT: _("A shipment"),
		FOLLOW: _("The registration of webhooks"),
		IMPORT: _("A page of products to import"),
		CHECK: _("A check of the stock that is shown"),
	}
	return subjects.get(topic or "", topic or "")


def _about(doc: Any) -> list[Line]:
	if not (doc.reference_doctype and doc.reference_name):
		return []
	return [_line(_("It is about {0} {1}."), _(doc.reference_doctype), _document(doc))]


def _document(doc: Any) -> dict[str, Any]:
	return _link(doc.reference_name, "Form", doc.reference_doctype, doc.reference_name)


# --- what was made of it ---------------------------------------------------------------------------------


def _made(doc: Any) -> list[Line]:
	lines = [_result(doc)]
	if doc.message:
		failed = doc.state in ("Failed", "Retrying")
		text = _("Why it did not work: {0}") if failed else _("Result: {0}")
		lines.append(_line(text, doc.message))
	if doc.accepted_difference:
		text = _("A difference of {0} was accepted. {1}")
		lines.append(_line(text, doc.accepted_difference, doc.accepted_reason or ""))
	return lines


def _result(doc: Any) -> Line:
	if doc.direction == "Outbound":
		sent = doc.state == "Succeeded"
		return _line(_("It was sent.") if sent else _("It was not sent, or not all of it."))
	if doc.reference_doctype and doc.reference_name:
		booked = doc.state == "Succeeded"
		text = _("In ERPNext it is in {0} {1}.") if booked else _("It is about {0} {1}.")
		return _line(text, _(doc.reference_doctype), _document(doc))
	if doc.state == "Succeeded":
		return _line(_("It was taken in; no document was made of it."))
	return _line(_("Nothing was made of it in ERPNext."))


def _attempts(doc: Any) -> list[Line]:
	rows = sorted(doc.attempts or [], key=lambda row: cstr(row.started))[-ATTEMPTS_SHOWN:]
	return [_attempt(row) for row in rows]


def _attempt(row: Any) -> Line:
	values = (_time(row.started), _(row.outcome), cstr(flt(row.duration, 1)))
	if row.message:
		return _line(_("{0}: {1} after {2} seconds. {3}"), *values, row.message)
	return _line(_("{0}: {1} after {2} seconds."), *values)


# --- what to do next -------------------------------------------------------------------------------------


def _next(doc: Any) -> list[Line]:
	if doc.state in ("Succeeded", "Skipped", "Running"):
		return [_line(_finished(doc))]
	if doc.state == "Failed":
		return [*_repair(doc), _same_cause(doc)]
	return _waits(doc)


def _finished(doc: Any) -> str:
	if doc.state == "Running":
		return _("Nothing: it is being worked on. If the worker is lost, another one takes over.")
	if doc.state == "Succeeded":
		return _("Nothing.")
	if doc.payload:
		return _("Nothing. If it is to be done after all, press Replay.")
	return _("Nothing. Its contents are deleted: it cannot be replayed.")


def _waits(doc: Any) -> list[Line]:
	held = _held(doc)
	if held:
		return [held]
	if doc.state == "Retrying":
		return [
			_line(_("Nothing: it is tried again on {0}. Retry tries at once."), _time(doc.next_attempt_at))
		]
	return [_line(_("Nothing: it is worked on as soon as a worker is free."))]


def _held(doc: Any) -> Line | None:
	"""Why an entry that is due would not be worked on."""
	if not doc.channel:
		return None
	settings = frappe.get_cached_doc("Channel Settings", doc.channel)
	status = channel_settings.effective_status(settings)
	if status is not ChannelStatus.ACTIVE:
		return _line(_("{0} is {1}: this waits until it is Active again."), _channel(doc), _(status.value))
	circuit = channel_state.get_circuit(doc.channel) if doc.direction == "Outbound" else None
	if circuit and circuit.opened_until and circuit.opened_until > utc_now():
		until = _time(to_site(circuit.opened_until))
		return _line(_("{0} did not answer and is left alone until {1}."), _channel(doc), until)
	return None


def _repair(doc: Any) -> list[Line]:
	if (doc.message or "").startswith(TOTALS_DIFFER):
		return [
			_line(
				_("Compare the amounts with the storefront, and correct taxes, shipping or rounding of {0}."),
				_channel(doc),
			),
			_line(_("Then press Retry; or a Manager presses Accept Difference.")),
		]
	return {
		"Retryable": _unreachable,
		"Rejected": _refused,
		"Misconfigured": _misconfigured,
	}.get(doc.error_class or "", _unexpected)(doc)


def _unreachable(doc: Any) -> list[Line]:
	return [
		_line(_("All attempts failed for a reason that may pass, such as a storefront that was away.")),
		_line(_("Press Test Connection in {0}; when it is well, press Retry."), _channel(doc)),
	]


def _refused(doc: Any) -> list[Line]:
	if doc.direction == "Outbound":
		return [_line(_("Correct in ERPNext what the message names, then press Retry; or press Skip."))]
	return [
		_line(_("The data itself is wrong: trying again alone changes nothing.")),
		_line(
			_(
				"Correct it in the storefront and press Retry with the Storefront's Current Version, or press Skip "
				"and say why."
			)
		),
	]


def _misconfigured(doc: Any) -> list[Line]:
	return [
		_line(_("Fill in what the message names, in {0} or in ERPNext, then press Retry."), _channel(doc))
	]


def _unexpected(doc: Any) -> list[Line]:
	return [
		_line(
			_(
				"This should not happen. Press Retry once; if it fails again, report it with the Traceback below."
			)
		)
	]


def _same_cause(doc: Any) -> Line:
	report = _link(_("Failures by Cause"), "query-report", "Failures by Cause")
	return _line(_("If more failed for this cause, retry them all at once in {0}."), report)
