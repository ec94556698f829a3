from collapsebench import Context, Corpus, Decoding, Method, MethodCard, PluginError, method


@method("tempered")
class Tempered(Method):
    """Train on the newest synthetic set alone, sampled at a temperature or from the most probable outcomes.

    Args:
        temperature: log-probabilities are divided by it before sampling.
        top_k: only the k most probable outcomes; 0 for all.
        top_p: only the most probable outcomes up to this probability; 1 for all.
    """

    temperature: float = 0.9
    top_k: int = 0
    top_p: float = 1.0

    card = MethodCard(title="Tempered sampling", paper="arXiv:2402.07043, arXiv:2404.02325")

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise PluginError(f"tempered: temperature must be positive, got {self.temperature}.")
        if self.top_k < 0:
            raise PluginError(f"tempered: top_k must be at least 0, got {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise PluginError(f"tempered: top_p must lie in (0, 1], got {self.top_p}.")

    def decoding(self, t: int) -> Decoding:
        return Decoding(self.temperature, self.top_k or None, self.top_p if self.top_p < 1 else None)

    def needs(self) -> frozenset[str]:
        return self.decoding(1).features

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        return synthetic
