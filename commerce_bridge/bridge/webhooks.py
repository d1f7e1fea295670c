"""A channel's webhooks follow its state: registered at the storefront, taken back while it is Disabled."""

from __future__ import annotations

import hashlib
import json
import uuid

from commerce_bridge.bridge.channel import Channel, ChannelStatus
from commerce_bridge.bridge.circuit import call
from commerce_bridge.bridge.protocols import Connector, Entry, NewEntry, Outcome
from commerce_bridge.bridge.world import World

#: The one topic that is worked on for a Disabled channel too.
FOLLOW = "webhooks.follow"


def follow_entry(channel: str, callback_url: str) -> NewEntry:
	"""An entry for one change of state. Which state counts is read when it is worked on."""
	return NewEntry(
		channel=channel,
		direction="Outbound",
		topic=FOLLOW,
		dedupe_key=hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
		payload=json.dumps({"callback_url": callback_url}),
		lane=f"{FOLLOW}:{channel}",
	)


def follow(world: World, channel: Channel, connector: Connector, entry: Entry) -> None:
	"""Registers the webhooks, or takes them back. Errors as in `inbound.process`."""
	url = json.loads(entry.payload)["callback_url"]

	def tell() -> str:
		if channel.status is ChannelStatus.DISABLED:
			connector.unregister_webhooks(url)
			return f"Taken back at the storefront: {url}"
		return connector.register_webhooks(url) or f"Registered at the storefront: {url}"

	done = call(world, channel, entry, tell)
	if done is None:
		return
	with world.erp.transaction():
		world.journal.finish(entry, Outcome("Succeeded", done), world.now())
