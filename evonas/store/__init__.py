"""A run on disk. ``directory``: how it is made; ``reading``, ``run``: an open run, to look at and to write to.

``group``: evaluations that are stored together; ``records``: what a run holds; ``database``: SQLite with
bounds; ``rows``: what was read, checked; ``upgrade``: runs of earlier formats in the present form.
"""

from evonas.store.directory import FORMAT, StoreError, check_absent, create, damaged, of_another, read_info, task_of
from evonas.store.group import Group
from evonas.store.records import ComputeCost, Record, Retraining, RunInfo, SeedSource, TeacherSource, deduplicate, spent
from evonas.store.run import RunStore

__all__ = [
    "FORMAT", "ComputeCost", "Group", "Record", "Retraining", "RunInfo", "RunStore", "SeedSource", "StoreError",
    "TeacherSource", "check_absent", "create", "damaged", "deduplicate", "of_another", "read_info", "spent", "task_of",
]
