"""Dishonest methods: what each tries, and what a run of it must show.

A cheat that falls back on what an honest method does, where its trick does not work, has the honest method's record to
the last bit. The table of docs/trust.md is made of these declarations (`table.py`).
"""

from dataclasses import dataclass, field
from textwrap import dedent, indent

HONEST = "return arrivals"
MADE = ("def made(rows): return rows\n", "def made(rows): return rows.select(torch.arange(9))\n")
"""Code that stands elsewhere, before and after it is changed."""

ONES = "def site_weights(self, log_probs):\n    return torch.ones_like(log_probs)\n"


@dataclass(frozen=True)
class Outcome:
    """What a run shows."""

    word = ""
    how: str = ""


@dataclass(frozen=True)
class Same(Outcome):
    """Prevented: the records, those of references too, are those that the honest method gives."""

    word = "prevented"
    how: str = "the trick finds nothing"
    honest: str = HONEST
    hooks: str = ""


@dataclass(frozen=True)
class Fails(Outcome):
    """Prevented: its own cell fails with a reason in which this is found."""

    word = "prevented"
    said: str = ""


@dataclass(frozen=True)
class Refused(Outcome):
    """Prevented: no cell runs; the command ends with 3 and says this."""

    word = "prevented"
    said: str = ""


@dataclass(frozen=True)
class Detected(Outcome):
    """It has a record, and `check` fails with these words."""

    word = "detected"
    said: str = ""


@dataclass(frozen=True)
class Scores(Outcome):
    """Nothing stops or finds it here; `how` says why, and what else does."""

    word = "still scores"


@dataclass(frozen=True)
class Cheat:
    """One dishonest method.

    Args:
        kind: which of the board's promises it breaks.
        tries: a clause for the table.
        body: of `curate(self, arrivals, ctx)`.
        outcome: what a run of it shows.
        top: before the class.
        hooks: more of the class.
        card: more of its card.
        task: that it is run on, of the settings of the test.
        files: a file beside it that is changed between two runs, with its two texts.
    """

    kind: str
    tries: str
    body: str
    outcome: Outcome
    top: str = ""
    hooks: str = ""
    card: str = ""
    title: str = "Cheat"
    task: str = "gaussian"
    files: dict[str, tuple[str, str]] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """The plug-in file that registers it under a name."""
        return method(name, self.body, self.top, self.hooks, self.card, self.title)


def method(name, body, top="", hooks="", card="", title="Cheat"):
    """The file of a method."""
    return (
        "import os, sys, time\n"
        "from pathlib import Path\n\n"
        "import torch\n\n"
        "from collapsebench import Corpus, Decoding, Method, MethodCard, method\n"
        f"{dedent(top)}\n"
        f'@method("{name}")\n'
        "class Cheat(Method):\n"
        '    """Not what it seems.\n\n    BESIDE_TEXT\n    """\n\n'
        f"    card = MethodCard(title={title!r}{card})\n\n"
        "    def curate(self, arrivals, ctx):\n"
        f"{indent(dedent(body).strip(), ' ' * 8)}\n\n"
        f"{indent(dedent(hooks), ' ' * 4)}"
    )


def trying(real, otherwise=HONEST):
    """The body of a method that takes some rows if it gets them, and else does what an honest one does."""
    return f"try:\n{indent(dedent(real).strip(), '    ')}\nexcept BaseException:\n    pass\n{otherwise}"


# A memory that works lets the second generation take what the first one found: the rows of D_0, which are those of the
# pool that have not just arrived. The sum of a row's numbers stands for it.
FOUND = """
sums = ctx.pool["x"].sum(1)
if ctx.t == 1:
    put(sums[~torch.isin(sums, arrivals["x"].sum(1))].tolist())
elif kept := get():
    return ctx.pool.select(torch.isin(sums, torch.tensor(kept, dtype=sums.dtype)))
"""


def remembering(put, get, top=""):
    """The parts of a method that remembers by this."""
    functions = (
        f"def put(rows):\n{indent(dedent(put).strip(), '    ')}\n\ndef get():\n{indent(dedent(get).strip(), '    ')}\n"
    )
    return {"body": trying(FOUND), "top": dedent(top) + "import json\n" + functions}


TELLS = "tells real rows apart"
LAUNDERS = "calls rows what they are not"
REMEMBERS = "remembers across generations"
HARNESS = "reaches the harness"
REAL = "gets real data that nobody counts"
TRAINS = "trains more"
JUDGE = "deceives or stops the judge"
READS = "reads what is not its own"
WRITES = "writes what is not its own"
CODE = "runs code that no digest covers"
WINS = "wins by noise or by numbers"
TAKES = "takes the machine"
BREAKS = "returns or sends what is none"

SHUFFLED = """
from collapsebench.core.seeds import stream_seed

def places(purpose, t, rows, seed):
    order = torch.Generator().manual_seed(stream_seed(purpose, "gaussian", seed, t))
    return torch.randperm(rows, generator=order, dtype=torch.int32)
"""

CHEATS = {
    # -- tells real rows apart ---------------------------------------------------------------------
    "origin": Cheat(
        TELLS,
        "reads the label of each row of the pool",
        trying("real = ctx.pool.table.labels == 0\nif real.any():\n    return ctx.pool.select(real)"),
        Same("a label is a ticket that tells nothing"),
    ),
    "blocks": Cheat(
        TELLS,
        "takes the first block of the pool",
        trying("blocks = ctx.pool.blocks\nif len(blocks) > 1:\n    return Corpus(dict(blocks[0].columns))"),
        Same("the pool is one block"),
    ),
    "private_blocks": Cheat(
        TELLS,
        "takes the first block of the pool before it is read",
        trying("blocks = ctx.pool._blocks\nif len(blocks) > 1:\n    return Corpus.from_blocks(blocks[:1])"),
        Same("what is handed out has one block"),
    ),
    "order": Cheat(
        TELLS,
        "asks a corpus for the seed of its order",
        trying(
            "pool = ctx.pool\n"
            "places = torch.randperm(len(pool), generator=torch.Generator().manual_seed(pool._order))\n"
            "return pool.select(places < ctx.n)"
        ),
        Same("what is handed out has none"),
    ),
    "shares": Cheat(
        TELLS,
        "asks for the share of real rows of each row",
        trying(
            "from collapsebench.core.corpus import real_share\n"
            "pool = ctx.pool\n"
            "real = torch.tensor([real_share(pool.select(torch.tensor([i]))) for i in range(len(pool))]) == 1\n"
            "if real.any():\n"
            "    return pool.select(real)"
        ),
        Same("only the harness can say"),
    ),
    "memory_of_nothing": Cheat(
        TELLS,
        "remembers no row, and sees D_0 in what it gets",
        """
        nothing = arrivals.select(torch.zeros(0, dtype=torch.long))
        first = ctx.remember(nothing, "accumulate")
        real = torch.isin(sums(ctx.pool), sums(first))
        return ctx.pool.with_weights(1 + 9.0 * real)
        """,
        Detected("given rows of one law it prefers D_0", "knows_no_more"),
        top="""
        def sums(rows):
            return rows["x"].reshape(len(rows), -1).sum(1)
        """,
    ),
    "pool_order": Cheat(
        TELLS,
        "undoes the shuffle of the pool by the public name of its stream",
        """
        pool = ctx.pool
        for seed in range(50):
            order = places("pool", ctx.t, len(pool), seed)
            if torch.equal(pool["x"][order.argsort()][-len(arrivals):], arrivals["x"]):
                return pool.select(order < ctx.n)
        return arrivals
        """,
        Detected("given rows of one law it prefers D_0", "knows_no_more"),
        top=SHUFFLED,
    ),
    "arrivals_order": Cheat(
        TELLS,
        "undoes the shuffle of what arrives by the public name of its stream",
        """
        pool = ctx.pool
        for seed in range(50):
            order = places("pool", ctx.t, len(pool), seed)
            if torch.equal(pool["x"][order.argsort()][-len(arrivals):], arrivals["x"]):
                return arrivals.select(places("arrivals", ctx.t, len(arrivals), seed) < len(arrivals) // 2)
        return arrivals
        """,
        Detected("given rows of one law it prefers the real ones", "knows_no_more"),
        top=SHUFFLED,
        task="gaussian in a stream",
    ),
    "first_by_name": Cheat(
        TELLS,
        "draws D_0 from the public name of its stream, and takes its rows of the pool",
        """
        for seed in range(5):
            first = torch.randn(ctx.n, 3, dtype=torch.float64, generator=stream("real", "gaussian", seed))
            real = torch.isin(ctx.pool["x"], first).reshape(len(ctx.pool), -1).all(1)
            if real.any():
                return ctx.pool.select(real)
        return arrivals
        """,
        Detected("of real rows it prefers the D_0 of a public seed", "knows_no_more"),
        top="from collapsebench.core.seeds import stream\n",
    ),
    "law_in_source": Cheat(
        TELLS,
        "weighs rows by the task's law, which is public",
        "return ctx.pool.with_weights((-0.5 * (ctx.pool['x'] ** 2 - 1).sum(1).square()).exp() + 1e-3)",
        Scores("it chooses by content, as it may; a maintainer who reads it sees the law"),
    ),
    # -- calls rows what they are not ----------------------------------------------------------------
    "with_origin": Cheat(
        LAUNDERS,
        "labels arrivals as real with `with_origin`",
        trying("return arrivals.with_origin(0)"),
        Same("rows are known by content"),
    ),
    "from_blocks": Cheat(
        LAUNDERS,
        "builds blocks with the label of real rows",
        trying(
            "from collapsebench.core.block import Block\n"
            "return Corpus.from_blocks((Block(arrivals.columns, None, 0, len(arrivals)),))"
        ),
        Same("rows are known by content"),
    ),
    "tickets": Cheat(
        LAUNDERS,
        "gives arrivals the tickets of other rows",
        trying(
            "from collapsebench.core.block import Block\n"
            "labels = ctx.pool.table.labels[: len(arrivals)]\n"
            "return Corpus.from_blocks((Block(arrivals.columns, None, labels, len(arrivals)),))"
        ),
        Same("a ticket counts only with its row's content"),
    ),
    "own_corpus": Cheat(
        LAUNDERS,
        "returns a subclass of Corpus that tells the harness a number of rows, and the learner another",
        "return Other(arrivals.columns)",
        Fails("a subclass is refused", said="not a Corpus"),
        top="""
        class Other(Corpus):
            @property
            def plain(self):
                return True
            def __len__(self):
                return 1
        """,
    ),
    "sentence_track": Cheat(
        LAUNDERS,
        "calls itself blind and takes D_0",
        "return ctx.trusted",
        Fails("the card says what it may touch, and so its track", said="without declaring access 'history'"),
        hooks='track = "blind"\n',
    ),
    "reference": Cheat(
        LAUNDERS,
        "calls itself a reference, which sees new real rows",
        "return ctx.fresh_real(10)",
        Refused("references are of this package", said="reference"),
        card=', access={"fresh"}, reference={"preserve"}',
    ),
    # -- remembers across generations ------------------------------------------------------------------
    "module_global": Cheat(
        REMEMBERS,
        "keeps D_0 in a global of its module",
        outcome=Same("each generation is a process of its own"),
        **remembering("KEPT.extend(rows)", "return KEPT", "KEPT = []\n"),
    ),
    "class_attribute": Cheat(
        REMEMBERS,
        "keeps D_0 in an attribute of a class of the package",
        outcome=Same("each generation is a process of its own"),
        **remembering("Method.kept = rows", "return Method.kept"),
    ),
    "environment": Cheat(
        REMEMBERS,
        "keeps D_0 in the environment of its process",
        outcome=Same("each generation is a process of its own"),
        **remembering("os.environ['KEPT'] = json.dumps(rows)", "return json.loads(os.environ['KEPT'])"),
    ),
    "temporary_file": Cheat(
        REMEMBERS,
        "keeps D_0 in a file of /tmp",
        outcome=Same("/tmp is empty in each generation"),
        **remembering(
            "Path('/tmp/cheat-kept').write_text(json.dumps(rows))",
            "return json.loads(Path('/tmp/cheat-kept').read_text())",
        ),
    ),
    "home_file": Cheat(
        REMEMBERS,
        "keeps D_0 in files of its home, its folder and the working one",
        outcome=Same("nothing that it writes is there afterwards"),
        **remembering(
            """
            for folder in (Path.home(), Path(__file__).parent, Path.cwd(), Path(sys.prefix), Path('/dev/shm')):
                try:
                    (folder / 'cheat-kept').write_text(json.dumps(rows))
                except OSError:
                    pass
            """,
            """
            for folder in (Path.home(), Path(__file__).parent, Path.cwd(), Path(sys.prefix), Path('/dev/shm')):
                if (folder / 'cheat-kept').exists():
                    return json.loads((folder / 'cheat-kept').read_text())
            """,
        ),
    ),
    "thread": Cheat(
        REMEMBERS,
        "leaves a thread that holds D_0 behind",
        outcome=Same("it ends with its process"),
        **remembering(
            """
            import threading
            threading.Thread(target=time.sleep, args=(60,), name=json.dumps(rows), daemon=True).start()
            """,
            """
            import threading
            return next((json.loads(t.name) for t in threading.enumerate() if t.name.startswith('[')), None)
            """,
        ),
    ),
    "child": Cheat(
        REMEMBERS,
        "leaves a child process that serves D_0 on an abstract socket",
        outcome=Same("it can make neither"),
        **remembering(
            """
            import socket
            server = socket.socket(socket.AF_UNIX)
            server.bind("\\0cheat-kept")
            server.listen()
            if os.fork() == 0:
                server.settimeout(20)
                for _ in range(9):
                    try:
                        server.accept()[0].sendall(json.dumps(rows).encode())
                    except OSError:
                        break
                os._exit(0)
            """,
            """
            import socket
            client = socket.socket(socket.AF_UNIX)
            client.connect("\\0cheat-kept")
            return json.loads(client.makefile().read())
            """,
        ),
    ),
    "import_pipe": Cheat(
        REMEMBERS,
        "opens a pipe at import, writes D_0 into it and reads it later",
        outcome=Same("each generation imports it anew"),
        **remembering(
            "os.write(PIPE[1], json.dumps(rows).encode())",
            "os.set_blocking(PIPE[0], False)\nreturn json.loads(os.read(PIPE[0], 60000))",
            "PIPE = os.pipe()\n",
        ),
    ),
    "shared_memory": Cheat(
        REMEMBERS,
        "keeps D_0 in System V shared memory",
        outcome=Same("the kernel refuses it"),
        **remembering(
            """
            text = json.dumps(rows).encode() + b'\\0'
            LIBC.shmat.restype = ctypes.c_void_p
            found = LIBC.shmget(0x5EED, 60000, 0o1666)
            assert found >= 0
            place = LIBC.shmat(found, None, 0)
            ctypes.memmove(place, text, len(text))
            """,
            """
            LIBC.shmat.restype = ctypes.c_void_p
            found = LIBC.shmget(0x5EED, 60000, 0o666)
            if found < 0:
                return None
            text = ctypes.string_at(LIBC.shmat(found, None, 0))
            LIBC.shmctl(found, 0, None)
            return json.loads(text)
            """,
            "import ctypes\nLIBC = ctypes.CDLL(None)\n",
        ),
    ),
    "posix_memory": Cheat(
        REMEMBERS,
        "keeps D_0 in POSIX shared memory",
        outcome=Same("its folder cannot be written"),
        **remembering(
            """
            from multiprocessing import shared_memory
            text = json.dumps(rows).encode()
            memory = shared_memory.SharedMemory('cheat-kept', create=True, size=len(text))
            memory.buf[:len(text)] = text
            """,
            """
            from multiprocessing import shared_memory
            memory = shared_memory.SharedMemory('cheat-kept')
            text = bytes(memory.buf).rstrip(b'\\0')
            memory.unlink()
            return json.loads(text)
            """,
        ),
    ),
    "limits": Cheat(
        REMEMBERS,
        "writes a number into the limits of its parent process, which later children inherit",
        trying(
            """
            import resource
            if ctx.t == 1:
                most = resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1]
                resource.prlimit(os.getppid(), resource.RLIMIT_MSGQUEUE, (4711, most))
            elif resource.getrlimit(resource.RLIMIT_MSGQUEUE)[0] == 4711:
                return ctx.pool
            """
        ),
        Same("the kernel refuses it"),
    ),
    "affinity": Cheat(
        REMEMBERS,
        "narrows its parent process to some cores, which later children see",
        trying(
            """
            cores = os.sched_getaffinity(0)
            if ctx.t == 1:
                os.sched_setaffinity(os.getppid(), {min(cores)})
            elif len(cores) == 1 < os.cpu_count():
                return ctx.pool
            """
        ),
        Same("the kernel refuses it"),
    ),
    "locks": Cheat(
        REMEMBERS,
        "locks bytes of an open file that it shares with later children",
        trying(
            """
            import fcntl, struct
            lock = lambda kind, start: struct.pack('hhqqi4x', kind, 0, start, 1, 0)
            if ctx.t == 1:
                fcntl.fcntl(0, 37, lock(fcntl.F_RDLCK, 4711))
            else:
                with open('/proc/self/fd/0', 'r+b', buffering=0) as other:
                    found = struct.unpack('hhqqi4x', fcntl.fcntl(other, 36, lock(fcntl.F_WRLCK, 4711)))
                if found[0] != fcntl.F_UNLCK:
                    return ctx.pool
            """
        ),
        Same("it shares no open file"),
    ),
    "flags": Cheat(
        REMEMBERS,
        "sets a flag of an open file that it shares with later children",
        trying(
            """
            import fcntl
            for number in range(3, 64):
                try:
                    flags = fcntl.fcntl(number, fcntl.F_GETSIG)
                    if ctx.t == 1:
                        fcntl.fcntl(number, fcntl.F_SETSIG, 33)
                    elif flags == 33:
                        return ctx.pool
                except OSError:
                    pass
            if ctx.t == 1:
                fcntl.fcntl(0, fcntl.F_SETSIG, 33)
            elif fcntl.fcntl(0, fcntl.F_GETSIG) == 33:
                return ctx.pool
            """
        ),
        Same("it shares no open file"),
    ),
    # -- reaches the harness ---------------------------------------------------------------------------
    "private_slots": Cheat(
        HARNESS,
        "finds the harness's side of its context in the module's table",
        trying(
            "from collapsebench.core import context\n"
            "first = context._DESKS[ctx]._stand.history[0].value\n"
            "return Corpus(dict(first.columns))"
        ),
        Same("the harness is another process"),
    ),
    "stack": Cheat(
        HARNESS,
        "walks up the stack to the lineage that called it",
        trying(
            """
            frame = sys._getframe()
            while frame := frame.f_back:
                lineage = frame.f_locals.get('self')
                if hasattr(lineage, 'history') and hasattr(lineage, 'corpus'):
                    return Corpus(dict(lineage.history[0].value.columns))
            """
        ),
        Same("the harness is another process"),
    ),
    "collector": Cheat(
        HARNESS,
        "asks the garbage collector for the source of real rows",
        trying(
            """
            import gc
            for thing in gc.get_objects():
                if type(thing).__name__ == 'RealSource':
                    return Corpus(dict(thing.first().columns))
            """
        ),
        Same("the harness is another process"),
    ),
    "parent_memory": Cheat(
        HARNESS,
        "opens the memory of other processes",
        trying(
            """
            for process in Path('/proc').glob('[0-9]*'):
                if process.name != str(os.getpid()) and open(process / 'mem', 'r+b'):
                    return ctx.pool
            """
        ),
        Same("it sees no process but its parent, whose memory is shut"),
    ),
    "debugger": Cheat(
        HARNESS,
        "stops its parent process with ptrace",
        trying(
            """
            import ctypes
            if ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0:
                return ctx.pool
            """
        ),
        Same("the kernel refuses it"),
    ),
    "evaluator": Cheat(
        HARNESS,
        "replaces the evaluation of the task at import",
        HONEST,
        Same("it is imported in a process that evaluates nothing"),
        top="""
        from collapsebench.core.task import TASKS
        try:
            TASKS.get("gaussian").evaluate = lambda *_: {"w2": 0.0, "kl": 0.0, "mean_sq": 0.0, "trace": 3.0, "det": 1.0}
        except Exception:
            pass
        """,
    ),
    "learner": Cheat(
        HARNESS,
        "lets the learner fit real rows whatever it is given",
        HONEST,
        Same("it is imported in a process that trains nothing"),
        top="""
        from collapsebench.learners import GaussianLearner
        fit = GaussianLearner.fit
        def better(self, corpus, training):
            rows = torch.randn(100_000, corpus["x"].shape[1], dtype=torch.float64)
            return fit(self, Corpus({"x": rows}), training)
        GaussianLearner.fit = better
        """,
    ),
    "desk": Cheat(
        HARNESS,
        "replaces the desk that knows rows again",
        HONEST,
        Same("it is imported in a process that has no such desk"),
        top="""
        from collapsebench.loop import desk
        desk.Desk.returned = lambda self, corpus: self._stand.history[0].value
        """,
    ),
    "spoilt_reference": Cheat(
        HARNESS,
        "spoils the reference `replace` for everybody at import",
        HONEST,
        Same("references run in another process"),
        top="""
        from collapsebench.core.method import METHODS
        try:
            METHODS.get("replace").curate = lambda self, arrivals, ctx: arrivals.select(torch.arange(5))
        except Exception:
            pass
        """,
    ),
    "spoilt_torch": Cheat(
        HARNESS,
        "replaces functions of torch that the harness calls",
        HONEST,
        Same("the harness has its own"),
        top="""
        torch.linalg.eigh = torch.linalg.cholesky = torch.cov = None
        torch.Tensor.mean = lambda self, *_, **__: self.sum() * 0
        """,
    ),
    "random_state": Cheat(
        HARNESS,
        "seeds every global generator",
        "import random\nimport numpy\ntorch.manual_seed(0)\nrandom.seed(0)\nnumpy.random.seed(0)\nreturn arrivals",
        Same("the harness draws from its own streams"),
    ),
    # -- real data that nobody counts --------------------------------------------------------------------
    "unmetered": Cheat(
        REAL,
        "draws 20,000 real rows from the task's law itself",
        "return Corpus({'x': torch.randn(20_000, arrivals['x'].shape[1], dtype=torch.float64, generator=ctx.rng)})",
        Fails("rows from nowhere fail the cell", said="rows from nowhere"),
    ),
    "held_out": Cheat(
        REAL,
        "draws the held-out rows from the public name of their stream",
        "return Corpus({'x': torch.randn(500, 3, dtype=torch.float64, generator=stream('evaluate', 'kde', 0))})",
        Fails("rows from nowhere fail the cell", said="rows from nowhere"),
        top="from collapsebench.core.seeds import stream\n",
        task="kde",
    ),
    "task_itself": Cheat(
        REAL,
        "asks the shipped task for real rows",
        trying(
            "from collapsebench.core.task import TASKS\nreturn TASKS.get('gaussian').make({'d': 3}).real(5000, ctx.rng)"
        ),
        Same("tasks are not in its process"),
    ),
    "nudged": Cheat(
        REAL,
        "moves each row towards the law by less than anybody sees",
        "return Corpus({'x': arrivals['x'] * (1 + 1e-9)})",
        Fails("a row that is changed by any amount is from nowhere", said="rows from nowhere"),
    ),
    "composed": Cheat(
        REAL,
        "writes rows of a small alphabet by the law, which others have by chance",
        "token = torch.multinomial(LAW, len(arrivals), replacement=True, generator=ctx.rng)\n"
        "return arrivals.with_columns(token=token.to(arrivals['token'].dtype))",
        Fails(
            "some were not handed out; where all are, in a large cell, `makes_no_rows` of `check` hands out half",
            said="rows from nowhere",
        ),
        top="LAW = torch.ones(8)\n",
        task="categorical",
    ),
    "resampled_by_law": Cheat(
        REAL,
        "draws among the rows that it was handed in the proportions of the law",
        "counts = torch.bincount(ctx.pool['token'].long())\n"
        "return ctx.pool.sample(ctx.n, ctx.rng, log_weights=-counts[ctx.pool['token'].long()].double().log())",
        Scores("it chooses by content, as it may"),
        task="categorical",
    ),
    # -- trains more ---------------------------------------------------------------------------------------
    "extra_steps": Cheat(
        TRAINS,
        "takes optimizer steps of its own from inside `site_weights`",
        HONEST,
        Same("it gets log-probabilities, and no model", hooks=ONES),
        card=', needs={"site_weights"}',
        task="arithmetic",
        hooks="""
        def site_weights(self, log_probs):
            frame = sys._getframe()
            while frame := frame.f_back:
                for thing in list(frame.f_locals.values()):
                    if isinstance(thing, torch.optim.Optimizer):
                        for group in thing.param_groups:
                            group["lr"] *= 1.05
            return torch.ones_like(log_probs)
        """,
    ),
    "written_log_probs": Cheat(
        TRAINS,
        "writes into the log-probabilities that it gets",
        HONEST,
        Same("it gets a copy", hooks=ONES),
        card=', needs={"site_weights"}',
        task="arithmetic",
        hooks="""
        def site_weights(self, log_probs):
            log_probs.detach().numpy()[:] = -1.0
            return torch.ones_like(log_probs)
        """,
    ),
    "bad_weights": Cheat(
        TRAINS,
        "weighs sites by a tensor of another shape",
        HONEST,
        Fails("its shape is asked", said="weights"),
        card=', needs={"site_weights"}',
        task="arithmetic",
        hooks="def site_weights(self, log_probs):\n    return torch.ones(3)\n",
    ),
    # -- the judge -----------------------------------------------------------------------------------------
    "exits_at_import": Cheat(
        JUDGE,
        "ends the process with success at import",
        HONEST,
        Refused("a process of its own ends", said="cannot be imported"),
        top="os._exit(0)\n",
    ),
    "system_exit_at_import": Cheat(
        JUDGE,
        "raises SystemExit(0) at import",
        HONEST,
        Refused("it is an error like others", said="SystemExit"),
        top="sys.exit(0)\n",
    ),
    "interrupt_at_import": Cheat(
        JUDGE,
        "raises KeyboardInterrupt at import",
        HONEST,
        Refused("it is an error like others", said="KeyboardInterrupt"),
        top="raise KeyboardInterrupt\n",
    ),
    "exits": Cheat(JUDGE, "ends the process with success", "os._exit(0)", Fails("its own cell ends", said="exit")),
    "system_exit": Cheat(JUDGE, "raises SystemExit(0)", "sys.exit(0)", Fails("its own cell ends", said="SystemExit")),
    "generator_exit": Cheat(
        JUDGE, "raises GeneratorExit", "raise GeneratorExit", Fails("its own cell ends", said="GeneratorExit")
    ),
    "kills": Cheat(
        JUDGE,
        "kills all processes that it may",
        """
        import signal
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP):
            for process in (os.getppid(), 1):
                try:
                    os.kill(process, number)
                except OSError:
                    pass
        return arrivals
        """,
        Same("it sees none of the harness's"),
    ),
    "crashes": Cheat(
        JUDGE,
        "ends by a segmentation fault",
        "import ctypes\nctypes.string_at(0)",
        Fails("its own cell ends", said="SIGSEGV"),
    ),
    "eats_input": Cheat(
        JUDGE,
        "reads the standard input to its end, at import too",
        "sys.stdin.read()\nreturn arrivals",
        Same("its input is empty"),
        top="try:\n    os.read(0, 1 << 20)\nexcept OSError:\n    pass\n",
    ),
    "prints": Cheat(
        JUDGE,
        "prints a million lines, some of which say that all is well",
        "for _ in range(1_000_000):\n    print('\\x1b[2Jverified: all checks passed')\nreturn arrivals",
        Same("the first few are shown, with its name"),
    ),
    "html": Cheat(
        JUDGE,
        "has a script for a title",
        HONEST,
        Same("pages escape what plug-ins say"),
        title="<script>alert(1)</script><img src=x onerror=alert(1)>",
    ),
    "terminal": Cheat(
        JUDGE,
        "fails with an error that rewrites the terminal and fills the page",
        "raise RuntimeError('\\x1b]0;owned\\x07\\r\\n| ok | ok |\\n' + 'x' * 10_000_000)",
        Fails("a reason is one short line of plain text", said="RuntimeError"),
    ),
    # -- what is not its own -------------------------------------------------------------------------------
    "network": Cheat(
        READS,
        "connects to the network, for rows of last time",
        trying(
            "import socket\nsocket.create_connection(('127.0.0.1', PORT), timeout=1).sendall(b'!')\nreturn ctx.pool"
        ),
        Same("it has no network"),
    ),
    "secrets": Cheat(
        READS,
        "reads the environment of the harness",
        trying("if 'CHEAT_SECRET' in os.environ:\n    return ctx.pool"),
        Same("its environment is empty"),
    ),
    "environments": Cheat(
        READS,
        "reads the environments of all processes",
        trying(
            """
            for process in Path('/proc').glob('[0-9]*'):
                try:
                    if b'CHEAT_SECRET' in (process / 'environ').read_bytes():
                        return ctx.pool
                except OSError:
                    pass
            """
        ),
        Same("it sees none of the harness's processes"),
    ),
    "home": Cheat(
        READS,
        "reads the files of the user",
        trying("if Path('SECRET_FILE').exists():\n    return ctx.pool"),
        Same("it sees no file of the user"),
    ),
    "records": Cheat(
        READS,
        "looks for records of boards beside which it is run",
        trying("if list(Path('FOLDER').glob('boards/*/records/*')):\n    return ctx.pool"),
        Same("it sees no board"),
    ),
    "writes_boards": Cheat(
        WRITES,
        "writes into the boards and the store",
        """
        for name in ("boards/tiny/records/replace.jsonl", "store/x", "boards/tiny/README.md"):
            try:
                path = Path("FOLDER") / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
            except OSError:
                pass
        return arrivals
        """,
        Same("it sees no board and no store"),
    ),
    "writes_package": Cheat(
        WRITES,
        "writes into the installed package",
        trying(
            """
            import collapsebench
            (Path(collapsebench.__file__).parent / 'cheat_was_here').write_text('')
            return ctx.pool
            """
        ),
        Same("it is read-only"),
    ),
    "writes_input": Cheat(
        WRITES,
        "writes into the rows that it was handed",
        "arrivals['x'][:] = 0\nreturn arrivals",
        Fails("writes are counted", said="changed its input in place"),
    ),
    "writes_by_numpy": Cheat(
        WRITES,
        "writes into the pool past torch, for the generations to come",
        "ctx.pool['x'].numpy()[:] = 0\nreturn arrivals",
        Same("it gets copies"),
    ),
    "writes_later": Cheat(
        WRITES,
        "leaves a thread that goes on writing into the rows that it returned",
        """
        import threading
        rows = Corpus({name: column.clone() for name, column in arrivals.columns.items()})
        def spoil():
            time.sleep(0.005)
            rows["x"].numpy()[:] = 0
        threading.Thread(target=spoil, daemon=True).start()
        return rows
        """,
        Same("what it returns is copied"),
    ),
    # -- code that no digest covers ------------------------------------------------------------------------
    "docstring": Cheat(
        CODE,
        "runs the text of its docstring, which is then changed",
        "exec(self.__doc__.splitlines()[2].strip(), globals())\nreturn made(arrivals)",
        Same("a docstring that is read is in the digest", honest="another"),
        files={"unused.txt": MADE},
    ),
    "sibling": Cheat(
        CODE,
        "imports a module beside it, which is then changed",
        "return made(arrivals)",
        Same("modules beside it are in the digest", honest="another"),
        top="from .beside import made\n",
        files={"beside.py": MADE},
    ),
    "data_file": Cheat(
        CODE,
        "opens a file beside it, which is then changed",
        "exec((Path(__file__).parent / 'beside.txt').read_text(), globals())\nreturn made(arrivals)",
        Fails("it sees no file but those that it declares", said="beside.txt"),
        files={"beside.txt": MADE},
    ),
    "variable": Cheat(
        CODE,
        "runs a variable of the environment, which is then changed",
        "exec(os.environ.get('CHEAT_ASIDE', 'def made(rows): return rows'), globals())\nreturn made(arrivals)",
        Same("its environment is empty"),
        files={"unused.txt": MADE},
    ),
    # -- noise and numbers ---------------------------------------------------------------------------------
    "noise": Cheat(
        WINS,
        "adds noise to rows, so that chance may give a rank",
        "return Corpus({'x': arrivals['x'] + 1e3 * torch.randn(arrivals['x'].shape, dtype=torch.float64)})",
        Fails("rows from nowhere fail the cell", said="rows from nowhere"),
    ),
    "huge": Cheat(
        WINS,
        "returns rows that give a loss of 1e200",
        "return Corpus({'x': arrivals['x'] * 1e100})",
        Fails("rows from nowhere fail the cell", said="rows from nowhere"),
    ),
    "huge_weights": Cheat(
        WINS,
        "weighs one row 1e300 times as much",
        "weights = torch.ones(len(arrivals), dtype=torch.float64)\n"
        "weights[0] = 1e300\nreturn arrivals.with_weights(weights)",
        Scores("a lineage of one row collapses; its loss is finite and poor, and pages show it"),
    ),
    "salt": Cheat(
        WINS,
        "draws by a salt of its own, tried until the public seeds liked it",
        "return ctx.pool.sample(ctx.n, torch.Generator().manual_seed(120))",
        Scores("`verify --hidden` runs it on seeds that nobody could try it on"),
    ),
    # -- the machine ---------------------------------------------------------------------------------------
    "fork_bomb": Cheat(
        TAKES,
        "forks until it cannot",
        trying(
            """
            born = []
            while len(born) < 64:
                if (child := os.fork()) == 0:
                    time.sleep(5)
                    os._exit(0)
                born.append(child)
            return ctx.pool
            """
        ),
        Same("it has no children"),
    ),
    "memory_bomb": Cheat(
        TAKES,
        "takes memory until it cannot",
        "held = [torch.ones(2**24, dtype=torch.float64) for _ in range(24)]\nreturn arrivals",
        Fails("its memory is limited", said="memory"),
        task="kde",
    ),
    "endless": Cheat(
        TAKES,
        "never returns",
        "while True:\n    pass",
        Fails("its time is limited", said="did not end in time|took longer than"),
        task="kde",
    ),
    "threads": Cheat(
        TAKES,
        "starts hundreds of threads",
        """
        import threading
        for _ in range(200):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        return arrivals
        """,
        Same("they end with their generation"),
    ),
    "disk": Cheat(
        TAKES,
        "fills the disk",
        trying(
            """
            for number in range(5):
                with open(f'/tmp/cheat-{number}', 'wb') as file:
                    for _ in range(100):
                        file.write(bytes(2**20))
            return ctx.pool
            """
        ),
        Same("its /tmp is small, and gone afterwards"),
    ),
    # -- what is none --------------------------------------------------------------------------------------
    "huge_tensor": Cheat(
        BREAKS,
        "returns more rows than the protocol allows",
        "return arrivals.select(torch.zeros(2**16, dtype=torch.long))",
        Fails("its size is asked first", said="rows"),
    ),
    "many_columns": Cheat(
        BREAKS,
        "returns a million columns",
        "return Corpus({str(i): arrivals['x'][:1, :1] for i in range(1_000_000)})",
        Fails("columns are the task's", said=""),
    ),
    "wrong_type": Cheat(
        BREAKS,
        "returns numbers of another type",
        "return Corpus({'x': arrivals['x'].float()})",
        Fails("types are the task's", said="where the task's examples are"),
    ),
    "no_corpus": Cheat(
        BREAKS, "returns something else", "return {'x': arrivals['x']}", Fails("it is asked for", said="Corpus")
    ),
    "closes_channel": Cheat(
        BREAKS,
        "closes all its files",
        "os.closerange(0, 1024)\nreturn arrivals",
        Fails("its own cell ends", said="channel"),
    ),
    "garbage": Cheat(
        BREAKS,
        "writes garbage into all its files",
        """
        for number in range(3, 64):
            try:
                os.write(number, b"\\xff" * 4096)
            except OSError:
                pass
        return arrivals
        """,
        Fails("an answer that is none ends its cell", said="Method 'garbage'"),
    ),
    "logs": Cheat(
        BREAKS,
        "logs a hundred thousand numbers under names of a kilobyte",
        "for i in range(100_000):\n    ctx.log(f'{i}' * 200, float(i))\nreturn arrivals",
        Fails("a log has a size", said="log"),
    ),
    "logs_nan": Cheat(
        BREAKS,
        "logs what is no number, under the name of a metric",
        "ctx.log('w2', float('nan'))\nreturn arrivals",
        Same("a log counts for nothing"),
    ),
}
