"""Exported networks at work on this machine: to check them against torch, and to time them.

- ``units``: samples as the files of a data set have them
- ``compiled``: C, where there is a compiler
"""
