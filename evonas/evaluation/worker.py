"""Program of the processes of :mod:`evonas.evaluation.processes`: reads jobs from a pipe, writes evaluations."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from evonas.evaluation.executor import evaluate_one, one_thread_each


def main(orders: Connection, results: Connection) -> None:
    """Answer every order until the driver ends, and then end at once.

    A job, which is a tuple, is answered by its evaluation, tagged, or by None if it cannot be read; an evaluator by
    whether it can.
    """
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(orders, waiting), daemon=True).start()
    results.send_bytes(b"started")
    evaluator: Any = None
    with one_thread_each():
        while True:
            answer: object = None
            try:
                order = pickle.loads(waiting.get())
            except Exception:  # a class that only the driver can import
                results.send_bytes(pickle.dumps(False if evaluator is None else None))
                continue
            if isinstance(order, tuple):
                job, trial_timeout = order
                answer = evaluate_one(evaluator, job, trial_timeout)
            else:
                evaluator, answer = order, True
            results.send_bytes(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))


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
    main(Connection(orders, writable=False), Connection(results, readable=False))
