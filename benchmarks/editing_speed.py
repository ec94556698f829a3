"""Token editing's own work on `storyworld`, k = 8: CPU microseconds per token of the corpus, minimum of several runs.

Own work is all that `token_edit` does besides asking the model: the mask from the log-probabilities of
`sites` (`_chosen`), then the edited corpus (`resample` less its forward passes). Draws that the known
log-probabilities settle need no logits; "from logits" is the work without them, as after another corpus was scored.
"""

import time

import torch

from collapsebench import Decoding, FitConfig
from collapsebench.loop.plugins import make_method, make_task

RUNS, STEPS, STORIES = 7, 400, 1000


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Timed:
    """Adds up the CPU time of a model's forward passes."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.seconds, self._forward = 0.0, model.forward
        model.forward = self

    def __call__(self, *args: object, **keywords: object) -> object:
        start = time.process_time()
        try:
            return self._forward(*args, **keywords)
        finally:
            self.seconds += time.process_time() - start


torch.set_num_threads(1)
task, method = make_task("storyworld", {}), make_method("token_edit", {})
learner = task.learner(stream(0))
learner.fit(task.real(1000, stream(1)), FitConfig(stream(2), steps=STEPS, batch=4))
corpus = task.real(STORIES, stream(3))
log_prob, editable = learner.sites(corpus)
forward = Timed(learner.model)
tokens, vocabulary = learner.tokens(corpus), learner.model.config.vocab_size
times: dict[str, list[tuple[float, float]]] = {"own work": [], "own work, from logits": []}
for _ in range(RUNS):
    for name, spent in times.items():
        edits = corpus if name == "own work" else corpus.select(torch.arange(STORIES))  # the same rows, not scored
        forward.seconds, start = 0.0, time.process_time()
        mask = method._chosen(log_prob, editable, ctx=None)
        edited = learner.resample(edits, mask, stream(4), Decoding(method.temperature, method.top_k))
        spent.append((time.process_time() - start - forward.seconds, forward.seconds))
changed = (edited["tokens"] != corpus["tokens"]).sum() / editable.sum()
print(
    f"{STORIES} stories, {tokens} tokens of a vocabulary of {vocabulary}, {100 * mask.sum() / editable.sum():.0f} % of "
    f"the sites redrawn, {100 * changed:.2f} % changed; us per token (limit .3):"
)
for name, spent in times.items():
    own, forwards = (1e6 * min(seconds) / tokens for seconds in zip(*spent, strict=True))
    print(f"{name} {own:.3f}, forward passes {forwards:.3f}")
