from collapsebench import Context, Corpus, Filter, MethodCard, Multiple, method


@method("random_filter")
class RandomFilter(Filter):
    """Keep candidates at random, one of two: the control of every filter.

    Args:
        memory: what they are trained with; `accumulate` by default, as of the filters that it is the control of.
        candidates: one row in so many is kept; where S_t alone arrives, more draws make it so many times n rows.
    """

    candidates: Multiple = 2.0

    card = MethodCard(title="Random filter")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        pool = ctx.candidates(round(self.candidates * ctx.n))
        kept = pool.sample(max(1, round(len(pool) / self.candidates)), ctx.rng)
        return ctx.remember(kept, self.memory)
