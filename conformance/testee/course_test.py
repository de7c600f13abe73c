from conformance.testee import course
from spec.loading import load_workload


def test_another_step_hint_leaves_the_shared_workload_alone() -> None:
    shared = load_workload("tiny/mnist")
    before = shared.SerializeToString(deterministic=True)
    assert course.with_step_hint(shared, 7).rules[course.VERSION].step_hint == 7
    assert shared.SerializeToString(deterministic=True) == before
