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
#: How many times as long trials on tables are at most, and up to how many features in full; less where there are more:
#: networks of few inputs are small, a step of theirs takes microseconds, and few weights need many steps. One dense
#: layer of 32 to 100 neurons had 1 to 12 points more after four times as many steps on tables of 2, 18 and 64 features,
#: and as many on four others. But no more epochs than these: of a hundred samples each takes longer to begin than to
#: learn from.
TABLE_FACTOR, TABLE_FEATURES, TABLE_EPOCHS = 4.0, 64, 400


def default_epochs(
    n_samples: int, batch_size: int, *, epochs: int = EPOCHS, input_shape: tuple[int, ...] | None = None
) -> int:
    """Epochs of a training that is given no number of them.

    A trial of 6 667 samples or more, in batches of at most 66, has :data:`EPOCHS`; on a table of few features
    that is so from 26 667 samples on.

    Args:
        n_samples: In the training set.
        batch_size: Samples a step.
        epochs: Where there are samples enough; a longer training than a trial sees more samples in proportion.
        input_shape: Of a sample; trials on tables, ``(n_features,)``, are longer.
    """
    seen = max(SAMPLES_A_TRIAL, STEPS_A_TRIAL * min(batch_size, n_samples)) * epochs / EPOCHS
    usual = max(epochs, ceil(seen / n_samples))
    if input_shape is None or len(input_shape) != 1:
        return usual
    factor = min(TABLE_FACTOR, max(1.0, TABLE_FACTOR * TABLE_FEATURES / input_shape[0]))
    return max(usual, min(ceil(factor * seen / n_samples), round(TABLE_EPOCHS * epochs / EPOCHS)))
