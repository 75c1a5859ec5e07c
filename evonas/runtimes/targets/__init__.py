"""Targets: devices that networks are built for, and emulators or boards that run them there.

- ``description``: what a target is, in TOML files; those that come with this program are in ``boards``
- ``building``: compiling and linking, with the sources in ``support``; ``elf``: sizes of images
- ``measuring``: figures of a network on a target; ``flash_estimate``: its flash before it is linked;
  ``kept``: files of both that are made once

An image is the exported C, the target's startup code and a harness that runs the network on a few samples. It writes
of each sample a line of numbers with eight hexadecimal digits: steps of the counter, bytes of stack, and the bits of
the outputs.
"""

from evonas.runtimes.targets.building import describe_tools, require_tools
from evonas.runtimes.targets.description import Target, built_in_targets, find_target, find_targets
from evonas.runtimes.targets.flash_estimate import code_bytes
from evonas.runtimes.targets.measuring import Figures, measure_on

__all__ = [
    "Figures", "Target", "built_in_targets", "code_bytes", "describe_tools", "find_target", "find_targets",
    "measure_on", "require_tools",
]
