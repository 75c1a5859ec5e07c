"""``python -m evonas`` is the command ``evonas``."""

from evonas.cli import main

if __name__ == "__main__":
    main()
