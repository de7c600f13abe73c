"""Whether the fields of a workload can all be meant."""

from collections.abc import Iterator

from google.protobuf.message import Message

from spec import metrics, options_pb2
from spec.metrics import LossType, Metric, MetricFamily
from spec.workload_pb2 import Rules, Workload


def contradictions(workload: Workload) -> Iterator[str]:
    """Yields one line for each field that others speak against: its path, its value and what was
    expected.
    """
    yield from _of_another_family(workload, "model", workload.model)
    yield from _of_another_family(workload, "dataset", workload.dataset)
    if workload.metrics in metrics.FAMILIES:
        yield from _outside_of_family(workload)
    splits = workload.splits
    if splits.eval_train > splits.train:
        yield (
            f"splits.eval_train is {splits.eval_train}, expected at most splits.train, of which it is "
            f"a part, which is {splits.train}"
        )
    for version in sorted(workload.rules):
        yield from _impossible_targets(workload.rules[version], version, workload.target_metric)


def _of_another_family(workload: Workload, name: str, choice: Message) -> Iterator[str]:
    for field, _ in choice.ListFields():
        expected = field.GetOptions().Extensions[options_pb2.metrics]
        if expected and workload.metrics != MetricFamily.Value(expected):
            yield (
                f"metrics is {MetricFamily.Name(workload.metrics)}, expected {expected}, "
                f"since {name} is {field.name}"
            )


def _outside_of_family(workload: Workload) -> Iterator[str]:
    family = metrics.FAMILIES[workload.metrics]
    name = MetricFamily.Name(workload.metrics)
    if workload.target_metric not in family.metrics:
        valid = " or ".join(Metric.Name(metric) for metric in family.metrics)
        yield (
            f"target_metric is {Metric.Name(workload.target_metric)}, expected {valid}, "
            f"since metrics is {name}"
        )
    if workload.loss != family.loss:
        yield (
            f"loss is {LossType.Name(workload.loss)}, expected {LossType.Name(family.loss)}, "
            f"since metrics is {name}"
        )


def _impossible_targets(rules: Rules, version: str, metric: Metric) -> Iterator[str]:
    least, greatest = metrics.possible_range(metric)
    for name in ("validation_target", "test_target"):
        value = getattr(rules, name)
        if rules.HasField(name) and not least <= value <= greatest:
            yield (
                f"rules[{version!r}].{name} is {value:g}, expected a number from {least:g} to "
                f"{greatest:g}, since target_metric is {Metric.Name(metric)}"
            )
