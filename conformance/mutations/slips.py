"""Mistakes outside of backends, which no level sees, and what is true without them."""

import dataclasses
from collections.abc import Callable

from conformance.mutations import wrong_parts
from conformance.mutations.patches import Patch, change_arguments, decorate
from harness.clock import Clock, no_devices
from harness.fakes import SECOND, Machine
from spec import loading
from spec.timing_pb2 import Segment
from spec.workload_pb2 import Workload


@dataclasses.dataclass(frozen=True)
class Slip:
    """A mistake, and what it makes false."""

    name: str
    patch: Patch
    holds: Callable[[], bool]


def work_is_charged_to_its_step() -> bool:
    """The clock waits for what a step left to the device."""
    machine = Machine()
    clock = Clock(synchronize=machine.synchronize, now=machine.now)
    clock.enter(Segment.STEP)
    machine.enqueue(2 * SECOND)
    return clock.end_step() == 2


def a_variant_has_its_own_targets() -> bool:
    path = loading.ROOT / "workloads" / "fastmri_tanh.textproto"
    change = loading.read_message(path, Workload)
    variant = loading.overlay(loading.load_workload(change.base), change)
    own = [rules.validation_target for rules in change.rules.values()]
    return own == [variant.rules[version].validation_target for version in change.rules]


SLIPS = [
    Slip(
        "clock without a barrier",
        change_arguments(Clock, "__init__", lambda **_: {"synchronize": no_devices}),
        work_is_charged_to_its_step,
    ),
    Slip(
        "inherited target",
        decorate(loading, "_lay_over", wrong_parts.base_values_stay),
        a_variant_has_its_own_targets,
    ),
]
