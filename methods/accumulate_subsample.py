from collapsebench import Context, Corpus, Method, MethodCard, method


@method("accumulate_subsample")
class AccumulateSubsample(Method):
    """Train on n examples drawn without replacement from everything so far."""

    card = MethodCard(title="Accumulate and subsample", paper="arXiv:2410.16713")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.pool.sample(ctx.n, ctx.rng)
