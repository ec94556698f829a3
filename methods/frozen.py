from collapsebench import Context, Corpus, Method, MethodCard, method


@method("frozen")
class Frozen(Method):
    """Train on the first real set again and never on synthetic data: R = 1."""

    card = MethodCard(title="Frozen", access={"history"}, reference={"preserve", "purify", "grow"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.trusted
