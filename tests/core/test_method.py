from dataclasses import dataclass

import pytest

from collapsebench import Decoding, Method, MethodCard, PluginError
from collapsebench.core.method import TRACKS


@dataclass(frozen=True)
class Example(Method):
    """An example."""

    share: float = 0.5
    prior: bool = False

    name = "example"
    card = MethodCard(title="Example", access={"history"})

    def access(self):
        return self.card.access | ({"prior"} if self.prior else set())

    def curate(self, arrivals, ctx):
        return arrivals


def test_a_label_shows_only_what_differs_from_the_default():
    assert Example().label == "example"
    assert Example(share=0.25).label == "example(share=0.25)"
    assert Example(0.25, True).label == "example(share=0.25, prior=True)"
    assert Example(share=0.25).params() == {"share": 0.25, "prior": False}


@pytest.mark.parametrize(
    ("access", "track"),
    [
        (set(), "blind"),
        ({"history"}, "anchored"),
        ({"mark"}, "marked"),
        ({"history", "mark"}, "marked"),
        ({"fresh"}, "assisted"),
        ({"mark", "reward"}, "assisted"),
        ({"verifier"}, "assisted"),
        ({"fresh", "reward"}, "assisted"),
        ({"history", "prior"}, "assisted"),
    ],
)
def test_the_track_follows_from_the_strongest_access(access, track):
    class Some(Example):
        card = MethodCard(title="Some", access=access)

    assert Some().track == track
    assert track in TRACKS


def test_access_may_depend_on_a_parameter():
    assert Example().track == "anchored"
    assert Example(prior=True).track == "assisted"


def test_hooks_have_defaults_that_change_nothing():
    example = Example()
    assert example.decoding(1) == Decoding()
    assert example.skip(None) is None
    assert example.weights_sites is False


def test_overriding_site_weights_is_noticed():
    class Weighted(Example):
        def site_weights(self, log_probs):
            return log_probs.exp()

    assert Weighted().weights_sites is True


@pytest.mark.parametrize("wrong", [{"access": {"histroy"}}, {"needs": {"sights"}}])
def test_a_card_with_an_unknown_word_names_it_and_the_known_ones(wrong):
    with pytest.raises(PluginError, match=r"unknown (access: histroy|needs: sights)\.") as error:
        MethodCard(title="Wrong", **wrong)
    assert "Choose from: " in error.value.hint


@pytest.mark.parametrize(
    "wrong", [{"title": 5}, {"title": None}, {"title": "T", "paper": 3}, {"title": "T", "access": "fresh"}]
)
def test_a_card_of_wrong_types_names_the_field(wrong):
    with pytest.raises(PluginError, match=f"Parameter {list(wrong)[-1]}=.* of MethodCard: Input should be a valid"):
        MethodCard(**wrong)
