"""A method of the arm is the method that it is in the harness's own process, to the last bit."""

import pytest

import collapsebench
from collapsebench import PluginError
from collapsebench.arm.guest import Guest
from collapsebench.arm.host import GuestError
from collapsebench.core import registry
from collapsebench.core.errors import AccessDenied, BadParameter, LimitExceeded, UsageError
from collapsebench.core.learner import Decoding
from collapsebench.core.method import METHODS
from collapsebench.core.shipped import builtin_folder
from collapsebench.loop.plugins import make_method, read_method
from collapsebench.testing import Toy, tiny_run
from collapsebench.testing.tiny import difference, run_whole, tiny_cells

SHIPPED = sorted(path.stem for path in builtin_folder("methods").glob("*.py"))


@pytest.fixture
def unshipped(monkeypatch, registries):
    """Makes a shipped method a guest, which keeps its name, its file and so its key."""

    def make(name):
        monkeypatch.setattr(registry, "is_shipped", lambda path: False)
        registry.load_file(builtin_folder("methods") / f"{name}.py")
        return METHODS.get(name)

    return make


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_method_gives_the_same_records_in_the_arm(name, unshipped):
    """On the toy with stored stages, on numbers and on words, where the method runs on these."""

    def cells(cls):
        found = tiny_cells(cls.make({}), ["gaussian", "categorical"])
        return [cell for cell in found if cell.skip_reason() is None][-6:]

    own = METHODS.get(name)
    guest = unshipped(name)
    assert issubclass(guest, Guest)
    assert not issubclass(own, Guest)
    assert cells(own)
    for here, there in zip(cells(own), cells(guest), strict=True):
        assert here.digest == there.digest
        assert difference(run_whole(here), run_whole(there)) is None


def test_site_weights_are_the_same_in_the_arm(unshipped):
    own, guest = METHODS.get("truncated_loss"), unshipped("truncated_loss")
    here, there = (
        [c for c in tiny_cells(cls.make({}), ["arithmetic"]) if c.skip_reason() is None] for cls in (own, guest)
    )
    assert here
    for one, other in zip(here, there, strict=True):
        assert difference(run_whole(one), run_whole(other)) is None


def test_by_hand(guest):
    """D_1 is S_1 = 2, 3, 4, 5 of the toy, without the smallest."""
    method = guest("return arrivals.select(arrivals['x'] > arrivals['x'].min())")
    run = tiny_run(method, Toy(), n=4, generations=1)
    assert sorted(run.corpora[1]["x"].tolist()) == [3, 4, 5]


def test_it_is_described_by_its_file(guest):
    method = guest("return arrivals", share=0.25)
    assert (method.description(), method.card.title, method.track) == ("A guest.", "Guest", "blind")
    assert method.label == f"{method.name}(share=0.25)"
    assert read_method(method.name, {"share": "0.25"}) == method
    assert isinstance(method, Guest)


def test_a_parameter_is_checked_by_its_annotation(guest):
    name = guest("return arrivals").name
    with pytest.raises(UsageError, match="Parameter share='much'"):
        make_method(name, {"share": "much"})
    with pytest.raises(UsageError, match="Unknown parameter 'shape'"):
        make_method(name, {"shape": 1})


def test_parameters_reach_it(guest):
    method = guest("ctx.log('share', self.share)\nreturn arrivals", share=0.125)
    assert tiny_run(method).log["share"] == 0.125


def test_its_own_checks_are_asked(guest):
    refuses = "def check(self, n):\n    raise PluginError(f'{n} rows are odd.', 'Take more.')"
    with pytest.raises(PluginError, match="8 rows are odd") as refused:
        tiny_run(guest("return arrivals", after=refuses))
    assert refused.value.hint == "Take more."


def test_its_decoding_is_asked_for(guest):
    before = "from collapsebench import Decoding"
    method = guest("return arrivals", before, "def decoding(self, t):\n    return Decoding(temperature=1 / t)")
    assert [method.decoding(t) for t in (1, 2)] == [Decoding(), Decoding(temperature=0.5)]


def test_it_may_decline_a_task(guest):
    method = guest("return arrivals", after="def skip(self, task):\n    return f'not on {task.title}'")
    with pytest.raises(PluginError, match="not on Toy"):
        tiny_run(method)


@pytest.mark.parametrize(
    ("curate", "access", "error"),
    [
        ("return ctx.trusted", (), AccessDenied),
        ("return ctx.history[0]", (), AccessDenied),
        ("return arrivals.select(ctx.verify(arrivals))", (), AccessDenied),
        ("return ctx.prior.generate(2)", (), AccessDenied),
        ("return ctx.fresh_real(10_000)", {"fresh"}, LimitExceeded),
        ("return ctx.model.generate(10**9)", (), LimitExceeded),
        ("return ctx.model.generate(-1)", (), PluginError),
        ("return ctx.remember(arrivals, 'anchored')", (), AccessDenied),
        ("return ctx.remember(arrivals, 'everything')", (), PluginError),
    ],
)
def test_what_it_may_not_have_is_refused_by_the_harness(guest, curate, access, error):
    with pytest.raises(error) as refused:
        tiny_run(guest(curate, access=access))
    assert type(refused.value) is error


def test_a_refusal_can_be_caught(guest):
    method = guest("try:\n    return ctx.trusted\nexcept PluginError:\n    return arrivals")
    assert tiny_run(method).records[1].real_share == 0


def test_what_it_asks_is_metered(guest):
    method = guest("ctx.model.log_prob(arrivals)\nctx.reward(arrivals)\nreturn arrivals", access={"reward"})
    costs = tiny_run(method, n=8, generations=1).records[1].costs
    assert (costs["scored_tokens"], costs["reward_calls"]) == (8, 8)


def test_writing_into_what_it_got_is_seen(guest):
    with pytest.raises(PluginError, match="changed its input in place"):
        tiny_run(guest("arrivals['x'][0] = 9\nreturn arrivals"))


def test_its_error_is_told_with_its_line(guest):
    with pytest.raises(GuestError, match="division by zero") as error:
        tiny_run(guest("return 1 / 0"))
    assert type(error.value).__name__ == "ZeroDivisionError"
    assert "return 1 / 0" in "".join(error.value.__notes__)


def test_what_it_prints_is_shown(guest, caplog):
    tiny_run(guest("print('hello', '\\x1b[31m')\nreturn arrivals"), generations=1)
    assert "printed: hello ?[31m" in caplog.text


def test_a_file_is_never_imported_here(tmp_path, registries):
    path = tmp_path / "loud.py"
    path.write_text("import collapsebench\ncollapsebench.loud = True\nraise ValueError('loud')\n")
    with pytest.raises(PluginError, match="ValueError: loud"):
        registry.load_file(path)
    assert not hasattr(collapsebench, "loud")


def test_a_file_that_ends_the_process_is_a_plug_in_that_cannot_be_imported(tmp_path, registries):
    path = tmp_path / "gone.py"
    path.write_text("import os\nos._exit(0)\n")
    with pytest.raises(PluginError, match=r"cannot be imported: .* closed its channel"):
        registry.load_file(path)


def test_it_may_not_be_a_reference(tmp_path, registries):
    from collapsebench.loop.plan import check_method

    path = tmp_path / "best.py"
    path.write_text(
        "from collapsebench import Method, MethodCard, method\n"
        "@method('best')\nclass Best(Method):\n    '''Best.'''\n"
        "    card = MethodCard(title='Best', reference={'purify'})\n"
        "    def curate(self, arrivals, ctx):\n        return arrivals\n"
    )
    registry.load_file(path)
    with pytest.raises(PluginError, match="reference"):
        check_method(make_method("best", {}), 8)


def test_a_bad_parameter_type_is_refused_where_it_is_declared(guest):
    with pytest.raises(BadParameter):
        type(guest("return arrivals")).make({"share": [1, 2]})
