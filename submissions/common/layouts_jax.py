"""PyTorch's layout of parameters, in JAX: for algorithms that look at rows and columns.

A matrix is [out, in], a convolution's kernel [out, in, space...], a transposed one's [in, out,
space...], an embedding [rows, width], a bias has one axis. JAX holds inputs before outputs, space
before both, and the heads of attention on an axis of their own. What an array is follows from its
type and name, as submissions may see them (`workload.model_params_types`).
"""

import jax
import optax
from jax import numpy as jnp

from spec.interface import ParameterType as T

BIASES = (T.BIAS, T.ATTENTION_BIAS)


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
        return from_torch_layout(new, updates, workload), state

    return optax.GradientTransformationExtraArgs(init, update)


def to_torch_layout(tree, workload):
    """The same tree of arrays, shaped as parameters, in PyTorch's layout."""
    return jax.tree.map_with_path(
        lambda path, x, kind: _turned(_name(path), x, kind), tree, workload.model_params_types
    )


def from_torch_layout(tree, like, workload):
    """The inverse of `to_torch_layout`; `like` has the shapes to give."""
    return jax.tree.map_with_path(
        lambda path, x, shaped, kind: _turned_back(_name(path), x, shaped.shape, kind),
        tree,
        like,
        workload.model_params_types,
    )


def name_tree(params):
    """The canonical name of every parameter, in the parameters' tree."""
    return jax.tree.map_with_path(lambda path, _: _name(path), params)


def _turned(name, x, kind):
    if kind in BIASES:
        return x.reshape(-1)
    if _as_is(name, x.shape, kind):
        return x
    if kind == T.CONV_WEIGHT and _transposed(name):
        return jnp.moveaxis(_reverse_space(x), (-2, -1), (0, 1))
    if kind == T.CONV_WEIGHT:
        return jnp.moveaxis(x, (-1, -2), (0, 1))
    return _matrix(x, kind).T


def _turned_back(name, x, shape, kind):
    if kind in BIASES or _as_is(name, shape, kind):
        return x.reshape(shape)
    if kind == T.CONV_WEIGHT and _transposed(name):
        return _reverse_space(jnp.moveaxis(x, (0, 1), (-2, -1)))
    if kind == T.CONV_WEIGHT:
        return jnp.moveaxis(x, (0, 1), (-1, -2))
    return x.T.reshape(shape)


def _as_is(name, shape, kind):
    """Vectors, tables of embeddings (a kernel of that type is a map), and arrays that are weights of
    no map, such as a learned query.
    """
    table = kind == T.EMBEDDING and not name.endswith("kernel")
    return len(shape) < 2 or table or (kind == T.WEIGHT and len(shape) > 2)


def _matrix(x, kind):
    """[in, out]; only attention's last map joins heads in its inputs, the others in their outputs."""
    return x.reshape(-1, x.shape[-1]) if kind == T.ATTENTION_OUT else x.reshape(x.shape[0], -1)


def _transposed(name):
    return "transposed" in name


def _reverse_space(x):
    return jnp.flip(x, tuple(range(x.ndim - 2)))


def _name(path):
    return ".".join(str(entry.key) for entry in path)
