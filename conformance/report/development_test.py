"""The development workloads at every level, with the real command."""

import json
from pathlib import Path

from google.protobuf import json_format

from conformance import runner
from conformance.report import command
from spec.conformance_pb2 import ConformanceReport

WORKLOADS = ["digits_resnet", "digits_vit", "pydoc_lm"]


def test_both_backends_are_the_same_experiment(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    arguments = [option for name in WORKLOADS for option in ("--workload", name)]
    assert command.main([*arguments, "--json", str(out)]) == 0
    written = json_format.ParseDict(json.loads(out.read_text()), ConformanceReport())
    assert [w.workload for w in written.workloads] == WORKLOADS
    for workload in written.workloads:
        assert {m.level for m in workload.measurements} == set(runner.LEVELS)
