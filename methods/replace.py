from collapsebench import Context, Corpus, Method, MethodCard, method


@method("replace")
class Replace(Method):
    """Train on the newest synthetic set alone: full collapse, R = 0."""

    card = MethodCard(title="Replace", reference={"preserve"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return arrivals
