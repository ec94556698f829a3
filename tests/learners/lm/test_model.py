import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from collapsebench import PluginError
from collapsebench.learners.lm.model import Lora, build_model, load_pretrained, with_lora

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


def test_a_gguf_file_gives_its_model(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    model = build_model(TINY, rng())
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(16)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(9)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 1)
    for name, tensor in model.state_dict().items():
        if "q_proj" in name or "k_proj" in name:  # GGUF has the halves of a head's rows interleaved
            tensor = tensor.view(2, 2, 2, 8).transpose(1, 2).reshape(8, 8)
        writer.add_tensor(names.get_name(name, (".weight",)), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tokens = torch.tensor([[1, 5, 7]])
    with torch.no_grad():
        assert torch.equal(load_pretrained(tmp_path / "tiny.gguf")(tokens).logits, model(tokens).logits)


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:
    build_model(TINY, rng()).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(PluginError, match=r"lacks 1 of its weights, for one model\.norm\.weight"):
        load_pretrained(tmp_path)


def test_weights_that_are_damaged_or_of_another_size_are_refused(tmp_path: Path) -> None:
    build_model(TINY, rng()).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    save_file({**load_file(weights), "model.norm.weight": torch.ones(7)}, weights, {"format": "pt"})
    with pytest.raises(PluginError, match="no causal language model in"):
        load_pretrained(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(PluginError, match="no causal language model in"):
        load_pretrained(tmp_path)


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
