"""A hint to the workers that something is due. The rows are the queue: a lost hint costs a minute, no more.

A dead Redis neither fails nor delays whoever calls: it is asked with a short timeout before RQ's own
connection, which would try for four seconds, and then left alone for a while.
"""

from __future__ import annotations

import time

import frappe
import redis
from frappe.utils.background_jobs import enqueue

from commerce_bridge.bridge.errors import Retryable

#: Set while a drain job waits to be started; ends by itself should Redis lose the job.
KEY_SECONDS = 60
TIMEOUT_SECONDS = 0.2
LEAVE_ALONE_SECONDS = 10

_clients: dict[str, redis.Redis] = {}
_dead_until = 0.0


def wake() -> bool:
	"""Enqueues one drain job unless one is waiting already.

	:return: whether a job is waiting now, as far as anybody knows
	"""
	global _dead_until
	if time.monotonic() < _dead_until:
		return False
	try:
		if _client().set(_key(), 1, nx=True, ex=KEY_SECONDS):
			enqueue("commerce_bridge.tasks.drain", queue="short", timeout=300)
		return True
	except (redis.exceptions.RedisError, frappe.QueueOverloaded, Retryable):
		_dead_until = time.monotonic() + LEAVE_ALONE_SECONDS
		return False


def started() -> None:
	"""A drain job runs: the next hint enqueues another, so that nothing recorded from here on is missed."""
	try:
		_client().delete(_key())
	except redis.exceptions.RedisError:
		return


def _key() -> str:
	return f"commerce_bridge:drain:{frappe.local.conf.db_name}"


def _client() -> redis.Redis:
	url = frappe.local.conf.redis_queue
	if url not in _clients:
		_clients[url] = redis.Redis.from_url(
			url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
		)
	return _clients[url]
