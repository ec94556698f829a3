"""Resuming: a fit that takes long leaves checkpoints, and a process that begins it anew goes on from the last."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence

import torch

from ..core import processes
from ..core.learner import Checkpoint
from .sharded import parted_like, whole


class Resumable:
    """How far a fit is: weights, the optimizer's moments, and the global random state, which dropout draws from.

    Several processes that share a fit look at the clock of the main one, after the same steps.

    Args:
        checkpoint: where it is kept; None keeps nothing.
        parameters: what is trained; a checkpoint of an earlier process is read into them.
        stepper: their optimizer.

    Attributes:
        done: steps that an earlier process made.
    """

    def __init__(
        self, checkpoint: Checkpoint | None, parameters: Sequence[torch.nn.Parameter], stepper: torch.optim.Optimizer
    ) -> None:
        self._checkpoint, self._parameters, self._stepper = checkpoint, parameters, stepper
        content = checkpoint.read() if checkpoint else None
        self.done = 0 if content is None else self._restored(content)
        self._saved, self._look, self._since = self.done, self.done + 1, time.monotonic()

    def after(self, step: int) -> None:
        """Step `step` is made: leave a checkpoint if the last is older than its seconds."""
        made = step + 1
        if self._checkpoint is None or made < self._look:
            return
        seconds = processes.from_main(lambda: time.monotonic() - self._since)
        pace = seconds / (made - self._saved)
        if seconds >= self._checkpoint.seconds:
            self._save(self._checkpoint, made)
            self._saved, self._since, seconds = made, time.monotonic(), 0.0
        self._look = made + max(1, int((self._checkpoint.seconds - seconds) / max(pace, 1e-9)))

    def _save(self, checkpoint: Checkpoint, done: int) -> None:
        optimizer = self._stepper.state_dict()
        state = {
            "done": done,
            "weights": [whole(parameter.detach()) for parameter in self._parameters],
            "optimizer": {
                **optimizer,
                "state": {
                    place: {name: whole(values) for name, values in moments.items()}
                    for place, moments in optimizer["state"].items()
                },
            },
            "random": torch.get_rng_state(),
            "gpu_random": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        }
        if processes.is_main():
            buffer = io.BytesIO()
            torch.save(state, buffer)
            checkpoint.write(buffer.getvalue())

    def _restored(self, content: bytes) -> int:
        state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        parameters, optimizer = self._parameters, state["optimizer"]
        with torch.no_grad():
            for parameter, values in zip(parameters, state["weights"], strict=True):
                parameter.copy_(parted_like(values, parameter))
        ordered = [parameter for group in self._stepper.param_groups for parameter in group["params"]]
        for place, moments in optimizer["state"].items():
            for name, values in moments.items():
                moments[name] = parted_like(values, ordered[place]) if values.dim() else values
        self._stepper.load_state_dict(optimizer)
        torch.set_rng_state(state["random"])
        if state["gpu_random"] is not None:
            torch.cuda.set_rng_state(state["gpu_random"])
        return int(state["done"])
