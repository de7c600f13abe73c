"""A workload on JAX as published submissions see it.

Parameters and model state carry their official names, which some algorithms classify them by, and
have their official shapes. In the layout of v0.5, for submissions that call `jax.pmap`, arrays have
a leading axis of devices: parameters, state and everything made of them stand there once for each,
batches are split along it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from flax import jax_utils

from backends.jax import placement, run, workload
from backends.jax.layers import Array
from backends.jax.workload import Key, Tree
from harness.backend import Batch
from spec import parameters
from spec.interface import ForwardPassMode, ParameterType, ShapeTuple
from spec.official import arrays
from spec.workload_pb2 import Workload as Message

Forms = dict[str, tuple[str, tuple[int, ...]]]  # by name: another name and another shape


class Workload(workload.Workload):
    """The backend's workload with official names.

    Attributes:
      default_dropout_rate: of a pass for which a submission names none; None for the workload's own.
    """

    default_dropout_rate: float | None = None

    def __init__(self, message: Message, version: str, *, has_device_axis: bool):
        super().__init__(message, version)
        self._has_device_axis = has_device_axis
        self._official: Forms = {}
        self._canonical: Forms = {}
        for tensors in arrays.official_tensors(message.model, self.parameters, "jax"):
            (path,), (part,) = tensors.names, tensors.parts
            is_statistic = path.startswith("batch_stats/")
            ours = f"batch_stats.{part.name}" if is_statistic else part.name
            theirs = path.replace("/", ".")
            self._official[ours] = theirs, tensors.shape
            self._canonical[theirs] = ours, tuple(part.shape)

    @property
    def param_shapes(self) -> Tree:
        forms = [self._official[p.name] for p in self.parameters]
        return parameters.unflatten({name: ShapeTuple(shape) for name, shape in forms})

    @property
    def model_params_types(self) -> Tree:
        types = {self._official[p.name][0]: ParameterType(p.type) for p in self.parameters}
        return parameters.unflatten(types)

    def is_output_params(self, name: str) -> bool:
        ours, _ = self._canonical.get(name.replace("/", "."), (name, ()))
        return super().is_output_params(ours)

    def import_model(
        self, params: dict[str, np.ndarray], state: dict[str, np.ndarray]
    ) -> tuple[Tree, Tree]:
        trees = tuple(
            _in_form(tree, self._official) for tree in super().import_model(params, state)
        )
        named, statistics = jax_utils.replicate(trees) if self._has_device_axis else trees
        return named, statistics

    def export_model(
        self, params: Tree, model_state: Tree
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        return super().export_model(*self.canonical(params, model_state))

    def canonical(self, params: Tree, model_state: Tree) -> tuple[Tree, Tree]:
        """Parameters and model state as the backend knows them, with no axis of devices.

        Devices hold the same parameters. Each has seen other batches, so the mean of their batch
        statistics is taken, as officially before an evaluation.
        """
        if self._has_device_axis:
            params = jax.tree.map(lambda x: x[0], params)
            model_state = jax.tree.map(lambda x: x.mean(0), model_state)
        return _in_form(params, self._canonical), _in_form(model_state, self._canonical)

    def model_fn(
        self,
        params: Tree,
        augmented_and_preprocessed_input_batch: Batch,
        model_state: Tree,
        mode: ForwardPassMode,
        rng: Key,
        update_batch_norm: bool,
        dropout_rate: float | Array | None = None,
    ) -> tuple[Array, Tree]:
        logits, new_state = super().model_fn(
            _in_form(params, self._canonical),
            augmented_and_preprocessed_input_batch,
            _in_form(model_state, self._canonical),
            mode,
            rng,
            update_batch_norm,
            self.default_dropout_rate if dropout_rate is None else dropout_rate,
        )
        return logits, _in_form(new_state, self._official)


class Backend(run.Backend):
    """The backend with such a workload. Evaluation is the backend's own."""

    def __init__(self, message: Message, version: str, *, has_device_axis: bool):
        if has_device_axis and jax.process_count() > 1:
            raise ValueError(f"jax.pmap is for one process here, not {jax.process_count()}")
        super().__init__(message, version)
        self.workload: Workload = Workload(message, version, has_device_axis=has_device_axis)
        self._has_device_axis = has_device_axis

    def place(self, batch: Batch) -> Any:
        if self._has_device_axis:
            batch = jax.tree.map(self._by_device, batch)
        return placement.place_batch(batch)

    def commit(self, optimizer_state: Any) -> Any:
        """In the layout of v0.5 `jax.pmap` puts arrays where it wants them."""
        return optimizer_state if self._has_device_axis else super().commit(optimizer_state)

    def _by_device(self, array: np.ndarray) -> np.ndarray:
        """[B, ...] -> [devices, B / devices, ...]."""
        return array.reshape(self.num_devices, -1, *array.shape[1:])

    def evaluate(
        self, params: Any, model_state: Any, rng: Any, batches: Iterable[Batch]
    ) -> Mapping[str, float]:
        params, model_state = self.workload.canonical(params, model_state)
        return super().evaluate(params, model_state, rng, batches)


def _in_form(tree: Tree, forms: Forms) -> Tree:
    """The arrays of a tree under other names, in other shapes."""
    flat = {
        forms[name][0]: array.reshape(forms[name][1])
        for name, array in parameters.flatten(tree).items()
    }
    return parameters.unflatten(flat)
