"""Causal language models from a configuration, from a folder or a GGUF file, and with low-rank adapters."""

from __future__ import annotations

import contextlib
import copy
import difflib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...core.errors import PluginError
from .device import seeded

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "gpt2": {
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "activation_function": "gelu_pytorch_tanh",  # the default, as one kernel
    }
}
"""Keys of an architecture's configuration that differ from Hugging Face's unless a task sets them."""


def build_model(config: Mapping[str, object], rng: torch.Generator) -> PreTrainedModel:
    """A causal language model of any Hugging Face architecture at initial weights drawn from `rng`.

    Args:
        config: `model_type` and the keys of its Hugging Face configuration; the others keep their defaults.
        rng: the initial weights. Global random state stays as it was.

    Raises:
        PluginError: an architecture that is unknown or not causal, an unknown key, sizes that do not fit.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModelForCausalLM

    keys: dict[str, Any] = dict(config)
    name = keys.pop("model_type", "")
    try:
        default = AutoConfig.for_model(name)
        for key in keys:
            if not hasattr(default, key):
                near = difflib.get_close_matches(key, vars(default), n=1)
                raise PluginError(
                    f"A {name} configuration has no '{key}'.", f"Did you mean '{near[0]}'?" if near else ""
                )
        with seeded(int(torch.randint(2**62, (1,), generator=rng))):
            # With a padding id in the configuration, every forward pass searches its input for padding.
            full = AutoConfig.for_model(name, **{"pad_token_id": None, **keys})
            return AutoModelForCausalLM.from_config(full, attn_implementation="sdpa").eval()
    except (ValueError, StrictDataclassError) as error:
        raise PluginError(
            f"Cannot build a causal language model of type '{name}': {reason(error)}",
            "Give `model_type` as Hugging Face spells it (gpt2, llama, ...) and sizes that divide.",
        ) from error


def load_pretrained(path: str | Path) -> PreTrainedModel:
    """A causal language model from a Hugging Face folder or a GGUF file, float32, in evaluation mode.

    Read once per process; each call gives its own copy.

    Raises:
        PluginError: no such folder or file, no causal language model in it, or `gguf` is not installed.
    """
    return copy.deepcopy(_read_model(str(path)))


@lru_cache(maxsize=2)
def _read_model(path: str) -> PreTrainedModel:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    arguments = local_source(Path(path))
    try:
        with seeded(0), contextlib.redirect_stderr(io.StringIO()):  # no progress bars
            model, found = AutoModelForCausalLM.from_pretrained(
                **arguments, dtype=torch.float32, output_loading_info=True
            )
    except (ValueError, OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise PluginError(
            f"There is no causal language model in '{path}': {reason(error)}",
            "Give a folder as save_pretrained writes it, or a .gguf file.",
        ) from error
    if missing := sorted(found["missing_keys"]):  # Hugging Face would go on with random numbers
        raise PluginError(
            f"The model in '{path}' lacks {len(missing)} of its weights, for one {missing[0]}.",
            "Take a complete copy of a causal language model.",
        )
    return model.eval()


def local_source(path: Path) -> dict[str, Any]:
    """The arguments of `from_pretrained` for a local folder or GGUF file; nothing is fetched.

    Raises:
        PluginError: there is no such folder or file, or `gguf` is not installed.
    """
    if path.suffix == ".gguf" and path.is_file():
        if importlib.util.find_spec("gguf") is None:
            raise PluginError(
                f"Reading '{path.name}' needs the package gguf.", "Install it: pip install 'collapsebench[gguf]'."
            )
        return {
            "pretrained_model_name_or_path": path.parent,
            "gguf_file": path.name,
            "local_files_only": True,
        }
    if not path.is_dir():
        raise PluginError(
            f"There is no pretrained model at '{path}'.",
            "Give the path of a Hugging Face folder (config.json, model.safetensors, tokenizer.json) or a .gguf file.",
        )
    return {"pretrained_model_name_or_path": path, "local_files_only": True}


@dataclass(frozen=True)
class Lora:
    """Low-rank adaptation (Hu et al., arXiv:2106.09685): W + (alpha / rank) B A, with W fixed and B = 0 at first.

    Args:
        rank: rows of A and columns of B.
        alpha: scale of the update.
        modules: names of the adapted linear layers, or () for the ones usual for the architecture.
    """

    rank: int = 8
    alpha: float = 16.0
    modules: tuple[str, ...] = ()


def with_lora(model: PreTrainedModel, lora: Lora, rng: torch.Generator) -> PreTrainedModel:
    """The model itself with adapters, which from now on are all that is trained.

    Args:
        model: changed in place.
        lora: sizes.
        rng: the initial A. Global random state stays as it was.

    Raises:
        PluginError: `peft` is not installed, or the modules do not exist.
    """
    if importlib.util.find_spec("peft") is None:
        raise PluginError("LoRA needs the package peft.", "Install it: pip install 'collapsebench[lora]'.")
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=list(lora.modules) or None,
        fan_in_fan_out=model.config.model_type == "gpt2",  # its layers hold the transposed matrix
    )
    try:
        with seeded(int(torch.randint(2**62, (1,), generator=rng))):
            return inject_adapter_in_model(config, model).eval()
    except ValueError as error:
        raise PluginError(
            f"Cannot put adapters into this model: {error}", "Name its linear layers in `modules`."
        ) from error


def reason(error: Exception) -> str:
    """The first sentence of what a library says is wrong."""
    return str(error.__cause__ or error).splitlines()[0].split(". ")[0].rstrip(".") + "."
