"""Images that networks of convolutions take, and their sizes inside such networks."""

from __future__ import annotations

from typing import TypeAlias

from evonas.types import Task

#: Height and width.
Size: TypeAlias = tuple[int, int]


def images_of(task: Task, parts: str, *, halvings: int, smallest: int) -> tuple[int, Size]:
    """Channels and size of a task's images.

    Args:
        task: The task.
        parts: What takes them, in the plural, for messages.
        halvings: How often they are halved, for messages.
        smallest: Fewest pixels along either side.

    Raises:
        ValueError: Samples are not images, or images too small to be halved so often.
    """
    if len(task.input_shape) != 3:
        raise ValueError(
            f"{parts} need images of shape (channels, height, width), got samples of shape {task.input_shape}: choose "
            "another space, the neuron space takes any"
        )
    channels, height, width = task.input_shape
    if min(height, width) < smallest:
        raise ValueError(f"images must be at least {smallest} x {smallest} pixels to be halved {halvings} times, got "
                         f"{height} x {width}")
    return channels, (height, width)


def reduced(size: Size, stride: int = 2) -> Size:
    """Size of an image after a convolution with a stride and padding that keeps every pixel."""
    return (size[0] - 1) // stride + 1, (size[1] - 1) // stride + 1
