"""One run in a process of its own, ended when its time is over.

A run is a generator function: it yields a dict whenever a part of the work is done, so that
what was done before the end is kept.
"""

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings

BUDGET = "SKMISSDIFF_BENCHMARK_BUDGET"
PEERS_PYTHON = "SKMISSDIFF_BENCHMARK_PEERS_PYTHON"
# Imported once by the server that runs are forked from, which itself computes nothing. So runs
# start quickly, and all of one command run the same code, whatever is edited meanwhile.
PRELOADED = ["docs.benchmarks.imputers", "docs.benchmarks.generators", "skmissdiff._diffusion"]
START_SECONDS = 300
ORPHAN_SECONDS = 60


class NotRun(Exception):
    """A run that cannot be made here; the text is its status."""


def n_threads():
    """Threads of a run: OMP_NUM_THREADS, or as many as there are cores for this process."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def training_seconds():
    """What a method that can train for a given time gets: two fifths of the budget of its run.

    As much is left for its draws, and a fifth for the rest.
    """
    return 0.4 * float(os.environ.get(BUDGET, 300))


def run_limited(function, arguments, budget, peers_python=None):
    """Run ``function(*arguments)`` for ``budget`` seconds at most.

    Parameters
    ----------
    function : generator function at the top of a module
    arguments : tuple
    budget : float
        Seconds.
    peers_python : str or None
        Interpreter of the pinned environment, for the peers that live there.

    Returns
    -------
    status : str
        "ok", "over budget of 300 s", or "failed: " and the error.
    parts : dict
        What the function yielded, put together.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    environment = {BUDGET: f"{budget:g}"}
    if peers_python:
        environment[PEERS_PYTHON] = str(peers_python)
    receiver, sender = context.Pipe(duplex=False)
    # What an ended process cannot remove any more is removed here.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        environment["TMPDIR"] = scratch
        process = context.Process(target=_child, args=(sender, environment, function, arguments))
        process.start()
        sender.close()
        try:
            return _collect(receiver, process, budget)
        finally:
            _end(process)
            receiver.close()


def _collect(receiver, process, budget):
    parts = {}
    deadline = None
    while True:
        wait = START_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())
        if not receiver.poll(wait):
            return f"over budget of {budget:g} s", parts
        try:
            kind, content = receiver.recv()
        except EOFError:
            process.join()
            return f"failed: the process ended with exit code {process.exitcode}", parts
        if kind == "started":
            deadline = time.monotonic() + budget
        elif kind == "part":
            parts.update(content)
        else:
            return content, parts


def _end(process):
    """The process and what it started, such as a worker in the pinned environment."""
    if process.is_alive():
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not become the head of a group yet, or just ended
            process.kill()
    process.join()


def _child(sender, environment, function, arguments):
    os.setsid()
    # Should the command itself be killed, nobody else would end this run.
    signal.alarm(int(float(environment[BUDGET])) + ORPHAN_SECONDS)
    os.environ.pop(PEERS_PYTHON, None)
    os.environ.update(environment)
    tempfile.tempdir = environment["TMPDIR"]
    sender.send(("started", None))
    try:
        # The settings of the peers are their documented ones, converged or not.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for part in function(*arguments):
                sender.send(("part", part))
    except NotRun as reason:
        sender.send(("end", str(reason)))
    except Exception as error:
        traceback.print_exc()
        text = " ".join(str(error).split())
        sender.send(("end", f"failed: {type(error).__name__}: {text[:200]}"))
    else:
        sender.send(("end", "ok"))


class PeakMemory:
    """Largest resident memory since ``start``, above that at the start, in MiB."""

    def start(self):
        try:  # Linux can forget the earlier peak
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass
        self._base = _resident_peak()
        return self

    def stop(self):
        return round(max(0.0, _resident_peak() - self._base), 1)


def _resident_peak():
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)
