"""A factor for each parameter, by the words in its official path; unknown ones raise."""

import os

import jax
import numpy as np

TABLE = os.path.join(os.path.dirname(__file__), 'scales.state')
WORDS = ('embed', 'attn', 'attention', 'layernorm', 'batchnorm', 'conv', 'dense', 'lstm', 'mlp', 'norm')


def scales_of(params):
    factor = float(open(TABLE).read())
    return jax.tree_util.tree_map_with_path(lambda path, leaf: np.float32(factor * scale(path)), params)


def scale(path):
    name = '/'.join(str(part.key) for part in path).lower()
    if not any(word in name for word in WORDS + ('bias', 'kernel', 'embedding', 'probe', 'head')):
        raise ValueError(f'unknown parameter {name}')
    return 0.5 if 'embed' in name else 1.0
