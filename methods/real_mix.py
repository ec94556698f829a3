from collapsebench import Context, Corpus, Method, MethodCard, Share, method


@method("real_mix")
class RealMix(Method):
    """Keep a fixed share of the first real data in every training set.

    Args:
        alpha: share of the n examples that come from D_0; the rest come from A_t, as far as that goes.
    """

    alpha: Share = 0.5

    card = MethodCard(title="Real mix", paper="Shumailov et al. 2024, arXiv:2310.00429", access={"history"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        real = round(self.alpha * ctx.n)
        new = min(ctx.n - real, len(arrivals))
        return Corpus.concat([ctx.trusted.sample(real, ctx.rng), arrivals.sample(new, ctx.rng)])
