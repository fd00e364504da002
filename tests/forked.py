"""Processes that begin with torch and fitdash imported: forked from one that has nothing else to do.

A process of its own costs some five seconds of processor time to import what it needs, a forked one a tenth. Each is
a process like any other: it has its own memory, can be killed and waited for, and ends with its own exit status, or
with the process that runs tests. `python -m tests.forked` is what they are forked from; each process that runs tests
starts its own, at first use.
"""

import atexit
import ctypes
import gc
import importlib
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORTS = ("torch", "torch._dynamo", "pandas", "sklearn.datasets", "optuna", "streamlit.web.cli", "fitdash.jobs.build")
"""Nothing of `fitdash.ui`: that a server imports its pages at the first visit is tested."""
END_WITH_PARENT, ADOPT = 1, 36  # of prctl
NEEDED = {"args", "cwd", "env", "p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"}
START = inspect.signature(getattr(subprocess.Popen, "_execute_child", lambda: None))
CAN_FORK = sys.platform == "linux" and set(START.parameters) >= NEEDED
"""Else processes start as they do for users."""
LONGEST = 1 << 20


class Forked(subprocess.Popen):
    """`subprocess.Popen` of this Python; understands `-m`, `-c`, `-W error` and a file, a folder and an environment."""

    def _execute_child(self, *values):
        """As the inherited one, with the parent's and the child's ends of the pipes among the arguments."""
        given = START.bind(self, *values).arguments
        args = given["args"]
        assert args[0] == sys.executable
        environment = os.environ if given["env"] is None else given["env"]
        ends = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
        files = [place if end == -1 else end for place, end in enumerate(ends)]
        order = {
            "arguments": [str(one) for one in args[1:]],
            "folder": str(given["cwd"] or Path.cwd()),
            "environment": {str(name): str(value) for name, value in environment.items()},
            "leads": given.get("start_new_session", False),
        }
        server = _server()
        socket.send_fds(server, [json.dumps(order).encode()], files)
        self.pid = int(server.recv(64))
        self._child_created = True
        for own, end in zip(("p2cwrite", "c2pread", "errread"), ends, strict=True):
            if given[own] != -1:
                os.close(end)
        if getattr(self, "_devnull", None) is not None:
            os.close(self._devnull)


class Processes:
    """What a module that starts processes takes for `subprocess`."""

    PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired
    Popen = Forked if CAN_FORK else subprocess.Popen

    @classmethod
    def run(cls, args, *, check=False, capture_output=False, timeout=None, **settings):
        """As `subprocess.run`."""
        if capture_output:
            settings |= {"stdout": cls.PIPE, "stderr": cls.PIPE}
        with cls.Popen(args, **settings) as process:
            said = process.communicate(timeout=timeout)
        done = subprocess.CompletedProcess(args, process.returncode, *said)
        if check:
            done.check_returncode()
        return done


@cache
def _server():
    """The way to the process that forks; it ends with this one."""
    # What it forks is then a child of this process, which can wait for it.
    _prctl(ADOPT, 1)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (here, there):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(there.fileno())],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        pass_fds=[there.fileno()],
        start_new_session=True,
    )
    there.close()

    def end():
        here.close()
        process.wait()

    atexit.register(end)
    return here


def _prctl(what, value):
    ctypes.CDLL("libc.so.6").prctl(what, value)


def _forks(way):
    """Fork what is ordered; gives the order in the process that is to carry it out."""
    while True:
        said, files, *_ = socket.recv_fds(way, LONGEST, 3)
        if not said:
            os._exit(0)
        between = os.fork()
        if not between:
            # The first of the two ends at once, so that the second belongs to the process that runs tests.
            between = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == between:
                os.sched_yield()
            _prctl(END_WITH_PARENT, signal.SIGKILL)
            way.send(str(os.getpid()).encode())
            way.close()
            for place, file in enumerate(files):
                os.dup2(file, place)
            os.closerange(3, max(files) + 1)
            return json.loads(said)
        os.waitpid(between, 0)
        for file in files:
            os.close(file)


def _begin(order, usual):
    """Become that process: its session, folder, environment and what Python makes of them at its start.

    Args:
        usual: Filters of warnings that Python begins with, where it is not told that warnings are errors.
    """
    if order["leads"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    search = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = dict.fromkeys([*filter(None, search), *sys.path])
    arguments = order["arguments"]
    sys.orig_argv = [sys.executable, *arguments]
    with suppress(ImportError):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")
    if arguments[:2] == ["-W", "error"] or os.environ.get("PYTHONWARNINGS") == "error":
        warnings.filters[:] = [one for one in warnings.filters if one not in usual]
        warnings.simplefilter("error", append=True)
    return arguments[2:] if arguments[0] == "-W" else arguments


def main():
    """Import, then fork what is ordered, and carry it out in the forked process."""
    usual = list(warnings.filters)
    for name in IMPORTS:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    kind, *arguments = _begin(_forks(socket.socket(fileno=int(sys.argv[1]))), usual)
    if kind == "-m":
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *arguments[1:]]
        space = sys.modules["__main__"].__dict__
        exec(compile(arguments[0], "<string>", "exec"), {name: space[name] for name in ("__name__", "__builtins__")})
    else:
        sys.argv = [kind, *arguments]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    main()
