"""Serialization: ``arrays`` with a JSON header, ``files`` that are written atomically and read with checks, and
``renamed``, the former names in what users type and runs store.
"""
