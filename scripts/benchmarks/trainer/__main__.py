"""Speed of training sparse networks: python -m scripts.benchmarks.trainer --quick --peers --search --memory

Prints ratios to masked dense products under torch, GFLOP/s and shares of the measured peak; ``--help`` lists more.
"""

import typer

from scripts.benchmarks.trainer.command import main

if __name__ == "__main__":  # guard, since worker processes import this file
    typer.run(main)
