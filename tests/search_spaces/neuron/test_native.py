"""The native trainer obeys the contract on every instruction set of the machine."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.neuron.trainer.native import NativeTrainer, available, supported_instruction_sets
from tests.search_spaces.neuron.trainer_contract import TrainerContract

if not available():
    pytest.skip("the native trainer was not built", allow_module_level=True)


class TestNativeTrainer(TrainerContract):
    @pytest.fixture(scope="class", params=supported_instruction_sets())
    @classmethod
    def trainer(cls, request: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EVONAS_ISA", request.param)
            yield NativeTrainer()
