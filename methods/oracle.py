from collapsebench import Context, Corpus, Method, MethodCard, method


@method("oracle")
class Oracle(Method):
    """Train on D_0 and the real rows of all that arrived so far, known without error: R = 1 on a polluted stream."""

    card = MethodCard(title="Oracle", access={"mark"}, reference={"purify"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.remember(arrivals.select(~ctx.mark(arrivals)), "accumulate")
