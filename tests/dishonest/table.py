"""The table of docs/trust.md, from the declarations of the tests: `python tests/dishonest/table.py` writes it."""

import re
import sys
from itertools import groupby
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from dishonest.cheats import CHEATS, Detected

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"
BEGIN, END = "<!-- dishonest: begin -->", "<!-- dishonest: end -->"


def table() -> str:
    """Markdown, a row for each dishonest method, by what it breaks."""
    rows = ["| a method that | | because |", "|---|---|---|"]
    for kind, cheats in groupby(CHEATS.values(), lambda cheat: cheat.kind):
        rows.append(f"| **{kind}** | | |")
        for cheat in cheats:
            word = f"{cheat.outcome.word} by `check`" if isinstance(cheat.outcome, Detected) else cheat.outcome.word
            rows.append(f"| {cheat.tries} | {word} | {cheat.outcome.how} |")
    return "\n".join(rows)


def written(page: str) -> str:
    """A page with the table between its marks."""
    return re.sub(f"(?<={BEGIN}\n).*?(?={END})", lambda _: table() + "\n", page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
