"""Write what a board answers into README.md, between the marks that name the board; `make boards` runs this.

Usage: python benchmarks/readme.py
"""

import re
from pathlib import Path

from collapsebench.board import load_board
from collapsebench.render import answers, markdown

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- answers of (\w+) -->\n).*?(<!-- end of answers -->)", re.DOTALL)


def with_answers(text: str) -> str:
    """The text with the answers of the boards that it names, as their records give them."""

    def written(found: re.Match[str]) -> str:
        folder = f"leaderboards/{found[2]}"
        told = answers.in_brief(load_board(ROOT / folder))
        return f"{found[1]}{markdown.part([told], f'{folder}/README.md')}\n{found[3]}"

    return MARKED.sub(written, text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_answers(readme.read_text(encoding="utf-8")), encoding="utf-8")
