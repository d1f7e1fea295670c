"""What runs in the background: entry points only."""

from __future__ import annotations

from commerce_bridge.erpnext import (
	channel_watch,
	digest,
	direct_stock,
	item_price,
	notification,
	onboarding,
	operations,
	payout,
	polling,
	resync,
	shipment,
	site,
	wake,
)


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


def watch() -> None:
	"""Each five minutes: storefronts that do not answer, and which first steps are done."""
	channel_watch.watch_circuits()
	onboarding.tick()


def watch_silence() -> None:
	"""Each hour: channels that get no events although they usually do."""
	channel_watch.watch_silence()


def send_digest() -> None:
	"""Each ten minutes: the digest, once its time has come."""
	digest.send_if_due()


def catch_up(channel: str) -> None:
	"""Enqueued by `operations.on_settings`: what a channel missed while it was Disabled, sooner than the next poll."""
	polling.poll_safely(channel)
	wake.wake()


def poll() -> None:
	"""Each five minutes: reads what lost webhooks left behind, of every active channel."""
	polling.poll_all()
	wake.wake()


def import_orders(channel: str, since: str) -> None:
	"""Enqueued by `api.import_orders_since`."""
	polling.import_since(channel, since)
	wake.wake()


def change_prices() -> None:
	"""Each day shortly after midnight: prices that begin today, or ended yesterday; items that end today."""
	item_price.note_beginnings_and_ends()
	item_price.note_ended_items()


def notice_shipments() -> None:
	"""Each ten minutes: what apps that book with carriers wrote into Shipments past all events."""
	shipment.notice_changes()
	wake.wake()


def count_undelivered() -> None:
	"""Each night, before levels are compared: what invoices that stand for orders still owe."""
	direct_stock.count_again()


def check_stock() -> None:
	"""Each night, before the resync: notes what the shops show that differs from what is available."""
	resync.check_all()


def resync_stock() -> None:
	"""Each night: sends every level of every channel, whatever was last pushed."""
	resync.resync_all("stock")


def resync_prices() -> None:
	"""Each night: sends every price. Prices begin and end by date."""
	resync.resync_all("price")


def check_webhooks() -> None:
	"""Each hour: storefronts drop subscriptions that failed for a while, and some send nothing twice."""
	operations.check_webhooks()
	wake.wake()


def tell_warnings() -> None:
	"""Each night: what storefronts will not do for much longer."""
	operations.tell_warnings()


def look_at(channel: str) -> None:
	"""Enqueued by `operations`: of a channel that is switched on, or has a new secret, at once."""
	operations.check_webhooks(channel)
	operations.tell_warnings(channel)
	wake.wake()


def resync_listings() -> None:
	"""Each Sunday: sends every product. Texts and images are long, and seldom edited in a shop."""
	resync.resync_all("listing")


def fetch_payouts() -> None:
	"""Each morning: what platforms paid out of their own payments."""
	payout.fetch_all()


def fetch_payouts_of(channel: str) -> None:
	"""Enqueued by `api.fetch_payouts`."""
	payout.fetch_safely(channel)
