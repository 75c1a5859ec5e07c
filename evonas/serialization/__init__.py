"""Serialization: ``arrays`` with a JSON header, and ``files`` that are written atomically and read with checks."""
