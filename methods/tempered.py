from collapsebench import Context, Corpus, Decoding, Method, MethodCard, Natural, Positive, PositiveShare, method


@method("tempered")
class Tempered(Method):
    """Train on the newest synthetic set alone, sampled at a temperature or from the most probable outcomes.

    Args:
        temperature: log-probabilities are divided by it before sampling.
        top_k: only the k most probable outcomes; 0 for all.
        top_p: only the most probable outcomes up to this probability; 1 for all.
    """

    temperature: Positive = 0.9
    top_k: Natural = 0
    top_p: PositiveShare = 1.0

    card = MethodCard(title="Tempered sampling", paper="arXiv:2402.07043, arXiv:2404.02325")

    def questions(self) -> frozenset[str]:
        return frozenset({"preserve"})

    def decoding(self, t: int) -> Decoding:
        return Decoding(self.temperature, self.top_k or None, self.top_p if self.top_p < 1 else None)

    def needs(self) -> frozenset[str]:
        return self.decoding(1).features

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return arrivals
