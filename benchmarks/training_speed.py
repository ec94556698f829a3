"""Training against a bare loop over the same Hugging Face model and batches: CPU time, ratio of minima.

Optimizer and clipping are the same; runs alternate. Texts have 20 to 100 % of the longest length; with
"short", four of five have at most 40 %, so that several share a row. On a GPU also GPT-2 124M, context 512:
model FLOP utilisation in bfloat16.
"""

import math
import time

import torch
import torch.nn.functional as F
from gpu import report_training

from collapsebench import Corpus, FitConfig
from collapsebench.learners.gradient import Optimizer, batches
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, byte_tokenizer

RUNS = 5
OPTIMIZER = Optimizer(lr=1e-3, clip=1.0)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def random_texts(n: int, length: int, vocabulary: int, short: bool) -> Corpus:
    share = torch.rand(n, 1, generator=rng()) * 0.8 + 0.2
    if short:
        share = torch.where(torch.rand(n, 1, generator=rng().manual_seed(1)) < 0.8, share * 0.4, share)
    lengths, place = (share * length).long(), torch.arange(length)
    tokens = torch.randint(3, vocabulary, (n, length), generator=rng())
    return Corpus({"tokens": tokens.where(place < lengths - 1, EOS).where(place < lengths, PAD)})


def bare_loop(model: torch.nn.Module, corpus: Corpus, training: FitConfig) -> None:
    tokens, order = corpus["tokens"], list(batches(corpus, training))
    lengths = (tokens != PAD).sum(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    model.train()
    for step, rows in enumerate(order):
        batch = tokens[rows, : int(lengths[rows].max())]
        logits = model(input_ids=F.pad(batch[:, :-1], (1, 0), value=BOS), use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), batch.flatten(), ignore_index=PAD)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min((step + 1) / 5, 0.5 + 0.5 * math.cos(math.pi * step / len(order)))
        optimizer.step()
        optimizer.zero_grad()


def measure(shape: LMShape, batch: int, steps: int, short: bool) -> None:
    corpus = random_texts(512, shape.context, shape.vocabulary, short)
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(RUNS):
        for name, spent in times.items():
            training = FitConfig(rng(), steps=steps, batch=batch)
            learner = CausalLM(shape.build(rng()), byte_tokenizer(), shape.context, OPTIMIZER)
            start = time.process_time()
            if name == "ours":
                learner.fit(corpus, training)
            else:
                bare_loop(learner.model, corpus, training)
            spent.append(time.process_time() - start)
    ours, bare = min(times["ours"]), min(times["bare"])
    print(
        f"{shape.architecture:5} {shape.width}x{shape.layers}, {batch} texts of {shape.context}"
        f"{', short' if short else ''}: {1000 * ours / steps:.2f} ms per step, bare {1000 * bare / steps:.2f}, "
        f"speed {bare / ours:.2f}x of the bare loop"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for architecture in ("gpt2", "llama"):
        small = LMShape(260, 80, width=48, layers=1, heads=8, architecture=architecture)
        measure(small, batch=4, steps=100, short=False)
        measure(small, batch=16, steps=50, short=True)
        larger = LMShape(2048, 256, width=128, layers=4, heads=4, architecture=architecture)
        measure(larger, batch=8, steps=2, short=False)
        measure(larger, batch=8, steps=2, short=True)
    report_training()
