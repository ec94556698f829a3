from collapsebench import Context, Corpus, Filter, MethodCard, method


@method("marked_real")
class MarkedReal(Filter):
    """Train on D_0 and all arrivals that the marks call real.

    Args:
        memory: what these arrivals are trained with; `accumulate` by default, as a real row that was found stays
            worth what it was.
    """

    card = MethodCard(title="Marked real", access={"mark"})

    def questions(self) -> frozenset[str]:
        return frozenset({"purify"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        marked = ctx.mark(arrivals)
        ctx.log("kept_share", 1 - marked.double().mean().item())
        return ctx.remember(arrivals.select(~marked), self.memory)
