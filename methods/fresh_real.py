from collapsebench import Context, Corpus, Method, MethodCard, method


@method("fresh_real")
class FreshReal(Method):
    """Train on new real data each generation."""

    card = MethodCard(title="Fresh real data", access={"fresh"}, reference={"preserve"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.fresh_real(ctx.n)
