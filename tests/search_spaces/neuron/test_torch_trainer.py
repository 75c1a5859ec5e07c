"""The torch trainer obeys the trainer contract with either product."""

from __future__ import annotations

import pytest

from search_spaces.neuron.trainer.base import Trainer
from search_spaces.neuron.trainer.fallback import TorchTrainer
from tests.search_spaces.neuron.trainer_contract import TrainerContract


class TestEmbeddingBag(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        return TorchTrainer("embedding_bag")


class TestDense(TrainerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        return TorchTrainer("dense")
