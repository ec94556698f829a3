from collapsebench import Context, Corpus, Method, MethodCard, method


@method("take_newest")
class TakeNewest(Method):
    """Train on what arrived last, as it comes: R = 0 on a polluted stream."""

    card = MethodCard(title="Take the newest", reference={"purify", "curve"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return arrivals
