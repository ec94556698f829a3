from collapsebench import Context, Corpus, Method, MethodCard, method


@method("take_all")
class TakeAll(Method):
    """Train on D_0 and all that arrived so far: how far one gets without looking."""

    card = MethodCard(title="Take all", reference={"purify", "grow"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.pool
