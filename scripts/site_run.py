"""Runs this checkout on a Frappe bench: site tests, chaos, measurements, or any Python file.

    site_run.py test [--if-found] [ARGUMENTS OF run-tests]
    site_run.py chaos|bench|walk [ARGUMENTS]
    site_run.py exec FILE [ARGUMENTS]
    site_run.py prepare|services [--if-found]

BENCH names the bench (default: a frappe-bench folder in a home directory), SITE the site (default: the
bench's own, if it allows tests). Whatever app the bench had under our name before is put aside and this checkout linked in its place.
Commands run as the owner of the bench: start this as that user, or as root.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlparse

ROOT = Path(__file__).resolve().parent.parent
APP = "commerce_bridge"
NOT_COPIED = (
	".git",
	".venv",
	"build",
	"__pycache__",
	".hypothesis",
	".pytest_cache",
	".ruff_cache",
	"*.egg-info",
)


def say(text: str) -> None:
	print(text, flush=True)


@dataclass(frozen=True)
class Bench:
	"""A Frappe bench and the site of it that is used."""

	path: Path
	site: str

	@cached_property
	def owner(self) -> pwd.struct_passwd:
		return pwd.getpwuid(self.path.stat().st_uid)

	@property
	def sites(self) -> Path:
		return self.path / "sites"

	@property
	def python(self) -> Path:
		return self.path / "env" / "bin" / "python"

	@property
	def app_path(self) -> Path:
		return self.path / "apps" / APP

	@cached_property
	def config(self) -> dict:
		"""common_site_config.json with the site's own settings over it."""
		merged: dict = {}
		for file in (self.sites / "common_site_config.json", self.sites / self.site / "site_config.json"):
			if file.exists():
				merged |= json.loads(file.read_text())
		return merged

	def run(self, command: Sequence[object], **options) -> subprocess.CompletedProcess:
		"""Runs a command as the bench's owner, in the sites folder; `options` are those of subprocess.run."""
		environment = {
			**os.environ,
			"HOME": self.owner.pw_dir,
			"USER": self.owner.pw_name,
			"LOGNAME": self.owner.pw_name,
			"PYTHONDONTWRITEBYTECODE": "1",
			**options.pop("env", {}),
		}
		options.setdefault("cwd", self.sites)
		if os.geteuid() != self.owner.pw_uid:
			groups = os.getgrouplist(self.owner.pw_name, self.owner.pw_gid)
			options |= {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": groups}
		return subprocess.run([str(part) for part in command], env=environment, **options)

	def frappe(self, *arguments: str, **options) -> subprocess.CompletedProcess:
		"""A bench command on the site, e.g. `frappe("migrate")`; works without the bench CLI."""
		helper = [self.python, "-m", "frappe.utils.bench_helper", "frappe", "--site", self.site]
		return self.run([*helper, *arguments], **options)

	def must(self, *arguments: str) -> None:
		"""The same; ends this script if it fails."""
		result = self.frappe(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
		if result.returncode:
			sys.exit(f"{result.stdout}\n'{' '.join(arguments)}' failed on {self.site}")


# --- finding ---------------------------------------------------------------------------------------------


def is_bench(path: Path) -> bool:
	needed = ("sites/apps.txt", "apps/frappe", "apps/erpnext", "env/bin/python")
	try:
		return all((path / part).exists() for part in needed)
	except PermissionError:
		return False


def candidates() -> Iterator[Path]:
	"""frappe-bench in our own home directory first, then in every user's, including those outside /home."""
	homes = [Path.home(), *sorted(Path("/home").glob("*")), *(Path(user.pw_dir) for user in pwd.getpwall())]
	for home in dict.fromkeys(homes):
		yield home / "frappe-bench"


def default_site(bench: Path) -> str | None:
	"""The bench's default site; the only one where there is one; None where that is not clear."""
	common = bench / "sites" / "common_site_config.json"
	named = json.loads(common.read_text()).get("default_site") if common.exists() else None
	current = bench / "sites" / "currentsite.txt"
	if not named and current.exists():
		named = current.read_text().strip()
	if named:
		return named
	found = [file.parent.name for file in (bench / "sites").glob("*/site_config.json")]
	return found[0] if len(found) == 1 else None


def may_use(path: Path) -> bool:
	return os.geteuid() in (0, path.stat().st_uid)


def find_bench() -> Bench | None:
	"""The bench and site to use, or None with a line that says why there is none.

	A site nobody named is used only if its configuration allows tests: it might be somebody's real one.
	Ends the script where BENCH or SITE is wrong.
	"""
	named = os.environ.get("BENCH")
	if named and not (is_bench(Path(named)) and may_use(Path(named))):
		sys.exit(f"BENCH={named} is not a bench with Frappe and ERPNext that we own, and we are not root")
	found = (place for place in candidates() if is_bench(place) and may_use(place))
	path = Path(named) if named else next(found, None)
	if path is None:
		say("no bench found: neither BENCH=… nor a frappe-bench folder in a home directory that we may use")
		return None
	site = os.environ.get("SITE")
	bench = Bench(path.resolve(), site or default_site(path) or "")
	if bench.site and (bench.sites / bench.site / "site_config.json").exists():
		if site or bench.config.get("allow_tests"):
			return bench
		say(f"{bench.site} on {path} does not allow tests; SITE={bench.site} runs them there all the same")
		return None
	if site:
		sys.exit(f"{path} has no site {site}")
	say(f"{path} has no default site: name one with SITE=…")
	return None


# --- services --------------------------------------------------------------------------------------------


def answers(host: str, port: int) -> bool:
	try:
		with socket.create_connection((host, port), timeout=2):
			return True
	except OSError:
		return False


def wait_for(name: str, host: str, port: int, seconds: int = 60) -> None:
	"""Waits until a server answers; ends the script if it does not."""
	deadline = time.monotonic() + seconds
	while not answers(host, port):
		if time.monotonic() > deadline:
			sys.exit(f"{name} does not answer on {host}:{port}")
		time.sleep(0.3)


def start_mariadb(bench: Bench) -> None:
	host = bench.config.get("db_host") or "127.0.0.1"
	port = int(bench.config.get("db_port") or 3306)
	if answers(host, port):
		return
	if os.geteuid() != 0:
		sys.exit(f"MariaDB does not answer on {host}:{port}; only root can start it")
	say("starting MariaDB")
	if subprocess.call(["service", "mariadb", "start"], stdout=subprocess.DEVNULL):
		subprocess.call(["service", "mysql", "start"], stdout=subprocess.DEVNULL)
	wait_for("MariaDB", host, port)


def start_redis(bench: Bench) -> None:
	"""Starts the bench's own Redis servers where they are down; one on another machine is only waited for."""
	for role in ("cache", "queue"):
		address = urlparse(bench.config.get(f"redis_{role}", ""))
		host, port = address.hostname or "127.0.0.1", address.port or 6379
		if answers(host, port):
			continue
		file = bench.path / "config" / f"redis_{role}.conf"
		if not file.exists():
			sys.exit(f"Redis ({role}) does not answer on {host}:{port}, and {file} is missing")
		say(f"starting Redis ({role})")
		bench.run(["redis-server", file, "--daemonize", "yes"], cwd=bench.path, stdout=subprocess.DEVNULL)
		wait_for(f"Redis ({role})", host, port)


def start_services(bench: Bench) -> None:
	start_mariadb(bench)
	start_redis(bench)


# --- this checkout on the bench --------------------------------------------------------------------------


def reachable(bench: Bench) -> Path:
	"""This checkout where the bench's owner can read it: itself, or else a fresh copy inside the bench."""
	probe = ["test", "-r", ROOT / APP / "__init__.py", "-a", "-x", ROOT / APP]
	if bench.run(probe).returncode == 0:
		return ROOT
	copy = bench.path / "checkouts" / APP
	say(f"{bench.owner.pw_name} cannot read {ROOT}: testing a copy of it, {copy}")
	shutil.rmtree(copy, ignore_errors=True)
	shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
	for path in (copy.parent, copy, *copy.rglob("*")):
		os.chown(path, bench.owner.pw_uid, bench.owner.pw_gid)
	return copy


def put_aside(bench: Bench) -> None:
	"""Makes room at apps/commerce_bridge: a link is replaced, a folder is kept in archived/apps."""
	if bench.app_path.is_symlink():
		bench.app_path.unlink()
	elif bench.app_path.exists():
		kept = bench.path / "archived" / "apps" / f"{APP}-{time.strftime('%Y%m%d%H%M%S')}"
		bench.run(["mkdir", "-p", kept.parent])
		say(f"{bench.app_path} was a folder: moved to {kept}")
		bench.app_path.rename(kept)


def register(bench: Bench) -> None:
	"""Adds the app to sites/apps.txt once."""
	file = bench.sites / "apps.txt"
	apps = file.read_text().split()
	if APP not in apps:
		file.write_text("\n".join([*apps, APP]) + "\n")


def import_path(bench: Bench) -> str:
	"""Where the bench's Python finds the app now, links resolved; empty if it does not."""
	code = f"import os, {APP} as app; print(os.path.realpath(os.path.dirname(app.__file__)))"
	result = bench.run(
		[bench.python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
	)
	return result.stdout.strip()


def make_importable(bench: Bench, checkout: Path) -> None:
	"""Points the bench's environment to the checkout.

	A .pth file instead of `pip install --editable`, which would have to write into a checkout that may belong
	to somebody else.
	"""
	expected = str((checkout / APP).resolve())
	if import_path(bench) == expected:
		return
	bench.run(
		[bench.python, "-m", "pip", "uninstall", "--quiet", "--yes", APP],
		stdout=subprocess.DEVNULL,
		stderr=subprocess.DEVNULL,
	)
	code = "import sysconfig; print(sysconfig.get_path('purelib'))"
	packages = bench.run([bench.python, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
	pointer = Path(packages.strip()) / f"{APP}_checkout.pth"
	pointer.write_text(f"{bench.app_path}\n")
	os.chown(pointer, bench.owner.pw_uid, bench.owner.pw_gid)
	if (found := import_path(bench)) != expected:
		sys.exit(f"The bench imports {APP} from {found or 'nowhere'} instead of {expected}")


def install_requirements(bench: Bench) -> None:
	"""What pyproject.toml asks for and the bench's environment lacks; what Frappe pins stays as it is."""
	code = (
		"import sys, tomli; project = tomli.load(open(sys.argv[1], 'rb'));"
		"print(*project['project']['dependencies'], sep='\\n');"
		"print(*(k + v for k, v in project['tool']['bench']['dev-dependencies'].items()), sep='\\n')"
	)
	listed = bench.run(
		[bench.python, "-c", code, bench.app_path / "pyproject.toml"],
		stdout=subprocess.PIPE,
		text=True,
		check=True,
	)
	pip = [bench.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
	if bench.run([*pip, *listed.stdout.splitlines()]).returncode:
		sys.exit("pip could not install the requirements into the bench; its message is above")


def install_on_site(bench: Bench) -> None:
	"""Installs the app on the site, or migrates the site where it is installed already."""
	bench.must("clear-cache")
	listed = bench.frappe("list-apps", stdout=subprocess.PIPE, text=True)
	installed = {line.split()[0] for line in listed.stdout.splitlines() if line.strip()}
	if APP in installed:
		say(f"migrating {bench.site}")
		bench.must("migrate", "--skip-search-index")
		bench.must("execute", f"{APP}.install.after_install")  # what another checkout may not have had
	else:
		say(f"installing {APP} on {bench.site}")
		bench.must("install-app", APP)


def prepare(bench: Bench) -> None:
	"""Everything between "a bench is there" and "this checkout runs on the site"."""
	start_services(bench)
	checkout = reachable(bench)
	if bench.app_path.resolve() != checkout or not bench.app_path.is_symlink():
		put_aside(bench)
		bench.app_path.symlink_to(checkout)
	make_importable(bench, checkout)
	install_requirements(bench)
	register(bench)
	install_on_site(bench)


# --- commands --------------------------------------------------------------------------------------------


def versions(bench: Bench) -> str:
	listed = bench.frappe("list-apps", stdout=subprocess.PIPE, text=True).stdout.splitlines()
	found = {words[0]: words[1] for words in map(str.split, listed) if len(words) > 1}
	return f"Frappe {found.get('frappe', '?')}, ERPNext {found.get('erpnext', '?')}"


def counts(output: str) -> dict[str, int]:
	"""Totals of what unittest printed, over all the suites of a run."""
	found = {"run": sum(map(int, re.findall(r"^Ran (\d+) tests?", output, re.MULTILINE)))}
	for kind in ("failures", "errors", "skipped"):
		found[kind] = sum(map(int, re.findall(rf"\b{kind}=(\d+)", output)))
	return found


def run_tests(bench: Bench, arguments: Sequence[str]) -> int:
	"""`bench run-tests` for the app, shown as it runs, with one line of counts at the end."""
	prepare(bench)
	bench.must("set-config", "allow_tests", "true")
	helper = [bench.python, "-m", "frappe.utils.bench_helper", "frappe", "--site", bench.site]
	command = [*helper, "run-tests", "--app", APP, *arguments]
	printed = bench.path / "logs" / f"{APP}-tests.log"
	result = bench.run(
		["bash", "-o", "pipefail", "-c", '"${@:2}" 2>&1 | tee "$1"', "bash", printed, *command]
	)
	found = counts(printed.read_text(errors="replace"))
	say(
		f"site tests: {found['run']} run, {found['failures']} failed, {found['errors']} errors, "
		f"{found['skipped']} skipped, on {bench.site} ({versions(bench)})"
	)
	if found["run"] == 0:
		say("site tests: none ran, which counts as a failure")
	return result.returncode or int(found["run"] == 0 or found["failures"] > 0 or found["errors"] > 0)


def run_file(bench: Bench, file: str, arguments: Sequence[str]) -> int:
	"""Runs a Python file with the bench's Python, as its owner, with BENCH and SITE set."""
	prepare(bench)
	path = bench.app_path / file
	environment = {"BENCH": str(bench.path), "SITE": bench.site, "PYTHONPATH": str(bench.app_path)}
	return bench.run([bench.python, path, *arguments], env=environment).returncode


def run_here(bench: Bench | None, file: str, arguments: Sequence[str]) -> int:
	"""Runs a Python file as ourselves: chaos kills and restarts what the bench's owner may not touch."""
	environment = {**os.environ, "PYTHONPATH": str(ROOT)}
	if bench:
		prepare(bench)
		environment |= {"BENCH": str(bench.path), "SITE": bench.site}
	return subprocess.call([sys.executable, str(ROOT / file), *arguments], env=environment)


def run_prepare(bench: Bench, _arguments: Sequence[str]) -> int:
	prepare(bench)
	return 0


def run_services(bench: Bench, _arguments: Sequence[str]) -> int:
	start_services(bench)
	return 0


COMMANDS = {
	"test": run_tests,
	"chaos": lambda bench, arguments: run_here(bench, "scripts/chaos.py", arguments),
	"bench": lambda bench, arguments: run_file(bench, "scripts/bench.py", arguments),
	"walk": lambda bench, arguments: run_file(bench, "scripts/walk.py", arguments),
	"exec": lambda bench, arguments: run_file(bench, arguments[0], arguments[1:]),
	"prepare": run_prepare,
	"services": run_services,
}


def main(arguments: list[str]) -> int:
	"""Returns the exit code."""
	command, *rest = arguments or [""]
	optional = "--if-found" in rest
	rest = [argument for argument in rest if argument != "--if-found"]
	if command not in COMMANDS or (command == "exec" and not rest):
		say(__doc__ or "")
		return 2
	bench = find_bench()
	if bench:
		say(f"bench {bench.path}, site {bench.site}")
		return COMMANDS[command](bench, rest)
	if command == "bench":
		return run_here(None, "scripts/bench.py", rest)
	say("site tests skipped" if command == "test" else f"{command} skipped")
	return 0 if optional else 1


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
