"""Small corpora of made-up text for the tasks on real text."""

import hashlib
import random

import pytest

NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn")
THINGS = ("a red ball", "an old boat", "a small cat", "a big drum")
ENDS = ("Then all went home.", "They were very happy.", "It was late, and they slept.", "The rain had gone.")


@pytest.fixture
def own(put):
    """Writes a file and gives the parameters that name it: `own("file", "stories.jsonl", records or text)`."""

    def write(parameter, name, what):
        file = put(name, what)
        return {parameter: name, "sha256": f"{name}:{hashlib.sha256(file.read_bytes()).hexdigest()}"}

    return write


@pytest.fixture
def stories():
    """`stories(n)`: different little stories of three sentences, the same each time."""

    def tell(n, seed=0):
        rng, told = random.Random(seed), {}
        while len(told) < n:
            one, other = rng.sample(NAMES, 2)
            day = f"On day {len(told) + 100 * seed}"
            told[f"{day} {one} found {rng.choice(THINGS)}. {one} gave it to {other}. {rng.choice(ENDS)}"] = None
        return list(told)

    return tell
