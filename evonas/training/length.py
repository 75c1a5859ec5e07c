"""How long a training is where its length is not given: as many epochs as the data are few.

A pass over 50 000 samples is 800 steps, over 300 samples 5: in the same few epochs a network of a small set has learnt
nothing yet.
"""

from __future__ import annotations

from math import ceil

#: Epochs of a trial where there are samples enough.
EPOCHS = 6
#: Samples that a trial sees at least, each as often as it takes.
SAMPLES_A_TRIAL = 40_000
#: The fewest steps, where batches are large.
STEPS_A_TRIAL = 600


def default_epochs(n_samples: int, batch_size: int, *, epochs: int = EPOCHS) -> int:
    """Epochs of a training that is given no number of them.

    A trial of 6 667 samples or more, in batches of at most 66, has :data:`EPOCHS`.

    Args:
        n_samples: In the training set.
        batch_size: Samples a step.
        epochs: Where there are samples enough; a longer training than a trial sees more samples in proportion.
    """
    seen = max(SAMPLES_A_TRIAL, STEPS_A_TRIAL * min(batch_size, n_samples)) * epochs / EPOCHS
    return max(epochs, ceil(seen / n_samples))
