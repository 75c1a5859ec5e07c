"""Networks on the device, and what is launched for a step of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import NORM_EPSILON, Norm
from search_spaces.neuron.trainer.cuda import kernels, update_kernels
from search_spaces.neuron.trainer.cuda.problem import Problem, Steps
from search_spaces.neuron.trainer.cuda.structure import Level, Structure

#: Edges of a row at a time, whose activations are loaded as one tile, and warps of a row.
EDGES, WARPS = 4, 1
#: Lanes of a program that sums over edges, and of one that sums over the rows of a group; rows of the latter.
LANES, GROUP_LANES, GROUP_ROWS = 256, 32, 32
#: Parameters of a program that updates them, and members of a group that are summed at a time.
PARAMETERS, MEMBERS = 1024, 128
#: Input rows of a program that copies inputs.
INPUT_ROWS = 16


def lanes_for(batch: int) -> int:
    """Columns of the matrices of activations for a batch: a power of two, or a multiple of :data:`LANES`."""
    return max(8, 1 << (batch - 1).bit_length()) if batch <= LANES else -(-batch // LANES) * LANES


@dataclass(frozen=True, eq=False)
class _Tied:
    """Groups of parameters that share a value, on the device.

    Attributes:
        begin: First member of each group, ``(n_groups + 1,)``.
        member: Parameters, ``(n_members,)``.
    """

    begin: Tensor
    member: Tensor


class Population:
    """Candidates with one structure, their parameters and the state of a step.

    Args:
        structure: The candidates packed together.
        norm: Norm of their hidden layers.
        state: Parameters, first and second moments, ``(3, n_parameters)``; is changed in place.
        lanes: Columns of the activations, see :func:`lanes_for`.
    """

    def __init__(self, structure: Structure, norm: Norm, state: Tensor, lanes: int) -> None:
        self.structure, self.state, self.lanes = structure, state, lanes
        self.affine = norm == "layer-affine"
        self.has_norm = norm != "none"
        device = state.device
        self._input_candidate, self._input_index, self._begin, self._source = (
            torch.from_numpy(array).to(device)
            for array in (structure.input_candidate, structure.input_index, structure.begin, structure.source)
        )
        self._out_begin, self._out_target, self._out_edge, self._kind = (
            torch.from_numpy(array).to(device)
            for array in (structure.out_begin, structure.out_target, structure.out_edge, structure.kind)
        )
        self._row_candidate, self._row_neuron, self._group_begin, self._n_normed = (
            torch.from_numpy(array).to(device)
            for array in (structure.row_candidate, structure.row_neuron, structure.group_begin, structure.n_normed)
        )
        self._candidates = torch.from_numpy(structure.parameter_candidates()).to(device)
        self._runs = tuple(torch.from_numpy(array).to(device) for array in structure.runs())
        n_rows, n_groups = structure.n_rows, len(structure.n_normed)
        self.h = torch.zeros(structure.n_input_rows + n_rows, lanes, device=device)
        self.d = torch.zeros(n_rows, lanes, device=device)
        self._z = torch.zeros(n_rows, lanes, device=device)
        self._scale = torch.zeros(n_groups, lanes, device=device)
        self._mask = torch.zeros(0, device=device)
        self.gradient = torch.zeros(structure.n_parameters, device=device)
        self._factor = torch.ones(len(structure.pieces), device=device)
        self._nothing = torch.zeros(1, device=device)
        self._share = torch.ones_like(self.gradient)  # one over the members of a parameter's group
        self._tied: _Tied | None = None
        self._trained: Tensor | None = None

    def tie(self, groups: Sequence[Ints], frozen: Sequence[NDArray[np.bool_]]) -> None:
        """Say which parameters share a value, and which edges are not trained.

        Args:
            groups: Group of each parameter of each candidate, -1 is none; see
                :func:`search_spaces.neuron.trainer.torch_backend.learner.groups_of`.
            frozen: Edges that stay as they are, of each candidate.
        """
        device, structure = self.state.device, self.structure
        share, members, counts = np.ones(structure.n_parameters, np.float32), [], []
        for own, places in zip(groups, structure.places, strict=True):
            shared = np.flatnonzero(own >= 0)
            if not len(shared):
                continue
            order = shared[np.argsort(own[shared], kind="stable")]
            sizes = np.unique(own[order], return_counts=True)[1]
            members.append(places[order])
            counts.append(sizes)
            share[places[order]] = np.repeat(1 / sizes, sizes)
        if members:
            begin = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int32)
            member = np.concatenate(members).astype(np.int32)
            self._tied = _Tied(torch.from_numpy(begin).to(device), torch.from_numpy(member).to(device))
            self._share.copy_(torch.from_numpy(share))
        if any(mask.any() for mask in frozen):
            trained = np.ones(structure.n_parameters, np.float32)
            for mask, places in zip(frozen, structure.places, strict=True):
                trained[places[: len(mask)][mask]] = 0
            self._trained = torch.from_numpy(trained).to(device)

    @property
    def _edge_blocks(self) -> dict[str, int]:
        """Shapes of programs that sum over the edges of a row."""
        return {"B": self.lanes, "BB": min(self.lanes, LANES), "EB": EDGES}

    @property
    def _group_blocks(self) -> dict[str, int]:
        return {"B": self.lanes, "BB": min(self.lanes, GROUP_LANES), "RB": GROUP_ROWS}

    def _split(self, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views of edge, bias and gain."""
        n_edges, n_rows = self.structure.n_edges, self.structure.n_rows
        return flat[:n_edges], flat[n_edges : n_edges + n_rows], flat[n_edges + n_rows :]

    def forward(self, problem: Problem, steps: Steps) -> None:
        """Activations of the samples of the step."""
        structure, n_candidates = self.structure, len(self.structure.pieces)
        rows, width = structure.n_input_rows, min(self.lanes, LANES)
        n_steps = steps.rates.shape[0]
        threshold, scale = steps.input_dropout or (self._nothing, self._nothing)
        if rows:
            kernels.load_inputs[(-(-rows // INPUT_ROWS), self.lanes // width)](
                problem.x, steps.order, steps.view, self._nothing if steps.sources is None else steps.sources,
                steps.keys, threshold, scale, self._input_candidate, self._input_index, self.h, steps.now, rows,
                steps.stride, problem.n, problem.x.shape[0], n_steps, n_candidates, steps.batch, B=self.lanes,
                BB=width, RB=INPUT_ROWS, VIEWS=steps.sources is not None, DROPOUT=steps.input_dropout is not None,
            )
        masked = steps.hidden_dropout is not None
        if steps.hidden_dropout is not None:
            hidden = structure.levels[-1].first_row
            if not len(self._mask):
                self._mask = torch.ones_like(self.d)
            if hidden:
                kernels.draw_mask[(-(-hidden // INPUT_ROWS), self.lanes // width)](
                    steps.order, steps.keys, *steps.hidden_dropout, self._row_candidate, self._row_neuron, self._mask,
                    steps.now, hidden, steps.stride, problem.n, n_candidates, steps.batch, B=self.lanes, BB=width,
                    RB=INPUT_ROWS,
                )
        edge, bias, gain = self._split(self.state[0])
        for level in structure.levels:
            self._weigh(level, edge, bias, masked=masked and level is not structure.levels[-1])
            if self.has_norm and level is not structure.levels[-1]:
                self._normalise(level, bias, gain, masked=masked)

    def _weigh(self, level: Level, edge: Tensor, bias: Tensor, *, masked: bool) -> None:
        grid = level.n_rows, self.lanes // min(self.lanes, LANES)
        kernels.weigh[grid](
            self._begin, self._source, edge, bias, self._kind, self.h, self._z, self._mask, level.first_row,
            self.structure.n_input_rows, **self._edge_blocks, AFFINE=self.affine, MASKED=masked, num_warps=WARPS,
        )

    def _normalise(self, level: Level, bias: Tensor, gain: Tensor, *, masked: bool) -> None:
        grid = level.n_groups, self.lanes // min(self.lanes, GROUP_LANES)
        kernels.normalise[grid](
            self._group_begin, self._n_normed, bias, gain, self._kind, self._z, self._scale, self.h, self._mask,
            level.first_group, self.structure.n_input_rows, NORM_EPSILON, **self._group_blocks, AFFINE=self.affine,
            MASKED=masked,
        )

    def backward(self, problem: Problem, steps: Steps, *, divisor: int = 0) -> None:
        """Add the losses of the step to ``steps.loss``, and compute the gradients of all parameters.

        Args:
            problem: The samples.
            steps: The step.
            divisor: Gradients are divided by it; 0 is the number of samples of the step.
        """
        structure = self.structure
        outputs = structure.levels[-1]
        n_outputs = structure.pieces[0].genotype.n_outputs
        kernels.lose[(len(structure.pieces),)](
            self.h, self.d, problem.target, self._nothing if problem.teacher is None else problem.teacher,
            self._nothing if problem.weight is None else problem.weight, steps.order, steps.smoothing,
            steps.teacher_weight, steps.loss, steps.now, outputs.first_row, structure.n_input_rows, steps.stride,
            problem.n, steps.batch, divisor, K=n_outputs, KB=max(2, 1 << (n_outputs - 1).bit_length()), B=self.lanes,
            BB=min(self.lanes, GROUP_LANES), CLASSES=problem.is_classification, TAUGHT=problem.teacher is not None,
            WEIGHTED=problem.weight is not None,
        )
        edge, _, gain = self._split(self.state[0])
        of_edge, of_bias, of_gain = self._split(self.gradient)
        for level in reversed(structure.levels[:-1]):
            kernels.pull[(level.n_rows,)](
                self._out_begin, self._out_target, self._out_edge, edge, gain, self._kind, self.h, self._z, self.d,
                self._mask, of_bias, of_gain, level.first_row, structure.n_input_rows, **self._edge_blocks,
                AFFINE=self.affine, MASKED=steps.hidden_dropout is not None, num_warps=WARPS,
            )
            if self.has_norm:
                kernels.spread[(level.n_groups, self.lanes // min(self.lanes, GROUP_LANES))](
                    self._group_begin, self._n_normed, self._kind, self._z, self._scale, self.d, level.first_group,
                    **self._group_blocks,
                )
        kernels.edge_gradients[(structure.n_rows,)](
            self._begin, self._source, self._kind, self.h, self.d, of_edge, of_bias, **self._edge_blocks,
            AFFINE=self.affine, num_warps=WARPS,
        )

    def update(self, steps: Steps) -> None:
        """Update the parameters with their gradients, and count the step."""
        n, n_candidates = self.structure.n_parameters, len(self.structure.pieces)
        if self._trained is not None:
            self.gradient.mul_(self._trained)
        if self._tied is not None:
            n_groups = len(self._tied.begin) - 1
            update_kernels.share_gradients[(n_groups,)](self._tied.begin, self._tied.member, self.gradient, MB=MEMBERS)
        if steps.clip_norm is not None:
            update_kernels.clip[(n_candidates,)](
                *self._runs, self.gradient, self._share, steps.clip_norm, self._factor, PB=PARAMETERS
            )
        parameter, first, second = self.state
        update_kernels.adam[(-(-n // PARAMETERS),)](
            parameter, first, second, self.gradient, self._candidates, steps.rates, self._factor,
            self._nothing if self._trained is None else self._trained, steps.now, self.structure.n_edges, n,
            n_candidates, PB=PARAMETERS, CLIPPED=steps.clip_norm is not None, FROZEN=self._trained is not None,
        )
        steps.now.add_(1)

    def outputs(self, n: int) -> Tensor:
        """Outputs of all candidates for the first ``n`` lanes, ``(n_candidates, n_outputs, n)``; a view."""
        first = self.structure.n_input_rows + self.structure.levels[-1].first_row
        return self.h[first:].view(len(self.structure.pieces), -1, self.lanes)[:, :, :n]

    def own_parameters(self, flat: Tensor) -> list[Floats]:
        """Values of flat packed parameters for each candidate in its own order."""
        values = flat.cpu().numpy()
        return [values[places] for places in self.structure.places]
