import ast
import json
from pathlib import Path

import pytest

from cli import main, new_submission
from harness import submission
from spec.submission_pb2 import Framework


@pytest.mark.parametrize("origin", submission.names())
def test_every_submission_can_be_begun_with(origin: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert main.main(["new-submission", str(folder), "--from", origin]) == 0
    for framework in submission.find(
        origin, submission.ROOT / origin, Framework.JAX
    ).manifest.frameworks:
        source = submission.find(str(folder), folder, framework)
        assert source.manifest.name == "mine"
        for file in source.files:
            if file.suffix == ".py":
                assert f"submissions.{origin}" not in file.read_text()
                ast.parse(file.read_text())
        space = source.search_space()
        assert space is None or json.loads(space.read_text())
    assert (folder / "README.md").read_text().startswith(f"# mine\n\nMade from `{origin}`")
    assert (folder / new_submission.TEST).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("", "from . import blocks\nfrom .settings import A\n"),
        (
            "submissions.mine",
            "from submissions.mine import blocks\nfrom submissions.mine.settings import A\n",
        ),
    ],
)
def test_files_import_their_neighbours_in_the_new_place(package: str, expected: str) -> None:
    text = "from submissions.old import blocks\nfrom submissions.old.settings import A\n"
    others = "from submissions.older import b\nfrom submissions.common import points\n"
    assert new_submission.with_own_imports(text + others, "old", package) == expected + others


def test_what_was_copied_runs(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    main.main(["new-submission", str(folder), "--from", "distributed_shampoo"])
    functions = submission.functions(submission.find("", folder, Framework.PYTORCH))
    assert functions["get_batch_size"]("tiny/mnist") > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My-Thing", "'My-Thing' is no name: expected small letters"),
        ("nadamw", "there is a submission nadamw already"),
        ("there", "exists; give another name"),
    ],
)
def test_nothing_is_written_over(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    assert main.main(["new-submission", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
