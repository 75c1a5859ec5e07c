"""The setting ``preset``: a method as it was published, but for what the user sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.option_models import value_text
from evonas.capabilities.presets import EVOLUTION, HasPresets, Preset, flat, joined
from evonas.config import RunConfig, check_config
from evonas.data.own_files import is_own_file
from evonas.data.samples import Splits
from evonas.space import SearchSpace
from evonas.supernet.published import PUBLISHED
from evonas.supernet.settings import methods_for
from evonas.types import UserError


def presets_of(space: SearchSpace[Any]) -> Mapping[str, Preset]:
    """Presets ``published`` of a space by the method's name: those of supernets if it has one, and its own."""
    own = space.presets if isinstance(space, HasPresets) else {}
    methods = methods_for(space.choices) if isinstance(space, Relaxable) else {}
    engine = {name: preset for name, preset in PUBLISHED.items() if name in methods}
    found: dict[str, Preset] = {**engine, **own}
    for method in engine.keys() & own.keys():
        first, second = engine[method], own[method]
        found[method] = Preset(
            paper=first.paper, link=first.link, settings=joined(first.settings, second.settings),
            validation_share=second.validation_share or first.validation_share,
            remarks=(*first.remarks, *second.remarks),
        )
    return found


def preset_of(config: RunConfig, space: SearchSpace[Any]) -> Preset | None:
    """Preset that the setting ``preset`` of a configuration names; None if it is not set.

    Raises:
        UserError: The method bears no paper's name.
    """
    if config.preset is None:
        return None
    known = presets_of(space)
    method = {"random": config.seeder, "nsga2": EVOLUTION}.get(config.searcher, "")
    if method in known:
        return known[method]
    what = f"the method {method!r}" if config.searcher == "random" else f"the searcher {config.searcher!r}"
    there = f"there are presets of {', '.join(known)}" if known else "there is none of any method"
    raise UserError(f"preset (--preset): expected a method that was published, got {what} in the space "
                    f"{config.space}, of which {there}: choose one of these, or leave the preset out")


def with_preset(config: RunConfig, space: SearchSpace[Any], splits: Splits | None = None) -> RunConfig:
    """The configuration of a new run with its preset's values for all that was not given; raises as :func:`preset_of`.

    Args:
        config: Configuration whose given fields, and only those, count as set by the user.
        space: Made with the given options.
        splits: Samples of which as many are held back as the preset asks for, where the user asks for no number and
            the data are not the user's own; None leaves the number open.
    """
    preset = preset_of(config, space)
    if preset is None:
        return config
    given = config.model_dump(exclude_unset=True)
    settings: Mapping[str, Any] = preset.settings
    if "rungs" in given and given["rungs"] is not None:  # they say how many epochs, too
        settings = {name: value for name, value in settings.items() if name != "epochs"}
    values = joined(settings, given)
    chosen = values.get("n_validation") is not None or values.get("n_train") is not None
    if splits is not None and preset.validation_share is not None and not (chosen or is_own_file(config.dataset)):
        wanted = round(preset.validation_share * (len(splits.train) + len(splits.validation)))
        if wanted != len(splits.validation):
            values["n_validation"] = wanted
    return check_config(values, source="the preset with what was given beside it")


def differences(config: RunConfig, preset: Preset) -> list[str]:
    """Settings in which a run differs from its preset, as ``name = value``, in the order of the preset."""
    kept, wanted = (flat(table) for table in (_plain(config.model_dump()), _plain(preset.settings)))
    return [f"{name} = {value_text(kept.get(name))}" for name, value in wanted.items() if kept.get(name) != value]


def described(config: RunConfig, space: SearchSpace[Any]) -> str | None:
    """Description of a run with a preset, and its differences from that; None without a preset."""
    preset = preset_of(config, space)
    if preset is None:
        return None
    others = differences(config, preset)
    but = f", but for {', '.join(others)}" if others else ""
    where = f", {preset.link}" if preset.link else ""
    return f"as published: {preset.paper}{where}{but}"


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON keeps them."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
