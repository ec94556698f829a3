from collapsebench.core.registry import METHODS, TASKS
from collapsebench.loop.digests import plugin_code


def test_the_digest_of_a_plugin_is_that_of_its_file():
    assert len(plugin_code(METHODS.get("replace")).own) == 64
    assert plugin_code(METHODS.get("replace")) != plugin_code(METHODS.get("frozen"))
    assert plugin_code(TASKS.get("gaussian")) != plugin_code(TASKS.get("categorical"))


def test_the_yaml_files_of_a_task_folder_count(tmp_path, registries):
    from collapsebench.core.registry import load_file

    text = "class Some:\n    pass\n"
    digests = []
    for number, yaml in enumerate(("a: 1", "a: 2")):
        folder = tmp_path / f"{number}"
        (folder / "lm_eval").mkdir(parents=True)
        (folder / "task.py").write_text(text)
        (folder / "lm_eval" / "some.yaml").write_text(yaml)
        digests.append(plugin_code(load_file(folder / "task.py").Some))
    assert digests[0] != digests[1]


def test_every_python_file_of_a_task_folder_counts_and_can_be_imported(tmp_path, registries):
    from collapsebench.core.registry import load_file

    digests, answers = [], []
    for number in (1, 2):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "task.py").write_text("from .grammar import ANSWER\n\nclass Some:\n    answer = ANSWER\n")
        (folder / "grammar.py").write_text(f"ANSWER = {number}\n")
        some = load_file(folder / "task.py").Some
        digests.append(plugin_code(some))
        answers.append(some.answer)
    assert digests[0] != digests[1]
    assert answers == [1, 2]
