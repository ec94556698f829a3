from dataclasses import dataclass

from collapsebench import Context, Corpus, Method, MethodCard, method


@method("example_window")
@dataclass(frozen=True)
class Window(Method):
    """Train on n examples drawn from the last few synthetic sets.

    Args:
        width: how many sets, the newest included.
    """

    width: int = 2

    card = MethodCard(title="Window", access={"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        return Corpus.concat(ctx.history[1:][-self.width :]).sample(ctx.n, ctx.rng)
