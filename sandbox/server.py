"""The embedded ERP on the network: the webhook endpoint of a site, and one page that shows the Sync Log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlsplit

from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.bridge.protocols import Answer, Transport, WebhookRequest
from commerce_bridge.bridge.receive import receive, unknown_channel
from sandbox.world import Sandbox

WEBHOOK_PATH = "/api/method/commerce_bridge.api.webhook"
ROWS_SHOWN = 500
COLUMNS = (
	"created", "direction", "topic", "state", "external_number", "reference_name", "attempt_count", "message",
)  # fmt: skip
STYLE = (
	"body{font:14px system-ui;margin:2rem;color:#1f272e}table{border-collapse:collapse;width:100%}"
	"td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e2e6e9;vertical-align:top}"
	".Succeeded{color:#1a7f45}.Failed{color:#b3261e}.Retrying,.Running{color:#9a5b00}.Skipped{color:#687178}"
)


class ErpSite:
	"""What a site's web server does, for the embedded ERP."""

	def __init__(self, sandbox: Sandbox, transport: Transport):
		self._sandbox = sandbox
		self._transport = transport

	def handle(
		self, method: str, target: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, Mapping[str, str], bytes]:
		"""Answers the webhook endpoint and the page."""
		url = urlsplit(target)
		query = dict(parse_qsl(url.query))
		if url.path == WEBHOOK_PATH:
			return _as_http(
				self.webhook(WebhookRequest(headers, body, query)) if method == "POST" else Answer(403)
			)
		if url.path == "/" and method == "GET":
			return 200, {"content-type": "text/html; charset=utf-8"}, self.page().encode()
		return _as_http(Answer(404))

	def webhook(self, request: WebhookRequest) -> Answer:
		"""As `commerce_bridge.api.webhook` does it on a site."""
		sandbox, now = self._sandbox, self._sandbox.now()
		try:
			channel = sandbox.state.channel(request.query.get("channel", ""))
		except Misconfigured:
			return unknown_channel(request, now)
		connector = sandbox.world(self._transport).connect(channel, sandbox.state.credentials(channel.name))
		answer = receive(
			connector, channel, request, sandbox.journal, sandbox.erp.transaction, now, clock=sandbox.now
		)
		if answer.status == 401:
			sandbox.state.count_rejected(channel.name)
		return answer

	def page(self) -> str:
		"""The newest rows of the Sync Log; every value is escaped, whoever sent it."""
		rows = self._sandbox.journal.entries()
		counts: dict[str, int] = {}
		for row in rows:
			counts[row["state"]] = counts.get(row["state"], 0) + 1
		summary = ", ".join(f"{escape(state)} {count}" for state, count in sorted(counts.items()))
		header = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in COLUMNS)
		body = "".join(
			f'<tr class="{escape(row["state"])}">'
			+ "".join(f"<td>{escape(str(row[column] or ''))}</td>" for column in COLUMNS)
			+ "</tr>"
			for row in rows[: -ROWS_SHOWN - 1 : -1]
		)
		return (
			f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sync Log</title><style>{STYLE}</style>'
			f"<h1>Sync Log</h1><p>{summary or 'empty'}</p><table><tr>{header}</tr>{body}</table></html>"
		)


def _as_http(answer: Answer) -> tuple[int, Mapping[str, str], bytes]:
	content = b"" if answer.body is None else json.dumps(answer.body).encode()
	return answer.status, {"content-type": "application/json", **answer.headers}, content
