import importlib.util
from pathlib import Path

import pytest
import torch

from collapsebench import PluginError
from collapsebench.lm.model import Lora, build_model, load_pretrained, with_lora

TINY = {"model_type": "llama", "vocab_size": 9, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1}
TINY |= {"num_attention_heads": 2, "max_position_embeddings": 16}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_equal_streams_give_equal_models_and_leave_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, second, third = (build_model(TINY, rng(seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], third["lm_head.weight"])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"model_type": "lama"}, "'lama'", "model_type"),
        ({"model_type": "vit"}, "'vit'|vit configuration", ""),
        ({"hiden_size": 8}, "hiden_size", "hidden_size"),
        ({"hidden_size": 9}, "'llama'", "divide"),
    ],
)
def test_configurations_that_make_no_model_are_refused(change: dict, message: str, hint: str) -> None:
    with pytest.raises(PluginError, match=message) as error:
        build_model({**TINY, **change}, rng())
    assert hint in error.value.hint


def test_a_folder_gives_its_model_each_time_anew(tmp_path: Path) -> None:
    model = build_model(TINY, rng())
    model.save_pretrained(tmp_path)
    before = torch.get_rng_state()
    first = load_pretrained(tmp_path)
    with torch.no_grad():
        first.lm_head.weight.zero_()
    assert torch.equal(load_pretrained(tmp_path).lm_head.weight, model.lm_head.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no pretrained model at"):
        load_pretrained(tmp_path / "absent")
    with pytest.raises(PluginError, match="no causal language model in"):
        load_pretrained(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"not a model")
    with pytest.raises(PluginError, match=r"model\.gguf"):
        load_pretrained(tmp_path / "model.gguf")


@pytest.mark.parametrize(("package", "extra"), [("gguf", "gguf"), ("peft", "lora")])
def test_missing_packages_name_their_extra(
    package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else found(name, *a))
    (tmp_path / "model.gguf").touch()
    with pytest.raises(PluginError, match=package) as error:
        with_lora(build_model(TINY, rng()), Lora(), rng()) if package == "peft" else load_pretrained(
            tmp_path / "model.gguf"
        )
    assert f"collapsebench[{extra}]" in error.value.hint


def test_adapters_for_layers_that_do_not_exist_are_refused() -> None:
    pytest.importorskip("peft")
    with pytest.raises(PluginError, match="absent"):
        with_lora(build_model(TINY, rng()), Lora(modules=("absent",)), rng())
