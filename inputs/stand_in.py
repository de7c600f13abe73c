"""Generated examples in the place of a data set: what a model of full size is measured and compared
on where the data are not at hand.
"""

import math

from spec import loading
from spec.workload_pb2 import Generated, Workload

# Schema of each data set's examples.
SCHEMAS = {
    "criteo1tb": Generated.CLICKS,
    "fastmri": Generated.RECONSTRUCTIONS,
    "wmt": Generated.TRANSLATION,
    "imagenet": Generated.IMAGES,
    "mnist": Generated.IMAGES,
    "cifar10": Generated.IMAGES,
    "ogbg": Generated.GRAPHS,
    "librispeech": Generated.SPEECH,
}


def stand_in(workload: Workload, num_examples: int) -> Workload:
    """The workload on `num_examples` generated examples in each of its splits; the workload itself if
    its data are always at hand.
    """
    source = workload.dataset.WhichOneof("source")
    result = Workload()
    result.CopyFrom(workload)
    if source == "finewebedu":  # any text will do
        result.dataset.pydoc_text.CopyFrom(loading.load_workload("pydoc_lm").dataset.pydoc_text)
    elif source not in SCHEMAS:
        return workload
    else:
        _generate(result, workload, SCHEMAS[source], num_examples)
    for split, _ in workload.splits.ListFields():
        setattr(result.splits, split.name, num_examples)
    return result


def _generate(
    result: Workload, workload: Workload, schema: Generated.Schema, num_examples: int
) -> None:
    result.dataset.generated.CopyFrom(Generated(schema=schema, noise=1.0))
    if schema == Generated.GRAPHS:
        packing = result.dataset.generated.packing
        packing.CopyFrom(workload.dataset.ogbg.packing)
        # So that a batch of all examples has no part without one.
        packing.num_parts = math.gcd(packing.num_parts, num_examples)
