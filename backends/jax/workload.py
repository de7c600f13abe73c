"""The official workload object in JAX: a model as pure functions of nested dicts of arrays."""

import functools
import importlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import numpy as jnp

from backends.jax import layers, losses, metrics, placement
from backends.jax.layers import Array, Dropout, Pass
from backends.jax.speech import SpecAugment
from inputs import pipeline, transcripts
from spec import bleu, initialization, parameters
from spec import metrics as spec_metrics
from spec import rng as spec_rng
from spec.interface import ForwardPassMode, LossType, ParameterType, ShapeTuple, WorkloadInterface
from spec.parameter_pb2 import Parameter
from spec.workload_pb2 import CTC_LOSS, TRANSLATION, Precision
from spec.workload_pb2 import Workload as Message

Tree = dict[str, Any]  # nested dict; the path to a leaf, joined by dots, is its canonical name
Batch = dict[str, Any]
Key = Array | np.ndarray  # uint32[2]


class Workload(WorkloadInterface):
    """A workload of the specification on JAX.

    Args:
      message: the resolved workload.
      version: which of its rules apply, for example `v0.6`.
      shared_masks: conformance mode: dropout masks and augmentation inside the model come from the
        specification's generator, as in every backend, instead of JAX's own.
    """

    def __init__(self, message: Message, version: str, *, shared_masks: bool = False):
        super().__init__(message, version)
        placement.configure(message.precision)
        self._keep_mask = shared_keep_mask if shared_masks else own_keep_mask
        self._uniform = shared_uniform if shared_masks else own_uniform
        family = message.model.WhichOneof("family")
        module = importlib.import_module(f"backends.jax.models.{family}")
        self._model = module.Model(getattr(self.message.model, family))
        for name, part in layers.walk(self._model):
            if isinstance(part, Dropout | SpecAugment):
                part.site = name
        self._graph = nnx.graphdef(self._model)

    def inputs_of(self, batch: Batch) -> Any:
        """What the model is called with: the batch's inputs, or the batch where a model needs more."""
        return batch if getattr(self._model, "takes_batch", False) else batch["inputs"]

    def declared_parameters(self) -> list[Parameter]:
        """The model's parameters in the order of its definition, as its modules declare them."""
        return layers.parameters(self._model)

    @functools.cached_property
    def parameters(self) -> list[Parameter]:
        found = self.declared_parameters()
        parameters.check_against_spec(self.message, found)
        return found

    @property
    def param_shapes(self) -> Tree:
        return parameters.unflatten({p.name: ShapeTuple(tuple(p.shape)) for p in self.parameters})

    @property
    def model_params_types(self) -> Tree:
        return parameters.unflatten({p.name: ParameterType(p.type) for p in self.parameters})

    @property
    def initial_state(self) -> dict[str, np.ndarray]:
        """First batch statistics by canonical name."""
        return {
            name: np.full(variable.shape, variable.initial, np.float32)
            for name, variable in layers.walk(self._model)
            if isinstance(variable, nnx.BatchStat)
        }

    def init_model_fn(self, rng: Key) -> tuple[Tree, Tree]:
        """First parameters and model state. `rng` is uint32[2]; equal keys give equal bits in every
        backend.
        """
        seed = spec_rng.seed_of(np.asarray(rng))
        params = {p.name: initialization.initial_value(p, seed) for p in self.parameters}
        return self.import_model(params, self.initial_state)

    def import_model(
        self, params: dict[str, np.ndarray], state: dict[str, np.ndarray]
    ) -> tuple[Tree, Tree]:
        """Parameters and model state from canonical arrays by canonical name."""
        statistics = {"batch_stats": parameters.unflatten(state)} if state else {}
        return (
            placement.place_replicated(parameters.unflatten(params)),
            placement.place_replicated(statistics),
        )

    def export_model(
        self, params: Tree, model_state: Tree
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The inverse of `import_model`; gradients, shaped as parameters, may stand for them."""
        flat = parameters.flatten(jax.device_get(params))
        state = parameters.flatten(jax.device_get(model_state.get("batch_stats", {})))
        return {p.name: flat[p.name] for p in self.parameters}, state

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
        """Logits and the new model state.

        In training a batch norm uses the batch's statistics, whether or not `update_batch_norm`
        lets the running ones move. `dropout_rate` is the workload's own unless given; it may be
        traced.
        """
        train = mode == ForwardPassMode.TRAIN
        how = Pass(
            train=train,
            update_batch_norm=train and update_batch_norm,
            dropout_rate=self.message.dropout_rate if dropout_rate is None else dropout_rate,
            keep_mask=functools.partial(self._keep_mask, rng),
            uniform=functools.partial(self._uniform, rng),
        )
        statistics = model_state.get("batch_stats", {})
        if self.message.precision.compute == Precision.BFLOAT16:
            params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
        model = nnx.merge(self._graph, _state(nnx.Param, params), _state(nnx.BatchStat, statistics))
        logits = model(self.inputs_of(augmented_and_preprocessed_input_batch), how)
        if not how.update_batch_norm or not statistics:
            return logits, model_state
        moved = nnx.to_flat_state(nnx.state(model, nnx.BatchStat))
        flat = {_name(path): variable[...] for path, variable in moved}
        return logits, {"batch_stats": parameters.unflatten(flat)}

    def loss_fn(
        self,
        label_batch: Any,
        logits_batch: Any,
        mask_batch: Array | None = None,
        label_smoothing: float | Array = 0.0,
    ) -> dict[str, Array]:
        """`summed`, `n_valid_examples` and `per_example` loss, over the global batch."""
        per_example = losses.LOSSES[self.message.loss](label_batch, logits_batch, label_smoothing)
        sizes = losses.label_lengths(label_batch) if self.message.loss == CTC_LOSS else None
        return losses.reduced(per_example, mask_batch, sizes)

    def output_activation_fn(self, logits_batch: Array, loss_type: LossType) -> Array:
        """Predictions from logits, by the loss they were trained with."""
        activations = {
            LossType.SOFTMAX_CROSS_ENTROPY: jax.nn.softmax,
            LossType.SIGMOID_CROSS_ENTROPY: jax.nn.sigmoid,
        }
        return activations.get(loss_type, lambda x: x)(logits_batch)

    @functools.cached_property
    def _eval_step(self) -> Callable[[Tree, Tree, Batch, Key], dict[str, Array]]:
        def step(params: Tree, model_state: Tree, batch: Batch, rng: Key) -> dict[str, Array]:
            logits, _ = self.model_fn(
                params, batch, model_state, ForwardPassMode.EVAL, rng, update_batch_norm=False
            )
            loss = losses.LOSSES[self.message.loss](batch["targets"], logits, 0.0)
            return metrics.BATCH_SUMS[self.message.metrics](logits, batch, loss)

        return jax.jit(step)

    def evaluate(
        self, params: Tree, model_state: Tree, rng: Key, batches: Iterable[Batch]
    ) -> dict[str, float]:
        """Metrics of one split. `batches` are this process's, of numpy arrays, and have `weights`."""
        sums = []
        for batch in batches:
            placed = placement.place_batch(batch)
            found: dict[str, Any] = {**self._eval_step(params, model_state, placed, rng)}
            if self.message.metrics == TRANSLATION:
                translations = placement.fetch(self.translate_fn(params, placed))
                whole = placement.fetch({name: placed[name] for name in ("targets", "weights")})
                found |= bleu.batch_counts(translations, whole, *self._language)
            sums.append(found)
        return spec_metrics.from_batches(
            self.message.metrics, transcripts.sums_of(self.message, placement.fetch(sums))
        )

    @functools.cached_property
    def translate_fn(self) -> Callable[[Tree, Batch], Array]:
        """(parameters, batch) -> the translations of a batch's `inputs`, int [B, T]."""
        return jax.jit(
            lambda params, batch: nnx.merge(self._graph, _state(nnx.Param, params)).translate(batch)
        )

    @property
    def _language(self) -> tuple[Callable[[list[int]], str], int]:
        """What makes a sentence of tokens, and the token that ends one."""
        return pipeline.text_of(self.message), self.message.model.transformer_mt.end_token


def own_keep_mask(key: Key, site: str, shape: tuple[int, ...], rate: float | Array) -> Array:
    """A dropout mask from JAX's generator."""
    return jax.random.bernoulli(jax.random.fold_in(key, zlib.crc32(site.encode())), 1 - rate, shape)


def shared_keep_mask(key: Key, site: str, shape: tuple[int, ...], rate: float | Array) -> Array:
    """A dropout mask from the specification's generator: the same in every backend for the same
    key.
    """

    def draw(words: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return spec_rng.keep_mask(spec_rng.dropout_key(np.asarray(words), site), shape, float(rate))

    result = jax.ShapeDtypeStruct(shape, jnp.bool_)
    return jax.pure_callback(draw, result, key, rate, vmap_method="sequential")


def own_uniform(key: Key, site: str, shape: tuple[int, ...]) -> Array:
    """Uniform numbers on [0, 1) from JAX's generator."""
    return jax.random.uniform(jax.random.fold_in(key, zlib.crc32(site.encode())), shape)


def shared_uniform(key: Key, site: str, shape: tuple[int, ...]) -> Array:
    """Uniform numbers on [0, 1) from the specification's generator, the same in every backend."""

    def draw(words: np.ndarray) -> np.ndarray:
        return spec_rng.uniform32(spec_rng.dropout_key(np.asarray(words), site), shape)

    result = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.pure_callback(draw, result, key, vmap_method="sequential")


def _state(variable_type: type[nnx.Variable], tree: Tree) -> Any:
    flat: Any = {
        _path(name): variable_type(value) for name, value in parameters.flatten(tree).items()
    }
    return nnx.from_flat_state(flat)


def _path(name: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in name.split("."))


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))
