"""Write build.txt and requirements.txt: each distribution that the judge needs, as constraints.txt has it, by its hash.

Run it on what the judge runs on (Linux on x86-64, Python 3.11) whenever constraints.txt changes: python .github/pin.py
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def pinned(requirements: list[str]) -> str:
    """Lines of a requirements file, with all that the requirements need."""
    words = ["--dry-run", "--ignore-installed", "--report", "-", "--constraint", str(ROOT / "constraints.txt")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *words, *requirements]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["install"]
    return "".join(sorted(map(line, found), key=str.lower))


def line(one: dict) -> str:
    """A distribution by version and hash."""
    digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{one['metadata']['name']}=={one['metadata']['version']} --hash=sha256:{digest}\n"


if __name__ == "__main__":
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (HERE / "build.txt").write_text(pinned(["setuptools", "wheel"]), encoding="utf-8")
    (HERE / "requirements.txt").write_text(pinned(needed), encoding="utf-8")
