"""GPT-2 124M, context 512, in bfloat16, and two cells of `babistories` `tuned` at once: what a GPU gives, or one line
saying that there is none."""

import tempfile
import time
from pathlib import Path

import torch

from collapsebench import Corpus, Decoding, FitConfig
from collapsebench.core.method import METHODS
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.sample import generate
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, Marks, byte_tokenizer
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Local
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.protocol import load_protocol

PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}
"""Dense bfloat16 FLOP/s that the makers state."""

GPT2 = LMShape(50257, 512, width=768, layers=12, heads=12, tied=True)


def report_training(batch: int = 32, steps: int = 30) -> None:
    """Model FLOP utilisation: 6 N + 12 layers * width * context FLOP per token (Chowdhery et al., arXiv:2204.02311)."""
    if not torch.cuda.is_available():
        print("GPU: none here, so GPT-2 124M was not measured.")
        return
    rng = torch.Generator().manual_seed(0)
    learner = CausalLM(GPT2.build(rng), byte_tokenizer(), GPT2.context, Optimizer(lr=3e-4, clip=1.0))
    corpus = Corpus({"tokens": torch.randint(3, GPT2.vocabulary, (1024, GPT2.context), generator=rng)})
    learner.fit(corpus, FitConfig(rng, steps=5, batch=batch))
    torch.cuda.synchronize()
    start = time.perf_counter()
    report = learner.fit(corpus, FitConfig(rng, steps=steps, batch=batch))
    torch.cuda.synchronize()
    rate = report.tokens / (time.perf_counter() - start)
    parameters = sum(p.numel() for p in learner.model.parameters())
    per_token = 6 * parameters + 12 * GPT2.layers * GPT2.width * GPT2.context
    name = torch.cuda.get_device_name()
    peak = next((peak for model, peak in PEAK.items() if model in name), float("nan"))
    print(f"{name}: GPT-2 124M training {rate:,.0f} tokens/s, MFU {100 * rate * per_token / peak:.0f} % (target 40 %)")


def report_sampling(rows: int = 256) -> None:
    """Tokens per second against `generate` at the same batch, both in bfloat16 autocast."""
    if not torch.cuda.is_available():
        print("GPU: none here, so GPT-2 124M was not measured.")
        return
    model = GPT2.build(torch.Generator().manual_seed(0)).cuda()

    def ours() -> torch.Tensor:
        rng = torch.Generator().manual_seed(0)
        return generate(model, rows, GPT2.context, rng, Decoding(), Marks(BOS, EOS, PAD))

    def theirs() -> torch.Tensor:
        start = torch.full((rows, 1), BOS, device="cuda")
        with torch.autocast("cuda", torch.bfloat16):
            return model.generate(
                start, do_sample=True, top_k=0, max_new_tokens=GPT2.context, pad_token_id=PAD, eos_token_id=EOS
            )

    rates = {}
    for run in (ours, theirs, ours, theirs):
        torch.cuda.synchronize()
        start = time.perf_counter()
        tokens = run()
        torch.cuda.synchronize()
        rates[run.__name__] = int((tokens != PAD).sum()) / (time.perf_counter() - start)
    ratio = rates["ours"] / rates["theirs"]
    name = torch.cuda.get_device_name()
    print(f"{name}: GPT-2 124M sampling {rates['ours']:,.0f} tokens/s, {ratio:.1f}x `generate` (target 3x)")


def report_two_cells() -> None:
    """Two cells of `classic` on one card: both at once beside one after the other; the base is made before."""
    if not torch.cuda.is_available():
        print("GPU: none here, so two cells on one card were not measured.")
        return
    method = METHODS.get("accumulate").make({})
    cells = enumerate_cells(load_protocol("classic"), [method], tasks=["babistories"], worlds=["preserve"])
    first, *pair = [cell for cell in cells if cell.method.name == "accumulate"]
    seconds = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as store:
            executor, options = Local(workers), Options(Path(store))
            list(executor.run([first], options, Silent()))
            start = time.perf_counter()
            done = list(executor.run(pair, options, Silent()))
            seconds[workers] = time.perf_counter() - start
            assert all(result.cell.status == "done" for result in done), [result.cell.reason for result in done]
    name = torch.cuda.get_device_name()
    print(f"{name}: two cells of babistories tuned, {seconds[1]:.0f} s one by one, {seconds[2]:.0f} s at once")


if __name__ == "__main__":
    report_training()
    report_sampling()
    report_two_cells()
