from collapsebench import Context, Corpus, Method, MethodCard, Share, method


@method("real_mix")
class RealMix(Method):
    """Keep a fixed share of the first real data in every training set.

    Args:
        alpha: share of the n examples that come from D_0; the rest come from S_t.
    """

    alpha: Share = 0.5

    card = MethodCard(title="Real mix", paper="Shumailov et al. 2024, arXiv:2310.00429", access={"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        real = round(self.alpha * ctx.n)
        return Corpus.concat([ctx.history[0].sample(real, ctx.rng), synthetic.sample(ctx.n - real, ctx.rng)])
