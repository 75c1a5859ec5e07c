"""Serialization: ``arrays`` with a JSON header, ``files`` that are written atomically and read with checks, ``toml``
of users, and ``renamed``, the former names in what users type and runs store.
"""
