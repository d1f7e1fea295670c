"""Checks what neither ruff nor import-linter sees. Each check returns its findings; none imports the app.

`make lint` runs all of them and tests/test_project.py each one.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

if sys.version_info >= (3, 11):
	import tomllib
else:
	import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
APP = "commerce_bridge"
MODULE = "Commerce Bridge"
LONGEST_FUNCTION = 60
#: Paths of somebody's machine and notes to oneself. Written so that this file does not contain them.
FORBIDDEN = re.compile(r"/(?:work|home/[a-z]+|Users/[A-Za-z]+)/" + r"|\bTO" + r"DO\b|\bFIX" + r"ME\b")
TEXT = {".py", ".js", ".json", ".md", ".toml", ".txt", ".yaml", ".yml", ".html", ".css", ".svg", ""}
DOTTED = re.compile(rf"^{APP}(\.\w+)+$")
CALLED_FROM_JS = re.compile(rf"""(?:method:\s*|\bx?call\(\s*)["'`]({APP}\.[\w.]+)["'`]""")


def files(root: Path = ROOT) -> list[Path]:
	"""The files of the project, relative: what git tracks or would; all of them where there is no git."""
	command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
	try:
		listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
	except (OSError, subprocess.CalledProcessError):
		hidden = {".git", ".venv", "__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache"}
		found = (path.relative_to(root) for path in root.rglob("*"))
		listed = [str(path) for path in found if not hidden & set(path.parts)]
	return sorted(Path(name) for name in listed if name and (root / name).is_file())


def project(root: Path = ROOT) -> dict:
	return tomllib.loads((root / "pyproject.toml").read_text())


def parse(path: Path) -> ast.Module:
	return ast.parse(path.read_text(), filename=str(path))


# --- packaging -------------------------------------------------------------------------------------------


def check_version(root: Path = ROOT) -> list[str]:
	"""The version is written in one place, `commerce_bridge/__init__.py`."""
	declared = project(root)
	problems = []
	if "version" in declared["project"] or "version" not in declared["project"].get("dynamic", []):
		problems.append("pyproject.toml: the version must be dynamic")
	if declared["tool"]["setuptools"]["dynamic"]["version"] != {"attr": f"{APP}.__version__"}:
		problems.append(f"pyproject.toml: the version must be read from {APP}.__version__")
	written = re.search(r'^__version__ = "(\d+\.\d+\.\d+)"$', (root / APP / "__init__.py").read_text(), re.M)
	if not written:
		problems.append(f"{APP}/__init__.py: no __version__ of the form 1.2.3")
	elif f"[{written[1]}]" not in (root / "CHANGELOG.md").read_text():
		problems.append(f"CHANGELOG.md: no entry for [{written[1]}]")
	return problems


def check_packages(root: Path = ROOT) -> list[str]:
	"""pyproject.toml names every package of the app, and no other; its globs cover every other file."""
	declared = project(root)["tool"]["setuptools"]
	inside = [path for path in files(root) if path.parts[0] == APP]
	found = {".".join(path.parent.parts) for path in inside if path.name == "__init__.py"}
	listed = set(declared["packages"])
	problems = [f'pyproject.toml: package "{name}" is not listed' for name in sorted(found - listed)]
	problems += [f'pyproject.toml: package "{name}" does not exist' for name in sorted(listed - found)]
	for path in inside:
		if path.suffix == ".py" and ".".join(path.parent.parts) not in found:
			problems.append(f"{path}: its folder has no __init__.py")
		elif path.suffix != ".py" and not is_package_data(path, declared["package-data"][APP]):
			problems.append(f"{path}: no glob of package-data in pyproject.toml covers it")
	return problems


def is_package_data(path: Path, globs: list[str]) -> bool:
	return path.name == ".gitkeep" or any(fnmatch(path.name, glob.removeprefix("**/")) for glob in globs)


# --- dotted paths ----------------------------------------------------------------------------------------


def top_level_names(tree: ast.Module) -> set[str]:
	"""Names a module defines or imports at its top level."""
	names: set[str] = set()
	for node in tree.body:
		if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
			names.add(node.name)
		elif isinstance(node, ast.Import | ast.ImportFrom):
			names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
		elif isinstance(node, ast.Assign | ast.AnnAssign):
			targets = node.targets if isinstance(node, ast.Assign) else [node.target]
			names |= {target.id for target in targets if isinstance(target, ast.Name)}
	return names


def resolves(dotted: str, root: Path = ROOT) -> bool:
	"""Whether a module, or a name (or a class's method) in a module, lies at this path."""
	parts = dotted.split(".")
	for length in range(len(parts), 0, -1):
		base = root.joinpath(*parts[:length])
		file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
		if file.exists():
			rest = parts[length:]
			return not rest or (len(rest) <= 2 and rest[0] in top_level_names(parse(file)))
	return False


def texts(value: object) -> Iterator[str]:
	"""Every string in nested dicts, lists and tuples, keys included."""
	if isinstance(value, str):
		yield value
	elif isinstance(value, Mapping):
		yield from texts([*value.keys(), *value.values()])
	elif isinstance(value, list | tuple):
		for part in value:
			yield from texts(part)


def check_hooks(root: Path = ROOT) -> list[str]:
	"""Every dotted path and every script named in hooks.py exists. hooks.py is data: running it imports nothing."""
	hooks = root / APP / "hooks.py"
	if not hooks.exists():
		return [f"{APP}/hooks.py is missing"]
	problems = []
	for name, value in runpy.run_path(str(hooks)).items():
		found = [] if name.startswith("_") else [text for text in texts(value) if not is_there(text, root)]
		problems += [f"{APP}/hooks.py: {name}: {text} does not exist" for text in found]
	return problems


def is_there(text: str, root: Path) -> bool:
	"""Whether what a hook's text names exists; any text that names nothing of ours counts as there."""
	if text.endswith((".bundle.js", ".bundle.css")):
		return bool(list((root / APP / "public").rglob(text)))
	if text.startswith("public/"):
		return (root / APP / text).exists()
	return not DOTTED.match(text) or resolves(text, root)


def check_patches(root: Path = ROOT) -> list[str]:
	"""Every patch has an `execute`; every `execute:` line names something that exists."""
	problems = []
	for number, line in enumerate((root / APP / "patches.txt").read_text().splitlines(), start=1):
		text = line.split("#")[0].strip()
		if not text or text.startswith("["):
			continue
		statement = text.removeprefix("execute:")
		if statement != text:
			missing = [
				path for path in re.findall(rf"{APP}(?:\.\w+)+", statement) if not resolves(path, root)
			]
		else:
			path = f"{text.split()[0]}.execute"
			missing = [] if resolves(path, root) else [path]
		problems += [f"{APP}/patches.txt:{number}: {path} does not exist" for path in missing]
	return problems


def check_scripts(root: Path = ROOT) -> list[str]:
	"""Every method of ours that a Desk script calls exists."""
	problems = []
	for path in files(root):
		if path.suffix == ".js" and path.parts[0] == APP:
			called = CALLED_FROM_JS.findall((root / path).read_text())
			problems += [f"{path}: {name} does not exist" for name in called if not resolves(name, root)]
	return problems


# --- DocTypes --------------------------------------------------------------------------------------------


def doctypes(root: Path = ROOT) -> dict[str, tuple[Path, dict]]:
	"""Our DocTypes by name, each with the path of its JSON."""
	found = {}
	for path in files(root):
		if path.suffix == ".json" and path.parts[:3] == (APP, APP, "doctype"):
			loaded = json.loads((root / path).read_text())
			if loaded.get("doctype") == "DocType":
				found[loaded["name"]] = (path, loaded)
	return found


def roles(root: Path = ROOT) -> set[str]:
	"""Roles a DocType may name: ours, by the prefix they share, ERPNext's who keep the books, and the one that sets a
	site up."""
	constants = (
		node for node in ast.walk(parse(root / APP / "permissions.py")) if isinstance(node, ast.Constant)
	)
	named = {str(node.value) for node in constants if re.fullmatch(rf"{MODULE} \w+", str(node.value))}
	return named | {"System Manager", "Accounts Manager", "Accounts User"}


def check_doctypes(root: Path = ROOT) -> list[str]:
	"""Names, folders, modules, fields, options and permissions of our DocTypes."""
	found = doctypes(root)
	known = roles(root) if found else set()
	problems = []
	for name, (path, doctype) in found.items():
		said = [*check_place(name, root / path, doctype), *check_fields(doctype, set(found))]
		said += check_permissions(doctype, known)
		problems += [f"{path}: {text}" for text in said]
	return problems


def check_place(name: str, path: Path, doctype: dict) -> Iterator[str]:
	"""Frappe finds a DocType only at module/doctype/<name>/<name>.json, with its class beside it."""
	scrubbed = name.lower().replace(" ", "_").replace("-", "_")
	if path.stem != scrubbed or path.parent.name != scrubbed:
		yield f"{name} must lie at {scrubbed}/{scrubbed}.json"
	if doctype.get("module") != MODULE:
		yield f'module is "{doctype.get("module")}", not "{MODULE}"'
	if doctype.get("custom"):
		yield "is marked custom: migrate would not update it"
	if doctype.get("engine", "InnoDB") != "InnoDB":
		yield "its table must be InnoDB: only that rolls back"
	controller = path.with_suffix(".py")
	if not controller.exists() or not (path.parent / "__init__.py").exists():
		yield "has no controller or no __init__.py beside it"
	elif (wanted := name.replace(" ", "").replace("-", "")) not in top_level_names(parse(controller)):
		yield f"its controller has no class {wanted}"


def check_fields(doctype: dict, ours: set[str]) -> Iterator[str]:
	"""Field names are unique and ordered; fields that need options have them."""
	fields = doctype.get("fields", [])
	counted = Counter(field.get("fieldname") for field in fields)
	for fieldname, count in counted.items():
		if count > 1 or not fieldname or not re.fullmatch(r"[a-z][a-z0-9_]*", fieldname):
			yield f'field name "{fieldname}" is missing, used twice or not lower case'
	if "field_order" in doctype and sorted(doctype["field_order"]) != sorted(map(str, counted)):
		differing = sorted(set(doctype["field_order"]) ^ set(counted))
		yield f"field_order and fields differ: {', '.join(differing)}"
	for field in fields:
		yield from check_options(field, set(counted), ours)


def check_options(field: dict, siblings: set[str], ours: set[str]) -> Iterator[str]:
	kind, options, name = field.get("fieldtype"), (field.get("options") or "").strip(), field.get("fieldname")
	if kind in ("Link", "Table", "Table MultiSelect", "Dynamic Link", "Select") and not options:
		yield f"{name}: a {kind} field needs options"
	elif kind in ("Table", "Table MultiSelect") and options not in ours:
		yield f"{name}: {options} is no DocType of this app"
	elif kind == "Dynamic Link" and options not in siblings:
		yield f"{name}: {options} is no field beside it"
	elif kind == "Select" and field.get("default") and field["default"] not in options.split("\n"):
		yield f"{name}: its default {field['default']} is not among its options"


def check_permissions(doctype: dict, known: set[str]) -> Iterator[str]:
	permissions = doctype.get("permissions", [])
	if doctype.get("istable") and permissions:
		yield "a child table has the permissions of its parent, not its own"
	if not doctype.get("istable") and not permissions:
		yield "nobody may read it"
	for row in permissions:
		if row.get("role") not in known:
			yield f"role {row.get('role')} is none of {', '.join(sorted(known))}"


# --- text ------------------------------------------------------------------------------------------------


def check_words(root: Path = ROOT) -> list[str]:
	"""No file names a path of somebody's machine or postpones work."""
	problems = []
	for path in files(root):
		if path.suffix not in TEXT or path.name == "license.txt":
			continue
		for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), start=1):
			if match := FORBIDDEN.search(line):
				problems.append(f'{path}:{number}: "{match[0]}"')
	return problems


def check_functions(root: Path = ROOT) -> list[str]:
	"""No function is longer than a screen."""
	problems = []
	for path in files(root):
		if path.suffix != ".py":
			continue
		for node in ast.walk(parse(root / path)):
			if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
				length = (node.end_lineno or node.lineno) - node.lineno + 1
				if length > LONGEST_FUNCTION:
					problems.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
	return problems


def check_links(root: Path = ROOT) -> list[str]:
	"""Every relative link and picture in the documents leads to a file."""
	problems = []
	for path in files(root):
		if path.suffix != ".md":
			continue
		for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (root / path).read_text()):
			if "://" not in target and not (root / path.parent / target).exists():
				problems.append(f"{path}: {target} does not exist")
	return problems


CHECKS = (
	check_version,
	check_packages,
	check_hooks,
	check_patches,
	check_scripts,
	check_doctypes,
	check_words,
	check_functions,
	check_links,
)


def main() -> int:
	"""Prints what was found; returns the exit code."""
	problems = [problem for check in CHECKS for problem in check()]
	for problem in problems:
		print(problem)
	print(f"project checks: {len(CHECKS)} run, {len(problems)} findings")
	return int(bool(problems))


if __name__ == "__main__":
	sys.exit(main())
