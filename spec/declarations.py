"""Parameter messages of the usual layers, without names: what a layer declares is the same in every
backend.
"""

import math

from spec.initialization import LECUN_NORMAL, ONES, ORTHOGONAL, ZEROS
from spec.parameter_pb2 import (
    AS_IS,
    BATCH_NORM_BIAS,
    BATCH_NORM_SCALE,
    BIAS,
    CONV,
    CONV_TRANSPOSE,
    CONV_WEIGHT,
    EMBEDDING,
    FLAT,
    LAYER_NORM_BIAS,
    LAYER_NORM_SCALE,
    MATRIX,
    WEIGHT,
    Initializer,
    Parameter,
    ParameterType,
)

LSTM_GATES = ("i", "f", "g", "o")  # in the order in which cuDNN and PyTorch stack them

Declarations = dict[str, Parameter]  # by the canonical name of the array within its layer


def dense(
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    *,
    kernel_init: Initializer = LECUN_NORMAL,
    bias_init: Initializer | None = ZEROS,
    kernel_type: ParameterType = WEIGHT,
    bias_type: ParameterType = BIAS,
    output_layer: bool = False,
) -> Declarations:
    """`kernel` [*inputs, *outputs] and, unless bias_init is None, `bias` [*outputs]. Fans are
    products of the axes.
    """
    kernel = Parameter(
        shape=[*inputs, *outputs],
        type=kernel_type,
        layout=MATRIX,
        fan_in=math.prod(inputs),
        fan_out=math.prod(outputs),
        initializer=kernel_init,
        output_layer=output_layer,
    )
    if bias_init is None:
        return {"kernel": kernel}
    bias = Parameter(
        shape=outputs,
        type=bias_type,
        layout=FLAT,
        initializer=bias_init,
        output_layer=output_layer,
    )
    return {"kernel": kernel, "bias": bias}


def conv(
    window: tuple[int, ...],
    inputs: int,
    outputs: int,
    *,
    kernel_init: Initializer = LECUN_NORMAL,
    bias_init: Initializer | None = None,
    transposed: bool = False,
    output_layer: bool = False,
) -> Declarations:
    """`kernel` [*window, inputs, outputs] and, unless bias_init is None, `bias` [outputs]."""
    kernel = Parameter(
        shape=[*window, inputs, outputs],
        type=CONV_WEIGHT,
        layout=CONV_TRANSPOSE if transposed else CONV,
        fan_in=math.prod(window) * inputs,
        fan_out=math.prod(window) * outputs,
        initializer=kernel_init,
        output_layer=output_layer,
    )
    if bias_init is None:
        return {"kernel": kernel}
    bias = Parameter(shape=[outputs], type=BIAS, initializer=bias_init, output_layer=output_layer)
    return {"kernel": kernel, "bias": bias}


def batch_norm(width: int, scale_init: Initializer = ONES) -> Declarations:
    """`scale` and `bias` [width]."""
    return {
        "scale": Parameter(shape=[width], type=BATCH_NORM_SCALE, initializer=scale_init),
        "bias": Parameter(shape=[width], type=BATCH_NORM_BIAS, initializer=ZEROS),
    }


def layer_norm(width: int, bias: bool = True, scale_init: Initializer = ONES) -> Declarations:
    """`scale` and, where asked for, `bias` [width]."""
    scale = {"scale": Parameter(shape=[width], type=LAYER_NORM_SCALE, initializer=scale_init)}
    if not bias:
        return scale
    return scale | {"bias": Parameter(shape=[width], type=LAYER_NORM_BIAS, initializer=ZEROS)}


def embedding(
    rows: int, width: int, initializer: Initializer, tied_to: tuple[str, ...] = ()
) -> Declarations:
    """`embedding` [rows, width]. Tied to an output projection it counts as output layer too."""
    table = Parameter(
        shape=[rows, width],
        type=EMBEDDING,
        layout=AS_IS,
        fan_in=rows,
        fan_out=width,
        initializer=initializer,
        tied_to=tied_to,
        output_layer=bool(tied_to),
    )
    return {"embedding": table}


def lstm(inputs: int, width: int) -> dict[str, Declarations]:
    """The maps of one direction of an LSTM (Hochreiter and Schmidhuber 1997), by name: for each of
    the gates input, forget, cell and output one of the inputs, without bias, and one of the last
    output, with the gate's only bias.
    """
    of_inputs = {f"input_{gate}": dense((inputs,), (width,), bias_init=None) for gate in LSTM_GATES}
    of_outputs = {
        f"hidden_{gate}": dense((width,), (width,), kernel_init=ORTHOGONAL) for gate in LSTM_GATES
    }
    return of_inputs | of_outputs
