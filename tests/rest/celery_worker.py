"""A worker of Celery that forks, with the tasks of the recipe: ``python -m tests.rest.celery_worker DIRECTORY``.

The recipe's client is used before the worker forks, four tasks are sent, and the worker ends when they have run. The
broker is a folder; in another one, ``ran``, each task leaves a file named after its process, as the worker does first.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path

from celery import signals

from examples.recipes.celery_tasks import announce, app, client

TASKS = 4


def main(directory: Path) -> None:
    """Send, work, end."""
    _configure(directory)
    ran, numbers = directory / "ran", itertools.count()

    def note(**_: object) -> None:
        (ran / f"{os.getpid()}-{next(numbers)}").touch()

    note()
    signals.task_success.connect(note, weak=False)
    client.conversations.v1.conversations("orders").messages.create(author="shop", body="before the fork")
    for number in range(TASKS):
        announce.delay("orders", f"task {number}", order=number)
    threading.Thread(target=_end, args=(ran,), daemon=True).start()
    app.Worker(pool="prefork", concurrency=1, loglevel="WARNING", quiet=True).start()


def _configure(directory: Path) -> None:
    for name in ("control", "processed", "queue", "ran"):
        (directory / name).mkdir()
    app.conf.update(
        broker_url="filesystem://",
        broker_transport_options={
            "data_folder_in": str(directory / "queue"),
            "data_folder_out": str(directory / "queue"),
            "processed_folder": str(directory / "processed"),
            "control_folder": str(directory / "control"),
            "polling_interval": 0.05,
        },
        worker_enable_remote_control=False,
    )


def _end(ran: Path) -> None:
    """Wait for all tasks, then end the worker."""
    while len(list(ran.iterdir())) <= TASKS:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
