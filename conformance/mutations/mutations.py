"""Deliberately wrong PyTorch backends: mistakes that were really made somewhere, each in one place.

Conformance must catch every one of them; conformance/mutations/mutations_test.py holds it to that. A mutation is
a context manager that patches the running process.
"""

import dataclasses
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F

from backends.pytorch import layers, losses, metrics
from backends.pytorch import workload as backend
from backends.pytorch.models import dlrm, resnet, transformer_lm, vit
from conformance.mutations import wrong_parts
from conformance.mutations.patches import Patch, change_arguments, decorate, model_fn, replace
from inputs import digits, generated, pipeline
from spec import declarations, initialization, layouts
from spec import rng as spec_rng
from spec.conformance_pb2 import (
    DATA,
    FORWARD,
    GRADIENT,
    METRICS,
    PARAMETERS,
    STATE,
    TRAJECTORY,
    Level,
)
from spec.initialization import GLOROT_UNIFORM
from spec.interface import ForwardPassMode
from spec.models_pb2 import GELU_TANH, LEAKY_RELU, ResNet
from submissions.nadamw import submission_pytorch as nadamw


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A mistake, the workload it shows on, and the level that must catch it."""

    name: str
    workload: str
    level: Level
    patch: Patch


MUTATIONS = [
    Mutation(
        "swapped initialiser",
        "digits_vit",
        PARAMETERS,
        change_arguments(declarations, "dense", lambda **_: {"kernel_init": GLOROT_UNIFORM}),
    ),
    Mutation(
        "fan out for fan in",
        "digits_resnet",
        PARAMETERS,
        decorate(initialization, "initial_value", wrong_parts.fans_swapped),
    ),
    Mutation(
        "the seed is not used",
        "digits_vit",
        PARAMETERS,
        replace(spec_rng, "seed_of", lambda words: 0),
    ),
    Mutation(
        "batch norm momentum the other way round",
        "digits_resnet",
        STATE,
        change_arguments(layers.BatchNorm, "__init__", lambda decay, **_: {"decay": 1 - decay}),
    ),
    Mutation(
        "unbiased running variance",
        "digits_resnet",
        STATE,
        replace(layers.BatchNorm, "forward", wrong_parts.torch_batch_norm),
    ),
    Mutation(
        "statistics move although they should not",
        "digits_resnet",
        STATE,
        decorate(layers.BatchNorm, "forward", wrong_parts.always_updating),
    ),
    Mutation(
        "statistics move in evaluation",
        "digits_resnet",
        STATE,
        model_fn(
            lambda mode, update, rate: (ForwardPassMode.TRAIN if update else mode, update, rate)
        ),
    ),
    Mutation(
        "frozen statistics are the running ones",
        "digits_resnet",
        FORWARD,
        decorate(layers.BatchNorm, "forward", wrong_parts.frozen_as_in_evaluation),
    ),
    Mutation(
        "no gradient through batch statistics",
        "digits_resnet",
        GRADIENT,
        replace(layers.BatchNorm, "forward", wrong_parts.constant_statistics),
    ),
    Mutation(
        "batch norm epsilon half as large again",
        "digits_resnet",
        FORWARD,
        change_arguments(
            layers.BatchNorm, "__init__", lambda epsilon, **_: {"epsilon": 1.5 * epsilon}
        ),
    ),
    Mutation(
        "layer norm epsilon 1e-5",
        "digits_vit",
        FORWARD,
        change_arguments(layers.LayerNorm, "__init__", lambda **_: {"epsilon": 1e-5}),
    ),
    Mutation(
        "RMS norm subtracts the mean",
        "pydoc_lm",
        FORWARD,
        replace(layers.RMSNorm, "forward", wrong_parts.centred_rms_norm),
    ),
    Mutation(
        "epsilon inside the root",
        "pydoc_lm",
        FORWARD,
        replace(transformer_lm, "unit", wrong_parts.epsilon_inside_the_root),
    ),
    Mutation(
        "no epsilon",
        "pydoc_lm",
        FORWARD,
        replace(transformer_lm, "unit", lambda x, _: F.normalize(x, dim=-1, eps=0)),
    ),
    Mutation(
        "symmetric instead of SAME padding",
        "digits_resnet",
        FORWARD,
        replace(resnet, "PADDINGS", {ResNet.SAME: ((1, 1), (1, 1))}),
    ),
    Mutation(
        "matrix products in bfloat16",
        "digits_vit",
        FORWARD,
        replace(layers.Dense, "forward", wrong_parts.in_bfloat16),
    ),
    Mutation(
        "kernels not transposed",
        "digits_vit",
        FORWARD,
        replace(backend, "to_torch_layout", wrong_parts.untransposed),
    ),
    Mutation(
        "transposed convolution not reversed",
        "tiny/fastmri",
        FORWARD,
        replace(layouts, "_reverse_space", lambda kernel: kernel),
    ),
    Mutation(
        "exact GELU",
        "digits_vit",
        FORWARD,
        lambda: mock.patch.dict(layers.ACTIVATIONS, {GELU_TANH: F.gelu}),
    ),
    Mutation(
        "leaky ReLU's usual slope",
        "tiny/fastmri",
        FORWARD,
        lambda: mock.patch.dict(layers.ACTIVATIONS, {LEAKY_RELU: F.leaky_relu}),
    ),
    Mutation(
        "dropout does not scale up",
        "digits_vit",
        FORWARD,
        replace(layers.Dropout, "forward", wrong_parts.unscaled_dropout),
    ),
    Mutation(
        "dropout rate is not passed on",
        "digits_vit",
        FORWARD,
        change_arguments(backend, "Pass", lambda **_: {"dropout_rate": 0.0}),
    ),
    Mutation(
        "no dropout unless a rate is given",
        "digits_vit",
        FORWARD,
        model_fn(lambda mode, update, rate: (mode, update, rate or 0.0)),
    ),
    Mutation(
        "all examples share a dropout mask",
        "digits_vit",
        FORWARD,
        replace(layers.Dropout, "mask_shape", lambda self, shape: (1, *shape[1:])),
    ),
    Mutation(
        "all places share a dropout mask",
        "digits_vit",
        FORWARD,
        decorate(backend, "shared_keep_mask", wrong_parts.same_mask_everywhere),
    ),
    Mutation(
        "pixels dropped instead of channels",
        "tiny/fastmri",
        FORWARD,
        replace(layers.ChannelDropout, "mask_shape", layers.Dropout.mask_shape),
    ),
    Mutation(
        "attention is not scaled",
        "digits_vit",
        FORWARD,
        change_arguments(layers, "attention", lambda **_: {"scale": 1.0}),
    ),
    Mutation(
        "attention sees the future",
        "pydoc_lm",
        FORWARD,
        change_arguments(transformer_lm, "attention", lambda **_: {"causal": False}),
    ),
    Mutation(
        "positional table transposed",
        "digits_vit",
        FORWARD,
        replace(vit, "sincos_2d", wrong_parts.transposed_positions),
    ),
    Mutation(
        "rotary pairs from two halves",
        "pydoc_lm",
        FORWARD,
        replace(transformer_lm, "rotated", wrong_parts.half_rotated),
    ),
    Mutation(
        "output layer gives the embedding no gradient",
        "pydoc_lm",
        GRADIENT,
        replace(layers.Embedding, "attend", wrong_parts.untied),
    ),
    Mutation(
        "interactions in another order",
        "tiny/criteo1tb",
        FORWARD,
        replace(dlrm, "dot_interactions", wrong_parts.lower_triangle),
    ),
    Mutation(
        "masked examples count in the mean",
        "digits_vit",
        FORWARD,
        decorate(losses, "reduced", wrong_parts.all_valid),
    ),
    Mutation(
        "masked examples have a loss",
        "digits_vit",
        FORWARD,
        decorate(losses, "reduced", wrong_parts.unmasked),
    ),
    Mutation(
        "label smoothing over the other classes only",
        "digits_vit",
        FORWARD,
        lambda: mock.patch.dict(losses.LOSSES, {0: wrong_parts.smoothing_over_the_others}),
    ),
    Mutation(
        "evaluation in train mode",
        "digits_resnet",
        METRICS,
        model_fn(lambda mode, *rest: (ForwardPassMode.TRAIN, *rest)),
    ),
    Mutation(
        "filling rows of the last batch counted",
        "digits_resnet",
        METRICS,
        lambda: mock.patch.dict(metrics.BATCH_SUMS, {1: wrong_parts.unweighted}),
    ),
    Mutation(
        "mean of the batches' means",
        "tiny/mnist",
        METRICS,
        decorate(backend.spec_metrics, "from_batches", wrong_parts.mean_of_means),
    ),
    Mutation(
        "last batch left out",
        "tiny/mnist",
        METRICS,
        decorate(pipeline, "eval_batches", wrong_parts.without_the_last),
    ),
    Mutation(
        "unshuffled data",
        "digits_vit",
        DATA,
        replace(pipeline, "_permutation", lambda key, n: np.arange(n)),
    ),
    Mutation(
        "unseeded shuffle",
        "digits_vit",
        DATA,
        replace(pipeline, "_permutation", wrong_parts.unseeded),
    ),
    Mutation(
        "resumed from the first batch",
        "digits_vit",
        DATA,
        change_arguments(pipeline.TrainBatches, "__init__", lambda **_: {"start_step": 0}),
    ),
    Mutation(
        "all shards are the first",
        "digits_vit",
        DATA,
        change_arguments(
            pipeline.TrainBatches, "__init__", lambda shard=(0, 1), **_: {"shard": (0, shard[1])}
        ),
    ),
    Mutation(
        "test split scaled otherwise",
        "digits_vit",
        DATA,
        decorate(digits.Digits, "batch", wrong_parts.brighter_test_split),
    ),
    Mutation(
        "validation split for the test split",
        "digits_vit",
        DATA,
        decorate(pipeline, "eval_batch", wrong_parts.validation_for_test),
    ),
    Mutation(
        "schedule one step early",
        "tiny/mnist",
        TRAJECTORY,
        change_arguments(
            nadamw, "update_params", lambda global_step, **_: {"global_step": global_step + 1}
        ),
    ),
    Mutation("optimizer epsilon 1e-6", "digits_vit", TRAJECTORY, replace(nadamw, "EPSILON", 1e-6)),
    Mutation(
        "betas swapped",
        "tiny/mnist",
        TRAJECTORY,
        decorate(nadamw, "NadamW", wrong_parts.betas_swapped),
    ),
    Mutation(
        "weight decay through the gradient",
        "tiny/mnist",
        TRAJECTORY,
        decorate(nadamw.NadamW, "step", wrong_parts.coupled_decay),
    ),
    Mutation(
        "Adam without Nesterov's look ahead",
        "tiny/mnist",
        TRAJECTORY,
        replace(torch, "_foreach_lerp", lambda first, *_: [m.clone() for m in first]),
    ),
    Mutation(
        "loss averaged on each rank",
        "digits_vit",
        GRADIENT,
        decorate(losses, "reduced", wrong_parts.mean_of_ranks),
    ),
    Mutation(
        "CTC blank is the last class",
        "tiny/librispeech_deepspeech_norm_and_spec_aug",
        FORWARD,
        decorate(F, "ctc_loss", wrong_parts.last_class_blank),
    ),
    Mutation(
        "precision flag in one framework only",
        "pydoc_lm",
        FORWARD,
        decorate(backend.Workload, "__init__", wrong_parts.bfloat16_asked_for),
    ),
    Mutation(
        "evaluation denominator per rank",
        "tiny/mnist",
        METRICS,
        decorate(backend.spec_metrics, "from_batches", wrong_parts.weights_of_one_rank),
    ),
    Mutation(
        "evaluation with several workers",
        "tiny/mnist",
        METRICS,
        decorate(pipeline, "eval_batches", wrong_parts.of_two_workers),
    ),
    Mutation(
        "tokenizer ids shifted",
        "tiny/wmt",
        DATA,
        decorate(generated.Generated, "batch", wrong_parts.ids_shifted),
    ),
]
