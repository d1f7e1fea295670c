"""How an attempt ends: whatever an entry raises becomes a state of that entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from commerce_bridge.bridge import inbound
from commerce_bridge.bridge.channel import ChannelStatus
from commerce_bridge.bridge.errors import Retryable
from commerce_bridge.bridge.retry import MAX_ATTEMPTS
from commerce_bridge.bridge.webhooks import FOLLOW, follow_entry
from commerce_bridge.bridge.world import World
from tests.sandbox.stage import CHANNEL, Stage


class TimeIsUp(Exception):
	"""What a queue raises into a job."""


@pytest.fixture
def stage() -> Iterator[Stage]:
	stage = Stage()
	yield stage
	stage.close()


def entries(stage: Stage, **conditions: str) -> list[Any]:
	return stage.sandbox.journal.entries(**conditions)


def place_one(stage: Stage) -> None:
	stage.place(1, PHONE=1)
	stage.deliver()


def run_out_of_time(stage: Stage, world: World) -> Any:
	with patch.object(inbound, "process", side_effect=TimeIsUp):
		stage.run(world)
	return entries(stage, direction="Inbound")[0]


def test_a_job_that_runs_out_of_time_is_tried_again(stage: Stage):
	place_one(stage)
	entry = run_out_of_time(stage, replace(stage.world(), interruptions=(TimeIsUp,)))
	assert (entry["state"], entry["error_class"]) == ("Retrying", "Retryable")
	assert entry["message"] == "The job ran out of time"
	stage.settle()
	assert entries(stage, direction="Inbound")[0]["state"] == "Succeeded"


def test_a_job_that_always_runs_out_of_time_is_given_up(stage: Stage):
	place_one(stage)
	world = replace(stage.world(), interruptions=(TimeIsUp,))
	with patch.object(inbound, "process", side_effect=TimeIsUp):
		for _attempt in range(MAX_ATTEMPTS):
			stage.run(world)
			stage.time += world.lease * 1000
	entry = entries(stage, direction="Inbound")[0]
	assert (entry["state"], entry["attempt_count"]) == ("Failed", MAX_ATTEMPTS)
	assert "The job ran out of time" in entry["message"]


def test_what_nobody_knows_is_unexpected(stage: Stage):
	place_one(stage)
	entry = run_out_of_time(stage, stage.world())
	assert (entry["state"], entry["error_class"]) == ("Failed", "Unexpected")


# --- webhooks follow the channel's state -----------------------------------------------------------------


class Storefront:
	"""A connector that can be told where to post."""

	def __init__(self) -> None:
		self.registered: set[str] = set()
		self.away = False

	def register_webhooks(self, callback_url: str) -> None:
		self._answer()
		self.registered.add(callback_url)

	def unregister_webhooks(self, callback_url: str) -> None:
		self._answer()
		self.registered.discard(callback_url)

	def _answer(self) -> None:
		if self.away:
			raise Retryable("503")


def switch(stage: Stage, status: ChannelStatus) -> None:
	stage.sandbox.state.save(stage.channel.model_copy(update={"status": status}))
	with stage.sandbox.erp.transaction():
		stage.sandbox.journal.record([follow_entry(CHANNEL, "https://erp.example")])


def test_webhooks_follow_the_state_past_an_outage(stage: Stage):
	shop = Storefront()
	world = replace(stage.world(), connect=lambda *asked: shop)
	switch(stage, ChannelStatus.ACTIVE)
	stage.run(world)
	assert shop.registered == {"https://erp.example"}
	shop.away = True
	switch(stage, ChannelStatus.DISABLED)
	stage.run(world)
	[_first, taken_back] = entries(stage, topic=FOLLOW)
	assert (taken_back["state"], shop.registered) == ("Retrying", {"https://erp.example"})
	shop.away = False
	stage.time += world.lease * 1000
	stage.run(world)
	assert [entry["state"] for entry in entries(stage, topic=FOLLOW)] == ["Succeeded"] * 2
	assert shop.registered == set()


def test_of_two_changes_the_state_that_stands_counts(stage: Stage):
	shop = Storefront()
	switch(stage, ChannelStatus.DISABLED)
	switch(stage, ChannelStatus.ACTIVE)
	stage.run(replace(stage.world(), connect=lambda *asked: shop))
	assert shop.registered == {"https://erp.example"}
