"""What a child of the arm cannot do, tried by one that does nothing else; and what of one is left for the next."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collapsebench import PluginError
from collapsebench.arm.host import GuestError, limits
from collapsebench.testing import Toy, tiny_run

ROOT = Path(__file__).parents[2]

FAILED = (PluginError, GuestError)

ATTEMPTS = {
    "fork": "os.fork()",
    "start a program": "subprocess.run(['true'], check=True)",
    "become a program": "os.execv('/bin/true', ['true'])",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "kill its parent": "os.kill(os.getppid(), 9); time.sleep(0.2); os.kill(os.getppid(), 0); raise OSError",
    "read its parent's memory": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "read its parent's environment": "open(f'/proc/{os.getppid()}/environ').read(1)",
    "trace its parent": "assert libc.ptrace(16, os.getppid(), 0, 0) == 0",
    "keep shared memory": "assert libc.shmget(77, 4096, 0o1600) >= 0",
    "keep a message queue": "assert libc.msgget(77, 0o1600) >= 0",
    "keep a key": "assert libc.syscall(248, b'user', b'k', b'v', 1, -4) >= 0",
    "make a namespace": "assert libc.unshare(0x10000000) == 0",
    "write beside the package": "pathlib.Path(torch.__file__).with_name('mine.py').write_text('')",
    "write into the root": "pathlib.Path('/mine').write_text('')",
    "write into /dev": "pathlib.Path('/dev/mine').write_text('')",
    "write into shared memory": "pathlib.Path('/dev/shm/mine').write_text('')",
    "read the repository": f"pathlib.Path({str(ROOT / 'README.md')!r}).read_text()",
    "read the records": f"next(pathlib.Path({str(ROOT / 'leaderboards')!r}).iterdir())",
    "read the tasks": f"next(pathlib.Path({str(ROOT / 'tasks')!r}).iterdir())",
    "read a file of its user": "open(SOURCE).read()",
    "read the passwords": "open('/etc/shadow').read()",
    "read a secret": "os.environ['SECRET']",
    "read a secret by the process table": "[open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') "
    "if p.isdigit() and int(p) != os.getpid()]",
    "find the harness": "[p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())][0]",
    "read another user's stack": "gc_desk = [o for o in gc.get_objects() if type(o).__module__.startswith("
    "'collapsebench.loop')][0]",
}


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("SECRET", "xyzzy")


@pytest.mark.usefixtures("sandboxed")
def test_what_a_method_cannot_do(guest, tmp_path):
    """All in one visit: each attempt logs whether it succeeded."""
    (tmp_path / "private").write_text("xyzzy")
    before = (
        "import ctypes, gc, os, pathlib, socket, subprocess, time\n"
        f"libc, SOURCE = ctypes.CDLL(None), {str(tmp_path / 'private')!r}"
    )
    attempts = [
        f"try:\n    {attempt}\n    ctx.log('a{number}', 1)\nexcept BaseException:\n    ctx.log('a{number}', 0)"
        for number, attempt in enumerate(ATTEMPTS.values())
    ]
    log = tiny_run(guest("\n".join([*attempts, "return arrivals"]), before), generations=1).records[1].log
    assert len(log) == len(ATTEMPTS)
    succeeded = {what for number, what in enumerate(ATTEMPTS) if log[f"a{number}"]}
    assert succeeded == set()


REMEMBERED = {
    "a global": ("seen = []", "before = len(seen)\nseen.append(1)"),
    "a class": ("import collapsebench", "C = collapsebench.Corpus\nbefore = hasattr(C, 'seen')\nC.seen = 1"),
    "a module": ("import math", "before = hasattr(math, 'seen')\nmath.seen = 1"),
    "a temporary file": (
        "import pathlib, tempfile",
        "p = pathlib.Path(tempfile.gettempdir(), 'seen')\nbefore = p.exists()\np.write_text('')",
    ),
    "its folder's times": (
        "import os",
        "before = os.stat(os.environ['TMPDIR']).st_mtime == 77.0\nos.utime(os.environ['TMPDIR'], (77, 77))",
    ),
    "the environment": ("import os", "before = 'SEEN' in os.environ\nos.environ['SEEN'] = '1'"),
    "its parent's cores": (
        "import os",
        "p = os.getppid()\nbefore = len(os.sched_getaffinity(0)) == 1 < os.cpu_count()\n"
        "try:\n    os.sched_setaffinity(p, {0})\nexcept OSError:\n    pass",
    ),
    "a lock of an open file": (
        "import fcntl, struct",
        "f = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 1, 0)\n"
        "other = open('/dev/null', 'r+b')\n"
        "before = struct.unpack('hhqqi', fcntl.fcntl(other, 36, f))[0] != fcntl.F_UNLCK\n"
        "for d in (0, 1, 2):\n    try:\n        fcntl.fcntl(d, 37, struct.pack('hhqqi', fcntl.F_RDLCK, 0, 0, 1, 0))\n"
        "    except OSError:\n        pass",
    ),
    "a random state": ("", "before = torch.initial_seed() == 5\ntorch.manual_seed(5)"),
}


@pytest.mark.parametrize("where", REMEMBERED)
def test_a_method_remembers_nothing(guest, where):
    before, curate = REMEMBERED[where]
    method = guest(f"{curate}\nctx.log('before', float(before))\nreturn arrivals", before)
    if where == "a global":
        method = guest("before = len(seen)\nseen.append(1)\nctx.log('before', float(before))\nreturn arrivals", before)
    assert [record.log["before"] for record in tiny_run(method, generations=3).records[1:]] == [0, 0, 0]


@pytest.mark.usefixtures("sandboxed")
def test_the_arm_ends_with_its_process():
    script = """
import os, sys
from pathlib import Path
from collapsebench.arm.host import Order, arm, process_id
plugin = {"main": "p.py", "texts": {"p.py": ""}, "files": {}}
arm().ask(Order("P", plugin, "", "describe", []))
print(process_id(), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    process = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{process}").exists() or "Z" in Path(f"/proc/{process}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    os.kill(process, 9)
    pytest.fail("the arm outlives its harness")


BAD = {
    "exits": ("os._exit(0)", "closed its channel"),
    "exits with a code": ("os._exit(3)", "ended its process with exit code 3"),
    "dies": ("os.kill(os.getpid(), 11)", "ended its process by SIGSEGV"),
    "dies by a signal without a name": ("os.kill(os.getpid(), 40)", "ended its process by signal 40"),
    "SystemExit": ("raise SystemExit(0)", "SystemExit: 0"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "an error that cannot be printed": (
        "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E",
        "cannot be printed",
    ),
    "returns no corpus": ("return 7", "returned int, not a Corpus"),
    "another dtype": ("return arrivals.with_columns(x=arrivals['x'].float())", "."),
    "a million columns": ("return Corpus({f'c{i}': torch.zeros(1) for i in range(10**6)})", "."),
    "closes its channel": (
        "os.closerange(3, 100)\ntime.sleep(60)\nreturn arrivals",
        "closed its channel|ended its process",
    ),
    "talks nonsense on its channel": (
        "for d in range(3, 20):\n    try:\n        os.write(d, b'x' * 100)\n    except OSError:\n        pass\n"
        "time.sleep(60)",
        "sent what is no answer",
    ),
    "an empty message": (
        "for d in range(3, 20):\n    try:\n        os.write(d, b'\\0' * 7 + b'\\2' + b'\\0' * 8 + b'{}')\n"
        "    except OSError:\n        pass\ntime.sleep(60)",
        "sent what is no answer",
    ),
    "fills its disk": (
        "with open(os.environ['TMPDIR'] + '/big', 'wb') as f:\n    while True:\n        f.write(b'x' * 2**20)",
        "File too large|No space",
    ),
    "prints without end": ("while True:\n    print('x' * 2**20)", "File too large|No space"),
    "a subclass": ("class Mine(Corpus):\n    pass\nreturn Mine(arrivals.columns)", "not a Corpus"),
    "forks without end": ("while True:\n    os.fork()", "Operation not permitted"),
    "threads without end": (
        "import threading\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
        ".",
    ),
}


@pytest.mark.usefixtures("sandboxed")
@pytest.mark.parametrize("what", BAD)
def test_a_bad_method_fails_by_name_and_reason(guest, what):
    curate, reason = BAD[what]
    method = guest(curate, "import os, time")
    with limits(30, 2**29), pytest.raises(FAILED, match=reason):
        tiny_run(method, generations=1)
    assert tiny_run(guest("return arrivals"), Toy(), generations=1).records[1].real_share == 0  # others go on


def test_a_million_lines_do_no_harm(guest):
    tiny_run(guest("for i in range(10**6):\n    print(i)\nreturn arrivals"), generations=1)


def test_an_endless_loop_ends_in_time(guest):
    method = guest("while True:\n    pass")
    with limits(1.0, 2**30), pytest.raises(FAILED, match="did not end in time"):
        tiny_run(method)


def test_a_memory_bomb_finds_its_limit(guest):
    method = guest("x = [torch.ones(2**24) for _ in range(100)]\nreturn arrivals")
    with limits(60, 2**28), pytest.raises(FAILED, match=r"memory|allocate"):
        tiny_run(method)
