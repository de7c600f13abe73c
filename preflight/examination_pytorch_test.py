from pathlib import Path

import pytest

from preflight import testing
from preflight.wrong_submissions import Wrong, load

WRONG = testing.of_framework("pytorch", load("run"))


def test_a_good_submission_has_no_findings(tmp_path: Path) -> None:
    testing.check_good("pytorch", tmp_path)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_bad_one_is_found_under_its_rule(wrong: Wrong, tmp_path: Path) -> None:
    testing.check_wrong(wrong, tmp_path)
