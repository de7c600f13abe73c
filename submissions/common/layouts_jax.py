"""PyTorch's layout of parameters, in JAX: for algorithms that look at rows and columns.

A matrix is [out, in], a convolution's kernel [out, in, space...], a transposed one's [in, out,
space...], an embedding [rows, width], a bias has one axis. JAX holds inputs before outputs, space
before both, and the heads of attention on an axis of their own. Which of these an array is stands in
its description (`workload.parameters`); spec/layouts.py does the same with numpy's arrays.
"""

import jax
import optax
from jax import numpy as jnp

from spec import parameters
from spec.parameter_pb2 import CONV, CONV_TRANSPOSE, FLAT, MATRIX


def in_torch_layout(transformation, workload):
    """The transformation, given gradients and parameters in PyTorch's layout. Its state stays in it.

    Takes and gives updates in JAX's.
    """
    transformation = optax.with_extra_args_support(transformation)

    def init(params):
        return transformation.init(to_torch_layout(params, workload))

    def update(updates, state, params=None, **arguments):
        turned = [to_torch_layout(tree, workload) for tree in (updates, params)]
        new, state = transformation.update(turned[0], state, turned[1], **arguments)
        return from_torch_layout(new, workload), state

    return optax.GradientTransformationExtraArgs(init, update)


def to_torch_layout(tree, workload):
    """The same tree of arrays, shaped as parameters, in PyTorch's layout."""
    return jax.tree.map(_turned, _descriptions(workload), tree)


def from_torch_layout(tree, workload):
    """The inverse of `to_torch_layout`."""
    return jax.tree.map(_turned_back, _descriptions(workload), tree)


def _descriptions(workload):
    return parameters.unflatten({p.name: p for p in workload.parameters})


def _turned(parameter, x):
    if parameter.layout == FLAT:
        return x.reshape(-1)
    if parameter.layout == MATRIX:
        return x.reshape(parameter.fan_in, parameter.fan_out).T
    if parameter.layout == CONV:
        return jnp.moveaxis(x, (-1, -2), (0, 1))
    if parameter.layout == CONV_TRANSPOSE:
        return jnp.moveaxis(_reverse_space(x), (-2, -1), (0, 1))
    return x


def _turned_back(parameter, x):
    if parameter.layout == MATRIX:
        x = x.T
    if parameter.layout == CONV:
        x = jnp.moveaxis(x, (0, 1), (-1, -2))
    if parameter.layout == CONV_TRANSPOSE:
        x = _reverse_space(jnp.moveaxis(x, (0, 1), (-2, -1)))
    return x.reshape(tuple(parameter.shape))


def _reverse_space(x):
    return jnp.flip(x, tuple(range(x.ndim - 2)))
