"""Program of the processes of :mod:`evonas.evaluation.processes`: reads jobs from a pipe, writes evaluations."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from evonas.evaluation.processes import OWN_PATH
from evonas.evaluation.trial import evaluate_one, one_thread_each


def main(orders: Connection, results: Connection) -> None:
    """Answer every order until the driver ends, and then end at once.

    A job, which is a tuple, is answered by its evaluation, tagged, or by None if it or its result cannot be sent; an
    evaluator by whether it can be read.
    """
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(orders, waiting), daemon=True).start()
    results.send_bytes(b"started")
    evaluator: Any = None
    while True:
        answer: object = None
        try:
            order = pickle.loads(waiting.get())
            if isinstance(order, tuple):
                job, trial_timeout = order
                with one_thread_each():  # also of what has been imported since the last job
                    answer = evaluate_one(evaluator, job, trial_timeout)
            else:
                evaluator, answer = order, True
            content = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        except Exception:  # a class that only the driver can import, or a result that cannot be sent
            content = pickle.dumps(False if evaluator is None else None)
        results.send_bytes(content)


def _read(orders: Connection, waiting: queue.SimpleQueue[bytes]) -> None:
    """Read while the main thread trains, so that the driver never waits for it; the driver's end ends this process."""
    while True:
        try:
            waiting.put(orders.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


if __name__ == "__main__":
    orders, results = (int(word) for word in sys.argv[1:])
    os.dup2(2, 1)  # what a library prints is no answer
    for end in (orders, results):
        os.set_inheritable(end, False)  # else programs that a trial starts would keep the pipes open
    os.environ.pop("PYTHONPATH")  # it is this program's alone
    if (own := os.environ.pop(OWN_PATH, None)) is not None:
        os.environ["PYTHONPATH"] = own
    main(Connection(orders, writable=False), Connection(results, readable=False))
