"""DocType Currency Exchange, and what a currency's smallest unit is.

ERPNext's own look-up asks a server on the internet where no rate is kept; that has no place in a transaction.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import frappe

from commerce_bridge.bridge.channel import Channel
from commerce_bridge.bridge.errors import Misconfigured
from commerce_bridge.erpnext.channel_settings import decimal


def exchange_rate(channel: Channel, currency: str, on: date) -> Decimal:
	"""Company currency for one unit of `currency`: the newest rate for selling up to that day."""
	if currency == channel.company_currency:
		return Decimal(1)
	rows = frappe.db.sql(
		"""SELECT exchange_rate FROM `tabCurrency Exchange`
		WHERE from_currency = %s AND to_currency = %s AND date <= %s AND for_selling = 1
		ORDER BY date DESC LIMIT 1""",
		(currency, channel.company_currency, on),
	)
	if not rows or not rows[0][0]:
		raise Misconfigured(
			f"No exchange rate from {currency} to {channel.company_currency} for {on}. "
			"Create a Currency Exchange for that day or an earlier one, then retry.",
			doctype="Currency Exchange",
		)
	return decimal(rows[0][0])
