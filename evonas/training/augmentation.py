"""Augmentation: images are shifted and mirrored during training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evonas.training.recipe import Recipe


def check_images(shape: tuple[int, ...], recipe: Recipe) -> None:
    """Check that samples are images if a recipe shifts or mirrors them, and that shifts leave a part visible.

    Raises:
        ValueError: Samples are no images, or the shift is too large.
    """
    if (recipe.shift or recipe.flip) and len(shape) != 3:
        raise ValueError(
            f"shift and flip need images (channels, rows, columns), got samples of shape {shape}: leave them out"
        )
    if recipe.shift and recipe.shift >= min(shape[1:]):
        raise ValueError(f"shift must be less than the {shape[1]} x {shape[2]} pixels of an image, got {recipe.shift}")


class Augmentation:
    """The ways in which training shows its images, and which of them it shows when.

    Attributes:
        sources: Which input is seen in the place of each, int32 of shape ``(n_views, n_inputs)``; where an image is
            moved away, its border is repeated. None if images are shown as they are.
    """

    def __init__(self, shape: tuple[int, ...], recipe: Recipe) -> None:
        """Prepare the views of images of the shape (channels, rows, columns); raises as :func:`check_images`."""
        check_images(shape, recipe)
        self.sources: NDArray[np.int32] | None = None
        if not recipe.shift and not recipe.flip:
            return
        inputs = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
        moves = range(-recipe.shift, recipe.shift + 1)
        rows, columns = ([np.clip(np.arange(size) - move, 0, size - 1) for move in moves] for size in shape[1:])
        views = [inputs[:, row[:, None], column] for row, column in product(rows, columns)]
        if recipe.flip:
            views += [view[:, :, ::-1] for view in views]
        self.sources = np.stack([view.reshape(-1) for view in views])

    def drawn(self, n_steps: int, *, seed: int, epoch: int) -> NDArray[np.int32] | None:
        """The view of every step of an epoch, ``(n_steps,)``; None if the only view is the image itself.

        All samples of a batch are seen the same way, so that inputs that lie packed for it are moved as a whole.

        Args:
            n_steps: Steps of the epoch.
            seed: Seed of the training.
            epoch: Number of the epoch, from 0.
        """
        if self.sources is None:
            return None
        return np.random.default_rng([seed, epoch, 1]).integers(len(self.sources), size=n_steps, dtype=np.int32)

    def of_steps(self, n_steps: int, *, seed: int, epoch: int) -> Sequence[NDArray[np.int32] | None]:
        """The views of :meth:`drawn` as rows of ``sources``, or None for each step.

        Args:
            n_steps: Steps of the epoch.
            seed: Seed of the training.
            epoch: Number of the epoch, from 0.
        """
        if self.sources is None:
            return [None] * n_steps
        return list(self.sources[self.drawn(n_steps, seed=seed, epoch=epoch)])
