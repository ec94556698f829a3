from collapsebench import Context, Corpus, Method, MethodCard, method


@method("example_window")
class Window(Method):
    """Train on n examples drawn from what arrived in the last few generations.

    Args:
        width: how many generations, the newest included.
    """

    width: int = 2

    card = MethodCard(title="Window", access={"history"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return Corpus.concat(ctx.history[1:][-self.width :]).sample(ctx.n, ctx.rng)
