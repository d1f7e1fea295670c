"""A site seen from outside: its HTTP interface, its processes, and a hand on its database's clock."""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from scripts.site_run import Bench, answers, wait_for


class Site:
	"""The REST interface, logged in as an administrator does in Desk."""

	def __init__(self, bench: Bench, port: int):
		self.bench, self.port = bench, port
		self.url = f"http://127.0.0.1:{port}"
		cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(rfc2965=False))
		self.opener = urllib.request.build_opener(
			urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies)
		)

	def send(
		self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
	) -> tuple[int, bytes]:
		"""Status and body of one request; a refused connection is status 0."""
		data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
		request = urllib.request.Request(self.url + path, data=data, method=method)
		request.add_header("Host", self.bench.site)
		request.add_header("Content-Type", "application/json")
		for name, value in (headers or {}).items():
			request.add_header(name, value)
		try:
			with self.opener.open(request, timeout=60) as response:
				return response.status, response.read()
		except urllib.error.HTTPError as error:
			return error.code, error.read()
		except (OSError, http.client.HTTPException):
			return 0, b""

	def login(self, user: str, password: str) -> None:
		self.call("POST", "/api/method/login", {"usr": user, "pwd": password})

	def call(self, method: str, path: str, body: Any = None) -> Any:
		"""The `message` or `data` of an answer; raises on anything but success."""
		status, answer = self.send(method, path, body, {"Accept": "application/json"})
		if not 200 <= status < 300:
			raise RuntimeError(f"{method} {path}: {status} {answer[-600:].decode(errors='replace')}")
		parsed = json.loads(answer)
		return parsed.get("data", parsed.get("message"))

	def insert(self, doctype: str, **values: Any) -> dict[str, Any]:
		return self.call("POST", f"/api/resource/{urllib.parse.quote(doctype)}", values)

	def exists(self, doctype: str, name: str) -> bool:
		return bool(self.rows(doctype, [["name", "=", name]]))

	def rows(
		self, doctype: str, filters: Any = (), fields: Any = ("name",), parent: str = ""
	) -> list[dict[str, Any]]:
		query: dict[str, Any] = {
			"doctype": doctype,
			"filters": list(filters),
			"fields": list(fields),
			"limit_page_length": 0,
			"order_by": "creation asc",
		}
		if parent:
			query["parent"] = parent
		return self.call("POST", "/api/method/frappe.client.get_list", query) or []

	def sql(self, statement: str) -> str:
		"""Moves clocks: leases and waiting times, as if hours had passed."""
		config = self.bench.config
		command = [
			"mysql",
			"-N",
			"-h",
			config.get("db_host") or "127.0.0.1",
			"-u",
			config["db_name"],
			config["db_name"],
		]
		environment = {**os.environ, "MYSQL_PWD": config["db_password"]}
		for _attempt in range(20):
			result = subprocess.run(
				[*command, "-e", statement], env=environment, capture_output=True, text=True
			)
			if "Deadlock found" not in result.stderr:
				break
		if result.returncode:
			raise RuntimeError(result.stderr.strip())
		return result.stdout


class Process:
	"""A process of the bench in a group of its own, killed and started again at will."""

	def __init__(self, bench: Bench, name: str, command: list[object], log: Path):
		self.bench, self.name, self.command, self.log = bench, name, [str(part) for part in command], log
		self.child: subprocess.Popen[bytes] | None = None

	def start(self) -> None:
		owner = self.bench.owner
		options: dict[str, Any] = {}
		if os.geteuid() != owner.pw_uid:
			groups = os.getgrouplist(owner.pw_name, owner.pw_gid)
			options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": groups}
		environment = {**os.environ, "HOME": owner.pw_dir, "USER": owner.pw_name, "SITE": self.bench.site}
		for role in (
			"cache",
			"queue",
		):  # a worker reads the bench's settings only; a site may have its own Redis
			if address := self.bench.config.get(f"redis_{role}"):
				environment[f"FRAPPE_REDIS_{role.upper()}"] = address
		with self.log.open("ab") as output:
			self.child = subprocess.Popen(
				self.command,
				cwd=self.bench.sites,
				env=environment,
				stdout=output,
				stderr=output,
				start_new_session=True,
				**options,
			)

	@property
	def running(self) -> bool:
		return self.child is not None and self.child.poll() is None

	def kill(self) -> None:
		"""SIGKILL to the process and all it has started: nobody can tidy up."""
		if self.child:
			try:
				os.killpg(self.child.pid, signal.SIGKILL)
			except ProcessLookupError:
				pass
			self.child.wait()


def free_port() -> int:
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return probe.getsockname()[1]


def web_server(bench: Bench, port: int, log: Path, application: str = "frappe.app:application") -> Process:
	command = [
		bench.python.parent / "gunicorn",
		*("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "8", "--timeout", "120", "--preload"),
		application,
	]
	return Process(bench, "web", command, log)


def worker(bench: Bench, number: int, log: Path) -> Process:
	helper = [bench.python, "-m", "frappe.utils.bench_helper", "frappe", "--site", bench.site]
	return Process(
		bench, f"worker {number}", [*helper, "worker", "--queue", "short,default,long", "--quiet"], log
	)


def sweeper(bench: Bench, log: Path) -> Process:
	"""Sweeps once: the scheduler does this each minute, here it is started again as soon as it ended."""
	helper = [bench.python, "-m", "frappe.utils.bench_helper", "frappe", "--site", bench.site]
	return Process(bench, "sweeper", [*helper, "execute", "commerce_bridge.tasks.sweep"], log)


def restart_mariadb(bench: Bench) -> bool:
	"""Restarts the database server under load; False where we may not."""
	if os.geteuid() != 0:
		return False
	subprocess.run(
		["service", "mariadb", "restart"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
	)
	wait_for("MariaDB", bench.config.get("db_host") or "127.0.0.1", int(bench.config.get("db_port") or 3306))
	return True


def flush_redis(bench: Bench) -> None:
	"""Empties the queue and the cache, as a restart without persistence would."""
	for role in ("queue", "cache"):
		subprocess.run(
			["redis-cli", "-u", bench.config[f"redis_{role}"], "FLUSHALL"], capture_output=True, check=True
		)


def wait_until_web(site: Site, seconds: int = 60) -> None:
	deadline = time.monotonic() + seconds
	while time.monotonic() < deadline:
		if answers("127.0.0.1", site.port) and site.send("GET", "/api/method/ping")[0] == 200:
			return
		time.sleep(0.3)
	raise RuntimeError("the web server does not answer")
