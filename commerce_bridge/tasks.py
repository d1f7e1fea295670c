"""What runs in the background: entry points only."""

from __future__ import annotations

from commerce_bridge.erpnext import notification, polling, site, wake


def drain() -> None:
	"""Enqueued by `wake`: works on what is due."""
	site.drain()


def sweep() -> None:
	"""Each minute: wakes the workers for whatever a lost hint left behind, and announces failures."""
	notification.note_sweep()
	notification.announce()
	site.collect(site.world())
	wake.wake()
	site.drain()


def poll() -> None:
	"""Each five minutes: reads what lost webhooks left behind, of every active channel."""
	polling.poll_all()
	wake.wake()


def import_orders(channel: str, since: str) -> None:
	"""Enqueued by `api.import_orders_since`."""
	polling.import_since(channel, since)
	wake.wake()
