"""Sampling 512 stories of varied length against `model.generate` in the same batch: CPU time, ratio of minima.

The model is `storyworld`'s after a short fit; runs alternate. On a GPU also GPT-2 124M: tokens per second.
"""

import time

import torch
from gpu import report_sampling

from collapsebench import Decoding, FitConfig
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD
from collapsebench.loop.plugins import make_task

RUNS, STEPS, STORIES = 5, 300, 512


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    task = make_task("storyworld", {})
    learner = task.learner(stream(0))
    learner.fit(task.real(1000, stream(1)), FitConfig(stream(2), steps=STEPS, batch=4))

    def ours() -> torch.Tensor:
        return learner.sample(STORIES, stream(3), Decoding())["tokens"]

    def generate() -> torch.Tensor:
        start = torch.full((STORIES, 1), BOS)
        settings = {"do_sample": True, "top_k": 0, "suppress_tokens": [BOS, PAD]}
        ends = {"pad_token_id": PAD, "eos_token_id": EOS, "max_new_tokens": learner.length}
        return learner.model.generate(start, **settings, **ends)[:, 1:]

    seconds: dict[str, list[float]] = {"ours": [], "generate": []}
    lengths: dict[str, torch.Tensor] = {}
    torch.manual_seed(0)
    for _ in range(RUNS):
        for run in (ours, generate):
            start = time.process_time()
            tokens = run()
            seconds[run.__name__].append(time.process_time() - start)
            lengths[run.__name__] = (tokens != PAD).sum(1).float()
    ours_s, generate_s = min(seconds["ours"]), min(seconds["generate"])
    for name, length in lengths.items():
        print(f"{name}: {length.mean():.0f} tokens on average, standard deviation {length.std():.0f}")
    print(f"{STORIES} stories: {ours_s:.2f} s, `generate` {generate_s:.2f} s: {generate_s / ours_s:.2f}x (target 1.5x)")
    report_sampling()
