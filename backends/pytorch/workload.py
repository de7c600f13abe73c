"""The official workload object in PyTorch: a module as parameter container."""

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backends.pytorch import layers, losses, metrics, placement
from backends.pytorch.layers import BatchNorm, Dropout, Pass
from backends.pytorch.replica import Replica
from backends.pytorch.speech import SpecAugment
from inputs import pipeline, transcripts
from spec import bleu, initialization, parameters
from spec import metrics as spec_metrics
from spec import rng as spec_rng
from spec.interface import ForwardPassMode, LossType, ParameterType, ShapeTuple, WorkloadInterface
from spec.layouts import stacked, to_canonical, to_torch_layout, torch_shape, unstacked
from spec.parameter_pb2 import Parameter
from spec.workload_pb2 import CTC_LOSS, TRANSLATION, Precision
from spec.workload_pb2 import Workload as Message

Batch = dict[str, Any]


class Workload(WorkloadInterface):
    """A workload of the specification on PyTorch.

    Args:
      message: the resolved workload.
      version: which of its rules apply, for example `v0.6`.
      shared_masks: conformance mode: dropout masks and augmentation inside the model come from the
        specification's generator, as in every backend, instead of PyTorch's own.
    """

    def __init__(self, message: Message, version: str, *, shared_masks: bool = False):
        super().__init__(message, version)
        placement.configure(message.precision)
        self._keep_mask = shared_keep_mask if shared_masks else None
        self._uniform = shared_uniform if shared_masks else None
        family = message.model.WhichOneof("family")
        self._module = importlib.import_module(f"backends.pytorch.models.{family}")
        self._config = getattr(self.message.model, family)

    def abstract_model(self) -> nn.Module:
        """The model on the meta device: shapes and no values."""
        with torch.device("meta"):
            model = self._module.Model(self._config)
        for name, part in model.named_modules():
            if isinstance(part, Dropout | SpecAugment):
                part.site = name
        return model

    def inputs_of(self, batch: Batch) -> Any:
        """What the model is called with: the batch's inputs, or the batch where a model needs more."""
        return batch if getattr(self._module.Model, "takes_batch", False) else batch["inputs"]

    def dropout_sites(self) -> list[str]:
        """Names of the places where activations are dropped."""
        modules = self.abstract_model().modules()
        return [part.site for part in modules if isinstance(part, Dropout)]

    def declared_parameters(self) -> list[Parameter]:
        """The model's parameters in the order of its definition, as its modules declare them."""
        return layers.parameters(self.abstract_model())

    @functools.cached_property
    def parameters(self) -> list[Parameter]:
        found = self.declared_parameters()
        parameters.check_against_spec(self.message, found)
        return found

    @functools.cached_property
    def parameters_by_tensor(self) -> dict[str, list[Parameter]]:
        """The parameters that stand in each of PyTorch's tensors, by its name, one behind the other
        along its first axis: 4 of one shape in those of an LSTM, otherwise 1.
        """
        result: dict[str, list[Parameter]] = {}
        walked = layers.walk(self.abstract_model())
        for (_, torch_name, _), parameter in zip(walked, self.parameters, strict=True):
            result.setdefault(torch_name, []).append(parameter)
        return result

    @property
    def param_shapes(self) -> dict[str, ShapeTuple]:
        return {name: ShapeTuple(torch_shape(*p)) for name, p in self.parameters_by_tensor.items()}

    @property
    def model_params_types(self) -> dict[str, ParameterType]:
        return {name: ParameterType(p[0].type) for name, p in self.parameters_by_tensor.items()}

    @property
    def initial_state(self) -> dict[str, np.ndarray]:
        """First batch statistics by canonical name."""
        state = {}
        for name, part in self.abstract_model().named_modules():
            if isinstance(part, BatchNorm):
                state[f"{name}.mean"] = np.zeros(part.num_features, np.float32)
                state[f"{name}.var"] = np.ones(part.num_features, np.float32)
        return state

    def init_model_fn(self, rng: np.ndarray) -> tuple[nn.Module, None]:
        """The model with its first values. `rng` is uint32[2]; equal keys give equal bits in every
        backend.

        Seeds PyTorch's own generator too, which dropout draws from, on each rank with another seed.
        """
        seed = spec_rng.seed_of(rng)
        torch.manual_seed((seed + placement.rank()) % 2**64)
        params = {p.name: initialization.initial_value(p, seed) for p in self.parameters}
        return self.import_model(params, self.initial_state)

    def import_model(
        self, params: dict[str, np.ndarray], state: dict[str, np.ndarray]
    ) -> tuple[nn.Module, None]:
        """The model from canonical arrays by canonical name.

        Where the workload says so torch.compile compiles it, on a GPU, with its first pass. With shared
        masks, which are NumPy's, it does not.
        """
        model = self.abstract_model().to_empty(device=placement.device())
        _set_constants(model)
        self.fill_model(model, params, state)
        held = Replica(model) if placement.num_ranks() > 1 else model
        if self.message.torch_compile and not self._keep_mask:
            held.compile()
        return held, None

    def fill_model(
        self, model: nn.Module, params: dict[str, np.ndarray], state: dict[str, np.ndarray]
    ) -> None:
        """Writes canonical arrays by canonical name into the model's tensors."""
        tensors = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in self.import_gradients(params).items():
                tensors[name].copy_(value)
            for name, part in model.named_modules():
                if isinstance(part, BatchNorm):
                    part.running_mean.copy_(as_tensor(state[f"{name}.mean"]))
                    part.running_var.copy_(as_tensor(state[f"{name}.var"]))
                    part.num_batches_tracked.zero_()

    def with_own_modules(self, params: nn.Module) -> nn.Module:
        """A model of new modules with the tensors of `params`: hooks and methods that somebody put on
        those modules have no part in it.
        """
        model = self.abstract_model()
        tensors = {**dict(params.named_parameters()), **dict(params.named_buffers())}
        model.load_state_dict({name: tensors[name] for name in model.state_dict()}, assign=True)
        _set_constants(model)
        return model

    def export_model(
        self, params: nn.Module, model_state: None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The inverse of `import_model`."""
        return self._canonical(dict(params.named_parameters())), self.export_statistics(params)

    def export_statistics(self, params: nn.Module) -> dict[str, np.ndarray]:
        """The batch statistics that stand in the module, by canonical name."""
        state = {}
        for name, part in params.named_modules():
            if isinstance(part, BatchNorm):
                state[f"{name}.mean"] = as_array(part.running_mean)
                state[f"{name}.var"] = as_array(part.running_var)
        return state

    def import_gradients(self, gradients: dict[str, np.ndarray]) -> dict[str, Tensor]:
        """Tensors on the host by PyTorch's name, from canonical arrays shaped as the parameters."""
        return {
            name: as_tensor(
                stacked([to_torch_layout(part, gradients[part.name]) for part in parts])
            )
            for name, parts in self.parameters_by_tensor.items()
        }

    def export_gradients(self, params: nn.Module) -> dict[str, np.ndarray]:
        """The gradients that stand in the parameters, by canonical name."""
        return self._canonical({name: p.grad for name, p in params.named_parameters()})

    def _canonical(self, tensors: dict[str, Any]) -> dict[str, np.ndarray]:
        canonical = {
            part.name: to_canonical(part, held)
            for name, parts in self.parameters_by_tensor.items()
            for part, held in zip(
                parts, unstacked(as_array(tensors[name]), len(parts)), strict=True
            )
        }
        return {p.name: canonical[p.name] for p in self.parameters}

    def model_fn(
        self,
        params: nn.Module,
        augmented_and_preprocessed_input_batch: Batch,
        model_state: None,
        mode: ForwardPassMode,
        rng: np.ndarray,
        update_batch_norm: bool,
        dropout_rate: float | None = None,
    ) -> tuple[Tensor, None]:
        """Logits and None (batch statistics live in the module).

        In training a batch norm uses the batch's statistics, whether or not `update_batch_norm`
        lets the running ones move. `dropout_rate` is the workload's own unless given.
        """
        train = mode == ForwardPassMode.TRAIN
        how = Pass(
            train=train,
            update_batch_norm=train and update_batch_norm,
            dropout_rate=self.message.dropout_rate if dropout_rate is None else dropout_rate,
            keep_mask=self._keep_mask and functools.partial(self._keep_mask, rng),
            uniform=self._uniform and functools.partial(self._uniform, rng),
        )
        params.train(train)
        with contextlib.nullcontext() if train else torch.no_grad():
            arguments = (self.inputs_of(augmented_and_preprocessed_input_batch), how)
            if self.message.precision.compute == Precision.BFLOAT16:
                prefix = "module." if isinstance(params, Replica) else ""
                rounded = {prefix + name: p.bfloat16() for name, p in params.named_parameters()}
                logits = torch.func.functional_call(params, rounded, arguments)
            else:
                logits = params(*arguments)
        return logits, None

    def loss_fn(
        self,
        label_batch: Any,
        logits_batch: Any,
        mask_batch: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> dict[str, Tensor]:
        """`summed`, `n_valid_examples` and `per_example` loss, over the batch of this process.

        Of several processes, a submission adds up the first two (`torch.distributed.nn.all_reduce`) to
        get the global batch's.
        """
        per_example = losses.LOSSES[self.message.loss](label_batch, logits_batch, label_smoothing)
        sizes = losses.label_lengths(label_batch) if self.message.loss == CTC_LOSS else None
        return losses.reduced(per_example, mask_batch, sizes)

    def output_activation_fn(self, logits_batch: Tensor, loss_type: LossType) -> Tensor:
        """Predictions from logits, by the loss they were trained with."""
        activations = {
            LossType.SOFTMAX_CROSS_ENTROPY: functools.partial(torch.softmax, dim=-1),
            LossType.SIGMOID_CROSS_ENTROPY: torch.sigmoid,
        }
        return activations.get(loss_type, lambda x: x)(logits_batch)

    def _eval_step(
        self, params: nn.Module, model_state: None, batch: Batch, rng: np.ndarray
    ) -> dict[str, Tensor]:
        logits, _ = self.model_fn(
            params, batch, model_state, ForwardPassMode.EVAL, rng, update_batch_norm=False
        )
        loss = losses.LOSSES[self.message.loss](batch["targets"], logits, 0.0)
        return metrics.BATCH_SUMS[self.message.metrics](logits, batch, loss)

    def evaluate(
        self, params: nn.Module, model_state: None, rng: np.ndarray, batches: Iterable[Batch]
    ) -> dict[str, float]:
        """Metrics of one split, over all ranks. `batches` are this rank's, of numpy arrays, and have
        `weights`.
        """
        sums = []
        for batch in batches:
            placed = placement.place_batch(batch)
            computed = self._eval_step(params, model_state, placed, rng)
            found: dict[str, Any] = {name: as_array(value) for name, value in computed.items()}
            if self.message.metrics == TRANSLATION:
                translations = as_array(self.translate_fn(params, placed))
                found |= bleu.batch_counts(translations, batch, *self._language)
            sums.append(found)
        return spec_metrics.from_batches(
            self.message.metrics,
            placement.every_rank_s(transcripts.sums_of(self.message, sums)),
        )

    def translate_fn(self, params: nn.Module, batch: Batch) -> Tensor:
        """The translations of a batch's `inputs`, int [B, T]."""
        params.eval()
        with torch.no_grad():
            return params.translate(batch)

    @property
    def _language(self) -> tuple[Callable[[list[int]], str], int]:
        """What makes a sentence of tokens, and the token that ends one."""
        return pipeline.text_of(self.message), self.message.model.transformer_mt.end_token


def _set_constants(model: nn.Module) -> None:
    """Puts the fixed arrays that modules declare in their places, in PyTorch's default type as the
    parameters are.
    """
    for part in model.modules():
        for name, value in getattr(part, "constants", {}).items():
            held = as_tensor(value).to(placement.device(), torch.get_default_dtype())
            setattr(part, name, held)


def shared_keep_mask(words: np.ndarray, site: str, shape: tuple[int, ...], rate: float) -> Tensor:
    """A dropout mask from the specification's generator: the same in every backend for the same
    key.
    """
    mask = spec_rng.keep_mask(spec_rng.dropout_key(words, site), _global(shape, 0), rate)
    return _own_part(mask, 0)


def shared_uniform(words: np.ndarray, site: str, shape: tuple[int, ...]) -> Tensor:
    """Uniform numbers on [0, 1) from the specification's generator, the same in every backend: [any,
    batch, ...].
    """
    numbers = spec_rng.uniform32(spec_rng.dropout_key(words, site), _global(shape, 1))
    return _own_part(numbers, 1)


def _global(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The shape of an array for the global batch, which lies along `axis`."""
    return (*shape[:axis], shape[axis] * placement.num_ranks(), *shape[axis + 1 :])


def _own_part(array: np.ndarray, axis: int) -> Tensor:
    part = np.split(array, placement.num_ranks(), axis)[placement.rank()]
    return torch.from_numpy(part).to(placement.device())


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor on the host with a copy of the array."""
    return torch.from_numpy(np.array(array))


def as_array(tensor: Any) -> np.ndarray:
    """A copy of the tensor on the host; numpy has no bfloat16, it becomes float32."""
    exact = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return exact.detach().cpu().numpy().copy()
