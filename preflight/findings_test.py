from preflight.findings import Finding, merged, split
from spec.submission_pb2 import SubmissionManifest, Waiver

CLOCK = Finding("clock", "imports time", "submission_jax.py", 3)


def test_what_differs_only_in_where_it_was_run_is_one_finding() -> None:
    found = [
        Finding("finite", "NaN", "a.py", 9, where="jax tiny/wmt"),
        CLOCK,
        Finding("finite", "NaN", "a.py", 9, where="jax tiny/ogbg"),
        Finding("finite", "NaN", "a.py", 9, where="jax tiny/wmt"),
    ]
    first, second = merged(found)
    assert first.where == "jax tiny/wmt, jax tiny/ogbg"
    assert (first.place, second) == ("a.py:9", CLOCK)


def test_a_waiver_takes_its_rule_and_no_other() -> None:
    files = Finding("files", "calls open()", "submission_jax.py", 4)
    manifest = SubmissionManifest(waivers=[Waiver(rule="clock", reason="prints how long it took")])
    assert split([CLOCK, files], manifest) == ([files], [(CLOCK, "prints how long it took")])


def test_a_waiver_of_what_is_no_rule_is_a_finding() -> None:
    (finding,), waived = split([], SubmissionManifest(waivers=[Waiver(rule="all", reason="no")]))
    assert finding.rule == "manifest"
    assert "'all'" in finding.message
    assert not waived
