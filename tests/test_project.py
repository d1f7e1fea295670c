"""The project holds together: one version, every package listed, every dotted path leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import check_project, site_run


@pytest.mark.parametrize("check", check_project.CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_found(check: Callable[[], list[str]]):
	assert check() == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
	"""A small project in which every check passes."""
	write = {
		"pyproject.toml": (
			'[project]\ndynamic = ["version"]\n[tool.setuptools]\npackages = ["commerce_bridge"]\n'
			'[tool.setuptools.dynamic]\nversion = { attr = "commerce_bridge.__version__" }\n'
			'[tool.setuptools.package-data]\ncommerce_bridge = ["**/*.txt"]\n'
		),
		"CHANGELOG.md": "## [1.2.3]\n",
		"commerce_bridge/__init__.py": '__version__ = "1.2.3"\n',
		"commerce_bridge/hooks.py": 'daily = ["commerce_bridge.tasks.sweep"]\n',
		"commerce_bridge/tasks.py": "def sweep():\n\tpass\n",
		"commerce_bridge/permissions.py": 'MANAGER = "Commerce Bridge Manager"\n',
		"commerce_bridge/patches.txt": "[post_model_sync]\nexecute:commerce_bridge.tasks.sweep() # first\n",
	}
	for name, text in write.items():
		put(tmp_path, name, text)
	return tmp_path


def put(root: Path, name: str, text: str) -> None:
	path = root / name
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_text(text)


def findings(root: Path) -> list[str]:
	return [finding for check in check_project.CHECKS for finding in check(root)]


def test_a_sound_project_has_no_findings(project: Path):
	assert findings(project) == []


@pytest.mark.parametrize(
	("name", "text", "expected"),
	[
		("commerce_bridge/__init__.py", '__version__ = "2.0.0"\n', "no entry for [2.0.0]"),
		("commerce_bridge/extra/__init__.py", "", '"commerce_bridge.extra" is not listed'),
		("commerce_bridge/extra/module.py", "", "has no __init__.py"),
		("commerce_bridge/picture.bmp", "", "no glob"),
		("commerce_bridge/hooks.py", 'daily = ["commerce_bridge.tasks.gone"]\n', "tasks.gone does not exist"),
		("commerce_bridge/hooks.py", '_T = "commerce_bridge.tasks"\ndaily = [f"{_T}.gone"]\n', "tasks.gone"),
		("commerce_bridge/hooks.py", 'doctype_js = {"Item": "public/js/item.js"}\n', "public/js/item.js"),
		(
			"commerce_bridge/hooks.py",
			'app_include_js = "bridge.bundle.js"\n',
			"bridge.bundle.js does not exist",
		),
		(
			"commerce_bridge/patches.txt",
			"commerce_bridge.patches.v1.gone\n",
			"v1.gone.execute does not exist",
		),
		(
			"commerce_bridge/patches.txt",
			"execute:commerce_bridge.tasks.gone()\n",
			"tasks.gone does not exist",
		),
		("commerce_bridge/tasks.py", "def sweep():\n" + "\tprint()\n" * 60, "sweep has 61 lines"),
		("notes.md", "see [there](gone.md)\n", "gone.md does not exist"),
		("notes.md", "in /home" + "/someone/bench\n", '"/home' + '/someone/"'),
	],
)
def test_what_is_wrong_is_found(project: Path, name: str, text: str, expected: str):
	put(project, name, text)
	assert any(expected in finding for finding in findings(project)), findings(project)


def sound_doctype() -> dict:
	return {
		"doctype": "DocType",
		"name": "Sync Thing",
		"module": "Commerce Bridge",
		"engine": "InnoDB",
		"field_order": ["state"],
		"fields": [{"fieldname": "state", "fieldtype": "Select", "options": "On\nOff", "default": "On"}],
		"permissions": [{"role": "Commerce Bridge Manager", "read": 1}],
	}


@pytest.mark.parametrize(
	("change", "expected"),
	[
		({}, None),
		({"module": "Stock"}, 'module is "Stock"'),
		({"engine": "MyISAM"}, "must be InnoDB"),
		({"custom": 1}, "marked custom"),
		({"name": "Other Thing"}, "must lie at other_thing/"),
		({"field_order": ["state", "gone"]}, "differ: gone"),
		({"fields": [{"fieldname": "state", "fieldtype": "Link"}]}, "needs options"),
		({"fields": [{"fieldname": "state", "fieldtype": "Table", "options": "Nobody"}]}, "is no DocType"),
		(
			{"fields": [{"fieldname": "state", "fieldtype": "Dynamic Link", "options": "kind"}]},
			"no field beside",
		),
		(
			{"fields": [{"fieldname": "state", "fieldtype": "Select", "options": "A", "default": "B"}]},
			"default B",
		),
		({"fields": [{"fieldname": "state", "fieldtype": "Data"}] * 2}, "used twice"),
		({"permissions": []}, "nobody may read it"),
		({"permissions": [{"role": "All"}]}, "role All"),
		({"istable": 1}, "a child table"),
	],
)
def test_doctypes(project: Path, change: dict, expected: str | None):
	folder = "commerce_bridge/commerce_bridge/doctype/sync_thing"
	put(project, f"{folder}/__init__.py", "")
	put(project, f"{folder}/sync_thing.py", "class SyncThing:\n\tpass\n")
	put(project, f"{folder}/sync_thing.json", json.dumps(sound_doctype() | change))
	found = check_project.check_doctypes(project)
	assert found == [] if expected is None else any(expected in finding for finding in found), found


def test_methods_called_from_scripts_exist(project: Path):
	put(project, "commerce_bridge/form.js", 'frappe.call("commerce_bridge.tasks.gone")\n')
	assert check_project.check_scripts(project) == [
		"commerce_bridge/form.js: commerce_bridge.tasks.gone does not exist"
	]


def test_setup_leaves_everything_to_pyproject():
	assert "setup()" in (check_project.ROOT / "setup.py").read_text()


def test_counts_add_up_over_several_suites():
	output = "Ran 3 tests in 1s\nFAILED (failures=1, errors=2)\nRan 1 test in 1s\nOK (skipped=1)\n"
	assert site_run.counts(output) == {"run": 4, "failures": 1, "errors": 2, "skipped": 1}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
	"""The outline of a bench with one site."""
	path = tmp_path / "frappe-bench"
	for name in ("apps/frappe/x", "apps/erpnext/x", "env/bin/python", "sites/apps.txt"):
		put(path, name, "frappe\nerpnext")
	put(path, "sites/common_site_config.json", json.dumps({"default_site": "a.test"}))
	put(path, "sites/a.test/site_config.json", "{}")
	monkeypatch.setenv("BENCH", str(path))
	monkeypatch.delenv("SITE", raising=False)
	return path


def test_a_site_nobody_named_is_used_only_if_it_allows_tests(bench: Path, capsys: pytest.CaptureFixture):
	assert site_run.find_bench() is None
	assert "does not allow tests" in capsys.readouterr().out
	put(bench, "sites/a.test/site_config.json", json.dumps({"allow_tests": True}))
	assert site_run.find_bench() == site_run.Bench(bench, "a.test")


def test_a_named_site_is_used(bench: Path, monkeypatch: pytest.MonkeyPatch):
	monkeypatch.setenv("SITE", "a.test")
	assert site_run.find_bench() == site_run.Bench(bench, "a.test")


@pytest.mark.parametrize(("variable", "value"), [("SITE", "gone.test"), ("BENCH", "gone")])
def test_a_wrong_name_ends_the_script(
	bench: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
	monkeypatch.setenv(variable, value)
	with pytest.raises(SystemExit, match=value):
		site_run.find_bench()


def test_the_app_is_registered_once(bench: Path):
	for _ in range(2):
		site_run.register(site_run.Bench(bench, "a.test"))
	assert (bench / "sites" / "apps.txt").read_text() == "frappe\nerpnext\ncommerce_bridge\n"


def test_a_folder_in_our_place_is_kept_and_a_link_replaced(bench: Path, tmp_path: Path):
	put(bench, "apps/commerce_bridge/work.txt", "somebody's")
	site_run.put_aside(site_run.Bench(bench, "a.test"))
	kept = list((bench / "archived" / "apps").glob("commerce_bridge-*/work.txt"))
	assert [file.read_text() for file in kept] == ["somebody's"]
	put(tmp_path, "elsewhere/work.txt", "stays")
	(bench / "apps" / "commerce_bridge").symlink_to(tmp_path / "elsewhere")
	site_run.put_aside(site_run.Bench(bench, "a.test"))
	assert not (bench / "apps" / "commerce_bridge").is_symlink()
	assert (tmp_path / "elsewhere" / "work.txt").exists()
