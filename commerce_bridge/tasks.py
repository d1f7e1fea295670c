"""What runs in the background: entry points only."""

from __future__ import annotations

from commerce_bridge.erpnext import notification, operations, polling, site, wake


def drain() -> None:
	"""Enqueued by `wake`: works on what is due."""
	site.drain()


def sweep() -> None:
	"""Each minute: wakes the workers for whatever a lost hint left behind."""
	notification.note_sweep()
	site.collect(site.world())
	wake.wake()
	site.drain()


def announce() -> None:
	"""Each minute, apart from the sweep: whatever is wrong with a message, the work goes on."""
	notification.announce()


def follow_state(channel: str) -> None:
	"""Enqueued by `operations.on_settings`."""
	operations.follow_state(channel)
	wake.wake()


def poll() -> None:
	"""Each five minutes: reads what lost webhooks left behind, of every active channel."""
	polling.poll_all()
	wake.wake()


def import_orders(channel: str, since: str) -> None:
	"""Enqueued by `api.import_orders_since`."""
	polling.import_since(channel, since)
	wake.wake()
