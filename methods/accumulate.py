from collapsebench import Context, Corpus, Method, MethodCard, method


@method("accumulate")
class Accumulate(Method):
    """Train on the real data and every synthetic set so far.

    In worlds where real data arrive too, this rule is the reference `take_all`.
    """

    card = MethodCard(title="Accumulate", paper="arXiv:2404.01413, arXiv:2410.22812")

    def questions(self) -> frozenset[str]:
        return frozenset({"preserve"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.pool
