from collapsebench import Context, Corpus, Method, MethodCard, Multiple, method


@method("random_filter")
class RandomFilter(Method):
    """Keep a random n of more candidates: the control of every filter.

    Args:
        candidates: size of the candidate set (S_t and more draws from the same model), in multiples of n.
    """

    candidates: Multiple = 2.0

    card = MethodCard(title="Random filter")

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        return ctx.candidates(round(self.candidates * ctx.n)).sample(ctx.n, ctx.rng)
