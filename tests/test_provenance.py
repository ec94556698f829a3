import collapsebench
from collapsebench.provenance import environment, harness_digest, plugin_digest
from collapsebench.registry import METHODS, TASKS


def test_the_digest_of_a_plugin_is_that_of_its_file():
    assert len(plugin_digest(METHODS.get("replace"))) == 64
    assert plugin_digest(METHODS.get("replace")) != plugin_digest(METHODS.get("frozen"))
    assert plugin_digest(TASKS.get("gaussian")) != plugin_digest(TASKS.get("categorical"))


def test_the_yaml_files_of_a_task_folder_count(tmp_path, registries):
    from collapsebench.registry import load_file

    text = "class Some:\n    pass\n"
    digests = []
    for number, yaml in enumerate(("a: 1", "a: 2")):
        folder = tmp_path / f"{number}"
        (folder / "lm_eval").mkdir(parents=True)
        (folder / "task.py").write_text(text)
        (folder / "lm_eval" / "some.yaml").write_text(yaml)
        digests.append(plugin_digest(load_file(folder / "task.py").Some))
    assert digests[0] != digests[1]


def test_the_harness_has_one_digest():
    assert harness_digest() == harness_digest()
    assert len(harness_digest()) == 64


def test_the_environment_names_versions_and_machine():
    found = environment()
    assert found["collapsebench"] == collapsebench.__version__
    assert found["torch"].startswith("2.")
    assert found["cores"] >= 1
    assert found["machine"]
