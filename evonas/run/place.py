"""The place where the trials of a run are evaluated, and the device that they train on, by its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from evonas.config import RunConfig
from evonas.evaluation.executor import Place
from evonas.evaluation.local import Local
from evonas.objectives import Objectives
from evonas.objectives.metrics import HOST_LATENCY
from evonas.training.device import using
from evonas.types import LOCAL_CLUSTER, UserError


@contextmanager
def opened_place(config: RunConfig, objectives: Objectives) -> Iterator[Place]:
    """The place where trials run, which ends, or is left, with the context; its device is in use meanwhile.

    Args:
        config: The configuration, which may name a cluster; else trials run on this machine.
        objectives: The objectives of the run.

    Raises:
        UserError: Dask is not installed, the cluster cannot be reached, has workers of other versions than this
            program, or is to measure the latency of a machine that it is not; or this machine has no such device.
    """
    with _workers(config, objectives) as place, using(config.device):
        yield place


def _workers(config: RunConfig, objectives: Objectives) -> AbstractContextManager[Place]:
    if config.cluster is None:
        return closing(Local(config.jobs))
    try:
        from evonas.evaluation.cluster.place import connected
    except ImportError as error:
        raise UserError(f"cluster: needs Dask ({error}): pip install 'evonas[dask]'") from None
    if HOST_LATENCY in objectives.metrics and not LOCAL_CLUSTER.fullmatch(config.cluster):
        raise UserError(f"cluster: {HOST_LATENCY} is that of one machine, and each worker would measure its own: "
                        f"choose latency_estimate or latency_device, or leave the cluster out")
    return connected(config.cluster)
