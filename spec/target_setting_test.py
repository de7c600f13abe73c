import json
import statistics
from pathlib import Path

import pytest

from spec import loading

RECORDS = sorted((loading.ROOT / "target_setting").glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_targets_are_the_recorded_medians(path: Path) -> None:
    record = json.loads(path.read_text())
    rules = loading.load_workload(path.stem).rules["v0.6"]
    for split, target in (
        ("validation", rules.validation_target),
        ("test", rules.test_target),
    ):
        assert target == statistics.median(run[split] for run in record["runs"])


def test_the_development_workloads_have_records() -> None:
    assert [path.stem for path in RECORDS] == ["digits_resnet", "digits_vit", "pydoc_lm"]
