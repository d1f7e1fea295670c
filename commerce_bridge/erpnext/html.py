"""HTML that people typed, made fit for a storefront: cleaned, and cut without a torn tag."""

from __future__ import annotations

from html.parser import HTMLParser

import bleach
from frappe.utils.html_utils import clean_script_and_style

TAGS = frozenset(
	"a b blockquote br caption code div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup "
	"table tbody td tfoot th thead tr u ul".split()
)
ATTRIBUTES = {"a": ["href", "title"], "td": ["colspan", "rowspan"], "th": ["colspan", "rowspan"]}
PROTOCOLS = frozenset(("http", "https", "mailto"))
VOID = frozenset(("br", "hr"))


def clean(text: str | None, limit: int) -> str:
	"""Text with the tags above and no script, style, event or comment.

	:param limit: characters at most; what is longer ends at the last tag that fits, every open tag closed.
	    Without any tag that fits it ends at the last blank
	"""
	text = (text or "").strip()
	if "<" in text or "&" in text:
		text = bleach.clean(
			clean_script_and_style(text),
			tags=TAGS,
			attributes=ATTRIBUTES,
			protocols=PROTOCOLS,
			strip=True,
			strip_comments=True,
		).strip()
	if len(text) <= limit:
		return text
	cutter = _Cutter(limit)
	cutter.feed(text)
	cutter.close()
	return "".join(cutter.kept) + cutter.closing()


class _Cutter(HTMLParser):
	"""Keeps tokens of clean HTML while they, and the tags that close what is open, fit."""

	def __init__(self, limit: int):
		super().__init__(convert_charrefs=False)
		self._left = limit
		self._full = False
		self._open: list[str] = []
		self.kept: list[str] = []

	def closing(self) -> str:
		return "".join(f"</{tag}>" for tag in reversed(self._open))

	def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
		end = 0 if tag in VOID else len(f"</{tag}>")
		if self._keep(self.get_starttag_text() or "", end) and end:
			self._open.append(tag)
			self._left -= end

	def handle_endtag(self, tag: str) -> None:
		# What closes was paid for when it opened. bleach leaves no end without a beginning.
		if not self._full and self._open and self._open[-1] == tag:
			self.kept.append(f"</{self._open.pop()}>")

	def handle_data(self, data: str) -> None:
		room = self._left
		if not self._keep(data) and not any(self.kept):
			self.kept.append(data[:room].rpartition(" ")[0] or data[:room])

	def handle_entityref(self, name: str) -> None:
		self._keep(f"&{name};")

	def handle_charref(self, name: str) -> None:
		self._keep(f"&#{name};")

	def _keep(self, token: str, more: int = 0) -> bool:
		self._full = self._full or len(token) + more > self._left
		if not self._full:
			self.kept.append(token)
			self._left -= len(token)
		return not self._full
