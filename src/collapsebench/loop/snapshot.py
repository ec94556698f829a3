"""Snapshot: the whole state of an unfinished closed-form lineage in one safetensors payload.

Blocks that several corpora share are written once and shared again when read, so a restored lineage
goes on exactly as the interrupted one would have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from ..core.corpus import Block, Corpus, block_from_tensors, block_tensors
from ..core.costs import Costs
from ..core.records import GenerationRecord, generation_from_dict, to_line
from .cache import Artefact

if TYPE_CHECKING:
    import torch

    from .lineage import Lineage


def take(lineage: Lineage, records: list[GenerationRecord]) -> bytes:
    """The state of a lineage after its last finished generation, with that generation's records."""
    corpora = [*(artefact.value for artefact in lineage.history), lineage.corpus.value]
    blocks: dict[int, Block] = {id(block): block for corpus in corpora for block in corpus.blocks}
    index = {identity: number for number, identity in enumerate(blocks)}
    tensors: dict[str, torch.Tensor] = {}
    for number, block in enumerate(blocks.values()):
        tensors |= _prefixed(f"block{number}", block_tensors(block))
    tensors |= _prefixed("model", lineage.model.value.state())
    tensors |= _prefixed("initial", lineage.initial_model.value.state())
    meta = {
        "t": lineage.t,
        "costs": lineage.costs.to_dict(),
        "corpora": [{"blocks": [index[id(b)] for b in c.blocks], "order": c.order} for c in corpora],
        "records": [asdict(record) for record in records],
    }
    plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    return save_tensors(plain, metadata={"lineage": to_line(meta)})


def restore(lineage: Lineage, payload: bytes) -> list[GenerationRecord]:
    """Put a new lineage where `take` left the old one; returns the records of the generations behind it."""
    meta, tensors = _metadata(payload), load_tensors(payload)
    count = 1 + max(number for corpus in meta["corpora"] for number in corpus["blocks"])
    blocks = [block_from_tensors(_under(f"block{number}", tensors)) for number in range(count)]
    corpora = [
        lineage.known_corpus(Corpus.from_blocks([blocks[i] for i in corpus["blocks"]], corpus["order"]))
        for corpus in meta["corpora"]
    ]
    lineage.history, lineage.corpus = corpora[:-1], corpora[-1]
    lineage.model = _learner(lineage, _under("model", tensors))
    lineage.initial_model = _learner(lineage, _under("initial", tensors))
    lineage.costs = Costs.from_dict(meta["costs"])
    lineage.t = meta["t"]
    return [generation_from_dict(record) for record in meta["records"]]


def _learner(lineage: Lineage, state: Mapping[str, torch.Tensor]) -> Artefact[Any]:
    return Artefact(lineage.decode_learner(state), Costs())


def _prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _metadata(payload: bytes) -> Any:
    length = int.from_bytes(payload[:8], "little")
    return json.loads(json.loads(payload[8 : 8 + length])["__metadata__"]["lineage"])
