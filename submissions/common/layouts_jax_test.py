import jax
import numpy as np
import pytest

from backends.jax.workload import Workload
from spec import loading, parameters
from spec.layouts import to_torch_layout
from submissions.common import layouts_jax

WORKLOADS = [name for name in loading.names("workloads") if name.startswith("tiny/")]


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_layout_is_that_of_the_pytorch_backend(name: str) -> None:
    workload = Workload(loading.load_workload(name), "v0.6")
    rng = np.random.default_rng(0)
    arrays = {p.name: rng.standard_normal(tuple(p.shape)) for p in workload.parameters}
    params = parameters.unflatten({k: v.astype(np.float32) for k, v in arrays.items()})
    turned = layouts_jax.to_torch_layout(params, workload)
    for parameter in workload.parameters:
        expected = to_torch_layout(parameter, parameters.flatten(params)[parameter.name])
        np.testing.assert_array_equal(parameters.flatten(turned)[parameter.name], expected)
    back = layouts_jax.from_torch_layout(turned, workload)
    jax.tree.map(np.testing.assert_array_equal, back, params)
