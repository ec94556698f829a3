from collapsebench import Context, Corpus, Method, MethodCard, method


@method("more_real")
class MoreReal(Method):
    """Train on D_0 and as many new real rows as synthetic ones arrived so far: R = 1 where data are to grow."""

    card = MethodCard(title="More real data", access={"history", "fresh"}, reference={"grow"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return Corpus.concat([ctx.previous, ctx.fresh_real(len(arrivals))])
