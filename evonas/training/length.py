"""Default lengths of training: more epochs if the data are few.

A pass over 50 000 samples has 800 steps, over 300 samples 5: in the same few epochs a network has learnt nothing on a
small set.
"""

from __future__ import annotations

from math import ceil

#: Epochs of a trial if there are enough samples; and of a member of a family, which has no parent to begin from.
EPOCHS = 6
MEMBER_EPOCHS = 2 * EPOCHS
#: Epochs of a chosen network that is trained again on all training data, likewise.
RETRAIN_EPOCHS = 20
#: Smallest number of samples that a trial sees, counting repetitions.
SAMPLES_A_TRIAL = 40_000
#: Smallest number of steps of a trial if batches are large.
STEPS_A_TRIAL = 600
#: Largest factor on the length of trials on tables, the number of features up to which it applies in full, and the
#: largest number of epochs. With more features the factor is smaller: networks of few inputs are small, a step takes
#: microseconds, and few weights need many steps. One dense layer of 32 to 100 neurons had 1 to 12 points more after
#: four times as many steps on tables of 2, 18 and 64 features, and no more on four others. The number of epochs is
#: bounded because an epoch of a hundred samples takes longer to start than to run.
TABLE_FACTOR, TABLE_FEATURES, TABLE_EPOCHS = 4.0, 64, 400


def default_epochs(
    n_samples: int, batch_size: int, *, epochs: int = EPOCHS, input_shape: tuple[int, ...] | None = None
) -> int:
    """The number of epochs of a training for which none is given.

    A trial of 6 667 samples or more, in batches of at most 66, has :data:`EPOCHS`; on a table of few features this
    holds from 26 667 samples on.

    Args:
        n_samples: Number of training samples.
        batch_size: Samples per step.
        epochs: Epochs if there are enough samples; a longer training than a trial sees more samples in proportion.
        input_shape: Shape of a sample; trials on tables, ``(n_features,)``, are longer.
    """
    seen = max(SAMPLES_A_TRIAL, STEPS_A_TRIAL * min(batch_size, n_samples)) * epochs / EPOCHS
    usual = max(epochs, ceil(seen / n_samples))
    if input_shape is None or len(input_shape) != 1:
        return usual
    factor = min(TABLE_FACTOR, max(1.0, TABLE_FACTOR * TABLE_FEATURES / input_shape[0]))
    return max(usual, min(ceil(factor * seen / n_samples), round(TABLE_EPOCHS * epochs / EPOCHS)))
