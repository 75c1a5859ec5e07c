"""The configuration of a run.

- ``settings``: every setting with its type, its default and its description
- ``run_config``: settings that are checked together, from a TOML file and the command line
"""

from evonas.config.run_config import OPTIONS, RunConfig, build_config, check_config, option_names

__all__ = ["OPTIONS", "RunConfig", "build_config", "check_config", "option_names"]
