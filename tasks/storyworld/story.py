"""The story grammar: a child, a friend, a thing, a problem and how it was solved.

World state: who they are, what the thing looks like, and where it was put. A name that was introduced comes back;
the thing is found where it was put and nowhere else; each kind of animal moves in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collapsebench.learners import END, Choice, Grammar, Steps, zipf

LONGEST = 80
"""Most words of a story, `END` included."""

MOVES = {
    "dog": "ran",
    "cat": "crept",
    "bird": "flew",
    "rabbit": "hopped",
    "duck": "waddled",
    "frog": "jumped",
    "mouse": "scurried",
    "fox": "trotted",
}
OPENING = Choice({"once there was a": 5, "long ago there lived a": 3, "in a village lived a": 2})
NATURE = zipf("little, kind, brave, clever, shy, quiet, curious, funny")
KIND = Choice({"girl": 1, "boy": 1}, neutral=False)
NAME = {
    "girl": zipf(
        "Lily, Mia, Anna, Lucy, Sara, Ella, Zoe, Emma, Ruby, Rosie, Nora, Ivy, Clara, Alice, Maya, "
        "Jane, Molly, Daisy, Eva, Hazel, Tess, Wendy, Iris, Nina, Pearl, Greta, Opal, Freya, Thea, Juno",
        1.3,
    ),
    "boy": zipf(
        "Tom, Tim, Ben, Sam, Jack, Leo, Max, Finn, Noah, Luke, Adam, Theo, Oscar, Henry, Owen, "
        "Jamie, Peter, Hugo, Felix, Ravi, Omar, Kai, Jonah, Ezra, Milo, Otto, Abel, Cyrus, Boris, Igor",
        1.3,
    ),
}
RARE_NAMES = tuple(name for names in NAME.values() for name in list(names.probabilities)[10:])
"""The names of 40 children, a sixth of all stories."""

ANIMAL = zipf(", ".join(MOVES), neutral=False)
PET = zipf("Spot, Buddy, Pip, Coco, Biscuit, Patch, Pepper, Rusty, Ziggy, Mittens, Nutmeg, Waffle, Bandit, Clover")
TIME = zipf("day, morning, afternoon, evening, night")
PLOT = Choice({"put": 4, "took": 3, "dropped": 2, "gave": 2}, neutral=False)
COLOUR = zipf("red, blue, green, yellow, white, purple, pink", 0.5)
THING = zipf("ball, kite, doll, hat, boat, book, drum, train, bell, shell, key, crown", 0.8)
SPOT = Choice(
    {
        "under the bed": 5,
        "in the box": 4,
        "on the shelf": 3,
        "under the table": 2,
        "behind the door": 2,
        "in the basket": 2,
        "on the chair": 1,
        "behind the sofa": 1,
    },
    neutral=False,
)
PLACE = zipf("park, beach, forest, farm, lake, school, market, hill, river, castle", 0.8)
GO = zipf("went, walked, raced, drove")
LATER = Choice({"later": 4, "after lunch": 2, "at home": 1})
SEARCH = Choice({"looked": 3, "searched": 1})
TRAP = zipf("in a tree, on a roof, on a wall, in a bush, on a fence, in a net")
FEELING = zipf("sad, upset, worried, afraid")
MUD = zipf("in the mud, in the sand, in some paint, in a puddle")
CLEANER = zipf("soap, water, towels")
JOY = Choice({"was very": 4, "felt so": 2})
GLADNESS = zipf("happy, glad, proud, excited")
CLOSING = zipf(
    "ate cake, played games, sang songs, ate soup, danced, told stories, laughed, ate bread, picked apples, "
    "drank tea, baked pies, read books",
    0.8,
)
WITH = Choice({"together": 3, "all day": 1})


@dataclass(frozen=True)
class World:
    """Who is in a story, and its thing."""

    hero: str
    she: str
    her: str
    friend: str
    moved: str
    colour: str
    thing: str


def story() -> Steps:
    """One story, seven to nine sentences."""
    yield OPENING
    yield NATURE
    kind = yield KIND
    she, her = ("she", "her") if kind == "girl" else ("he", "his")
    yield "named"
    hero = yield NAME[kind]
    yield f". {her} friend"
    friend = yield PET
    yield "was a"
    animal = yield ANIMAL
    yield ". one"
    yield TIME
    yield she
    plot = yield PLOT
    yield her
    colour = yield COLOUR
    thing = yield THING
    world = World(hero, she, her, friend, MOVES[animal], colour, thing)
    yield from PLOTS[plot](world)
    yield f"{hero}"
    yield JOY
    yield GLADNESS
    yield ". they"
    yield CLOSING
    yield WITH
    yield "."


def hidden(world: World) -> Steps:
    """The thing is put somewhere, and has to be found again."""
    spot = yield SPOT
    yield ". they"
    yield GO
    yield "to the"
    yield PLACE
    yield "."
    yield LATER
    yield f"{world.she}"
    yield SEARCH
    tried = yield SPOT
    if tried == spot:
        yield f". the {world.colour} {world.thing} was there !"
    else:
        yield f". it was not there . {world.friend} {world.moved} home and found it {spot} ."


def trapped(world: World) -> Steps:
    """The thing gets stuck, and the friend brings it back."""
    yield "to the"
    yield PLACE
    yield f". the {world.thing} got stuck"
    yield TRAP
    yield f". {world.she} was"
    yield FEELING
    yield f'. " help me ! " said {world.hero} . {world.friend} {world.moved} up and got it .'


def soiled(world: World) -> Steps:
    """The thing gets dirty, and is washed."""
    yield MUD
    yield f". the {world.thing} was dirty and {world.she} was"
    yield FEELING
    yield f". {world.friend} {world.moved} home for some"
    cleaner = yield CLEANER
    yield f". they washed it with {cleaner} . now the {world.colour} {world.thing} was clean !"


def lent(world: World) -> Steps:
    """The thing is lent to the friend, who puts it away and gives it back."""
    yield f"to {world.friend} . {world.friend} {world.moved} home and put it"
    spot = yield SPOT
    yield "."
    yield LATER
    yield f"{world.she} wanted it back . {world.friend} looked {spot} and gave it back ."
    yield f'" thank you ! " said {world.hero} .'


PLOTS = {"put": hidden, "took": trapped, "dropped": soiled, "gave": lent}

STORIES = Grammar(story)
"""The distribution of stories."""


def readable(words: list[str]) -> str:
    """A story as people write it: capitals, and no blank before punctuation or inside quotation marks."""
    return "".join(_spaced(word for word in words if word != END)).strip()


def _spaced(words: Iterator[str]) -> Iterator[str]:
    """Each word with the blank, if any, that stands before it."""
    starts, quoted, glued = True, False, True
    for word in words:
        if word == '"':
            quoted = not quoted
            yield ' "' if quoted else '"'
            starts, glued = quoted, quoted
        elif word in {".", ",", "!", "?"}:
            yield word
            starts, glued = word != ",", False
        else:
            yield ("" if glued else " ") + (word[:1].upper() + word[1:] if starts else word)
            starts = glued = False
