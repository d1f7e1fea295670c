"""Secrets on their way: text and bytes that do not show themselves in a traceback with variables."""

from __future__ import annotations


class HiddenText(str):
	def __repr__(self) -> str:
		return "'…'"


class HiddenBytes(bytes):
	def __repr__(self) -> str:
		return "b'…'"
