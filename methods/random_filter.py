from collapsebench import Context, Corpus, Method, MethodCard, PluginError, method


@method("random_filter")
class RandomFilter(Method):
    """Keep a random n of more candidates: the control of every filter.

    Args:
        candidates: size of the candidate set (S_t and more draws from the same model), in multiples of n.
    """

    candidates: float = 2.0

    card = MethodCard(title="Random filter")

    def __post_init__(self) -> None:
        if not self.candidates >= 1:
            raise PluginError(f"random_filter: candidates must be at least 1, got {self.candidates}.")

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        extra = round(self.candidates * ctx.n) - len(synthetic)
        pool = Corpus.concat([synthetic, ctx.model.generate(extra)]) if extra > 0 else synthetic
        return pool.sample(ctx.n, ctx.rng)
