import math

import torch

from collapsebench import Context, Corpus, Filter, MethodCard, Multiple, PluginError, method


@method("verify_filter")
class VerifyFilter(Filter):
    """Train on all that a verifier keeps of what arrives, and of more draws where that is less than n.

    How good the verifier is, P(keep | right) and P(keep | wrong), is the world's.

    Args:
        memory: what the kept rows are trained with; `accumulate` by default: verified rows alone throw D_0 away and
            forget what a model gets wrong, with D_0 they teach, and the more the longer they are kept.
        max_candidates: most rows judged per generation (A_t and more draws where S_t alone arrives), in multiples of n.
    """

    max_candidates: Multiple = 8.0

    card = MethodCard(title="Verifier filter", paper="arXiv:2406.07515", access={"verifier"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        parts, judged = [arrivals.select(ctx.verify(arrivals))], len(arrivals)
        kept, most = len(parts[0]), round(self.max_candidates * ctx.n)
        while kept < ctx.n and judged < most:
            # As many as should do at the rate seen so far; all that is left if nothing was kept yet.
            wanted = math.ceil((ctx.n - kept) * judged / kept) if kept else most
            pool = ctx.candidates(len(arrivals) + min(wanted, most - judged))
            batch = pool.select(torch.arange(len(arrivals), len(pool)))
            if not len(batch):  # more draws are not of the kind that arrives in this world
                break
            parts.append(batch.select(ctx.verify(batch)))
            judged, kept = judged + len(batch), kept + len(parts[-1])
        ctx.log("keep_rate", kept / judged)
        ctx.log("kept", kept)
        ctx.log("shortfall", max(0, ctx.n - kept))
        if not kept and self.memory == "replace":
            raise PluginError(
                f"verify_filter: the verifier kept none of {judged} candidates in generation {ctx.t}.",
                "Use another memory, or raise max_candidates.",
            )
        return ctx.remember(Corpus.concat(parts), self.memory)
