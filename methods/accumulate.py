from collapsebench import Context, Corpus, Method, MethodCard, method


@method("accumulate")
class Accumulate(Method):
    """Train on the real data and every synthetic set so far."""

    card = MethodCard(title="Accumulate", paper="arXiv:2404.01413, arXiv:2410.22812")

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        return ctx.pool
