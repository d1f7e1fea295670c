"""Makes the virtual environment of this checkout. Runs on a bare Python and says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

MINIMUM = (3, 10)
ROOT = Path(__file__).resolve().parent.parent


def make(folder):
	"""Creates the environment in `folder` and installs this checkout with all its extras, editable."""
	python = folder / "bin" / "python"
	if not python.exists() or subprocess.call(
		[str(python), "-m", "pip", "--version"], stdout=subprocess.DEVNULL
	):
		if subprocess.call([sys.executable, "-m", "venv", "--clear", str(folder)]):
			sys.exit(
				"Python's venv module is missing or incomplete. On Debian and Ubuntu: apt install python3-venv"
			)
	pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
	print("installing requirements into {} …".format(folder), flush=True)
	if subprocess.call([*pip, "--editable", "{}[sandbox,test,lint]".format(ROOT)]):
		sys.exit("pip could not install the requirements; its message is above")
	(folder / ".stamp").write_text("made with {}\n".format(sys.version))


def main():
	"""Usage: environment.py [FOLDER]; FOLDER is .venv in this checkout by default."""
	if sys.version_info < MINIMUM:
		version = "{}.{}".format(*sys.version_info[:2])
		sys.exit("Python 3.10 or newer is needed, this is {}: make PYTHON=python3.12 …".format(version))
	os.chdir(str(ROOT))
	make(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv"))


if __name__ == "__main__":
	main()
