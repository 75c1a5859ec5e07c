"""What leaves memory and comes back: ``arrays`` with a JSON header, and ``files``, written whole and read with care."""
