"""The examples of the documentation run as they stand there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A file's name at the start of a line, then its content between fences.
_FILE = re.compile(r"^`(\w+\.\w+)`[^\n]*\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("document", "backend"), [("README.md", "pytorch"), ("docs/submissions.md", "jax")]
)
def test_the_example_trains(document: str, backend: str, tmp_path: Path) -> None:
    files = dict(_FILE.findall((ROOT / document).read_text()))
    assert set(files) == {"manifest.textproto", "search_space.json", f"submission_{backend}.py"}
    submission, out = tmp_path / "momentum", tmp_path / "out"
    submission.mkdir()
    for name, content in files.items():
        (submission / name).write_text(content)
    command = f"run --backend {backend} --submission momentum --max-steps 2 --out out"
    result = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", *command.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path]))},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    last = (out / "events.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["trial_ended"]["outcome"] == "STEP_LIMIT"
