from collapsebench import Context, Corpus, Method, MethodCard, method


@method("first_teacher")
class FirstTeacher(Method):
    """Train on new samples of M_0 each generation: recursion of depth one, without a real row."""

    card = MethodCard(title="First teacher", paper="arXiv:2505.08803", access={"history"}, reference={"preserve"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.initial_model.generate(len(arrivals))
