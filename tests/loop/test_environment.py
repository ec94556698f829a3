import collapsebench
from collapsebench.loop.environment import environment, environment_today


def test_the_environment_names_versions_and_machine():
    found = environment()
    assert found["collapsebench"] == collapsebench.__version__
    assert found["torch"].startswith("2.")
    assert found["cores"] >= 1
    assert found["machine"]
    assert environment_today().items() - environment().items() == {("date", environment_today()["date"])}
