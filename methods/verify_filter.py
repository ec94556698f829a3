import math

from collapsebench import Context, Corpus, Method, MethodCard, Multiple, PluginError, PositiveShare, Share, method


@method("verify_filter")
class VerifyFilter(Method):
    """Train on candidates that a verifier keeps, drawing more until there are n.

    Args:
        phi: P(keep | right); below 1 the verifier also loses right examples.
        psi: P(keep | wrong); above 0 it also lets wrong ones through.
        max_candidates: most candidates judged per generation (S_t and more draws), in multiples of n.
    """

    phi: PositiveShare = 1.0
    psi: Share = 0.0
    max_candidates: Multiple = 4.0

    card = MethodCard(title="Verifier filter", paper="arXiv:2406.07515", access={"verifier"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        most = round(self.max_candidates * ctx.n)
        parts = [synthetic.select(ctx.verify(synthetic))]
        judged, kept = len(synthetic), len(parts[0])
        while kept < ctx.n and judged < most:
            # As many as should do at the rate seen so far; all that is left if nothing was kept yet.
            wanted = math.ceil((ctx.n - kept) * judged / kept) if kept else most
            batch = ctx.model.generate(min(wanted, most - judged))
            parts.append(batch.select(ctx.verify(batch)))
            judged, kept = judged + len(batch), kept + len(parts[-1])
        ctx.log("keep_rate", kept / judged)
        ctx.log("p_star", 1 / (1 + self.psi / self.phi))
        ctx.log("kept", min(kept, ctx.n))
        ctx.log("shortfall", max(0, ctx.n - kept))
        if not kept:
            raise PluginError(
                f"verify_filter: the verifier kept none of {judged} candidates in generation {ctx.t}.",
                "Raise max_candidates, or use a verifier that lets more through (psi > 0).",
            )
        accepted = Corpus.concat(parts)
        return accepted.sample(ctx.n, ctx.rng) if kept > ctx.n else accepted
