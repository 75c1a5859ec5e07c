"""A run on disk. ``directory``: how it is made; ``run``: an open run; ``records``, ``blobs``: what it holds."""

from evonas.store.directory import FORMAT, RunInfo, StoreError, check_absent, create, read_info
from evonas.store.records import Record, Retraining, SeedSource, Spent, TeacherSource, each_once, spent
from evonas.store.run import RunStore

__all__ = [
    "FORMAT", "Record", "Retraining", "RunInfo", "RunStore", "SeedSource", "Spent", "StoreError", "TeacherSource",
    "check_absent", "create", "each_once", "read_info", "spent",
]
