import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import submission
from harness.errors import SubmissionError, UsageError
from harness.submission import Submission
from spec.submission_pb2 import JAX, PYTORCH
from spec.workload_pb2 import Workload

GOOD = """
from . import helper

def get_batch_size(workload_name):
    return helper.SIZE

def init_optimizer_state(workload, model_params, model_state, hyperparameters, rng):
    return 0

def update_params(workload, current_param_container, current_params_types, model_state,
                  hyperparameters, batch, loss_type, optimizer_state, eval_results, global_step,
                  rng):
    return optimizer_state, current_param_container, model_state

def data_selection(workload, input_queue, optimizer_state, current_param_container, model_state,
                   hyperparameters, global_step, rng):
    return next(input_queue)
"""
MANIFEST = 'name: "mine" title: "Mine" frameworks: JAX search_space: "points.json"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "manifest.textproto").write_text(MANIFEST)
    (folder / "submission_jax.py").write_text(GOOD)
    (folder / "helper.py").write_text("SIZE = 8\n")
    return folder


def test_a_folder_is_found_and_loaded(folder: Path) -> None:
    source = submission.find(str(folder), folder, JAX)
    assert source.manifest.title == "Mine"
    assert source.search_space() == folder / "points.json"
    assert [file.name for file in source.files] == [
        "helper.py",
        "manifest.textproto",
        "submission_jax.py",
    ]
    assert submission.load(source).batch_size(Workload(name="w"), 2) == 8


def test_runs_caches_and_hidden_files_are_no_part_of_a_folder(folder: Path) -> None:
    for name in ("runs/one/events.jsonl", "runs/one/submission/a.py", ".git/a", "__pycache__/b"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "sub").mkdir()
    (folder / "sub" / "c.py").write_text("")
    files = submission.find(str(folder), folder, JAX).files
    assert [str(file.relative_to(folder)) for file in files] == [
        "helper.py",
        "manifest.textproto",
        "submission_jax.py",
        "sub/c.py",
    ]


def link(path: Path) -> None:
    path.symlink_to("..")


def dangle(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (link, "other.py is a link to a folder; a submission's files lie in its own"),
        (os.mkfifo, "other.py is no regular file"),
        (dangle, "other.py is no regular file"),
    ],
)
def test_what_would_run_unrecorded_is_refused(
    folder: Path, make: Callable[[Path], None], message: str
) -> None:
    (folder / "sub").mkdir()
    make(folder / "sub" / "other.py")
    with pytest.raises(UsageError, match=message):
        submission.find("x", folder, JAX)


def test_links_to_files_are_recorded_as_what_they_lead_to(folder: Path, tmp_path: Path) -> None:
    before = submission.find("x", folder, JAX).sha256()
    (folder / "helper.py").rename(tmp_path / "real.py")
    (folder / "helper.py").symlink_to(tmp_path / "real.py")
    assert submission.find("x", folder, JAX).sha256() == before
    (tmp_path / "real.py").write_text("SIZE = 9\n")
    assert submission.find("x", folder, JAX).sha256() != before


def test_a_file_is_found_with_its_neighbours(folder: Path) -> None:
    source = submission.find("x", folder / "submission_jax.py", JAX)
    assert source.manifest.name == "submission_jax"
    assert [file.name for file in source.files] == ["helper.py", "submission_jax.py"]
    assert submission.load(source).batch_size(Workload(name="w"), 2) == 8


def test_two_submissions_do_not_share_modules(folder: Path, tmp_path: Path) -> None:
    first = submission.load(submission.find("x", folder, JAX))
    other = folder.rename(tmp_path / "other") / "helper.py"
    other.write_text("SIZE = 16\n")
    second = submission.load(submission.find("x", other.parent / "submission_jax.py", JAX))
    assert first.batch_size(Workload(name="w"), 1) == 8
    assert second.batch_size(Workload(name="w"), 1) == 16


def test_the_hash_is_over_names_and_bytes(folder: Path) -> None:
    hashes = [submission.find("x", folder, JAX).sha256()]
    submission.load(submission.find("x", folder, JAX))  # leaves a __pycache__, which does not count
    assert submission.find("x", folder, JAX).sha256() == hashes[0]
    (folder / "helper.py").write_text("SIZE = 9\n")
    hashes.append(submission.find("x", folder, JAX).sha256())
    (folder / "helper.py").rename(folder / "helper2.py")
    hashes.append(submission.find("x", folder, JAX).sha256())
    assert len(set(hashes)) == 3


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.textproto", "nonsense", "manifest.textproto:1:1"),
        (
            "manifest.textproto",
            MANIFEST.replace("mine", "yours"),
            "name is 'yours', expected 'mine'",
        ),
        ("manifest.textproto", 'name: "mine" frameworks: JAX', "title is missing"),
        (
            "manifest.textproto",
            MANIFEST.replace("JAX", "PYTORCH"),
            "is not written for jax. Valid: pytorch",
        ),
        ("submission_jax.py", None, "lacks submission_jax.py, which its manifest promises"),
        ("manifest.textproto", None, "manifest.textproto: cannot be read"),
    ],
)
def test_a_wrong_folder_gets_one_line(
    folder: Path, file: str, content: str | None, message: str
) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(UsageError) as caught:
        submission.find("x", folder, JAX)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown submission 'nothing'. Valid: .*or the path of a folder"
    ):
        submission.find("nothing", tmp_path / "nothing", PYTORCH)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def data_selection",
            "def select_data",
            "submission_jax.py: function data_selection is missing",
        ),
        (
            "def get_batch_size(workload_name)",
            "def get_batch_size()",
            "get_batch_size: too many positional",
        ),
        (
            "model_params, model_state,",
            "model_params,",
            "init_optimizer_state: too many positional",
        ),
        (
            "eval_results, global_step,\n",
            "eval_results, step,\n",
            "update_params: missing a required",
        ),
        (
            "eval_results, global_step,\n",
            "eval_results,\n",
            "unexpected keyword argument 'global_step'",
        ),
        (
            "def update_params(",
            "update_params = 3\ndef other(",
            "update_params is 3, expected a function",
        ),
    ],
)
def test_a_wrong_module_is_told_all_that_is_wrong(
    folder: Path, old: str, new: str, message: str
) -> None:
    (folder / "submission_jax.py").write_text(GOOD.replace(old, new))
    source = submission.find("x", folder, JAX)
    with pytest.raises(SubmissionError) as caught:
        submission.load(source)
    assert message in str(caught.value)


def test_several_faults_are_listed_together(folder: Path) -> None:
    (folder / "submission_jax.py").write_text("def prepare_for_eval(): pass")
    with pytest.raises(SubmissionError) as caught:
        submission.load(submission.find("x", folder, JAX))
    assert str(caught.value).count(";") >= 4
    assert "prepare_for_eval: got an unexpected keyword argument" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["import nowhere", "def f(:", "1/0", "import sys; sys.exit(0)", "raise KeyboardInterrupt"],
)
def test_a_module_that_cannot_be_imported(folder: Path, content: str) -> None:
    (folder / "submission_jax.py").write_text(content)
    with pytest.raises(SubmissionError, match=r"importing submission_jax.py raised \w+"):
        submission.load(submission.find("x", folder, JAX))


def test_a_variant_gets_the_batch_size_of_its_base() -> None:
    def get_batch_size(workload_name: str) -> int:
        return {"base": 6, "bad": 7}.get(workload_name) or int("no such workload")

    functions = dict.fromkeys(
        ("init_optimizer_state", "data_selection", "update_params"), lambda: None
    )
    loaded = Submission({"get_batch_size": get_batch_size, **functions})
    assert loaded.batch_size(Workload(name="variant", base="base"), 3) == 6
    with pytest.raises(SubmissionError, match="knows no workload variant or other"):
        loaded.batch_size(Workload(name="variant", base="other"), 1)
    with pytest.raises(SubmissionError, match="is 7, expected a positive multiple of 2"):
        loaded.batch_size(Workload(name="bad", base="base"), 2)


@pytest.mark.parametrize("error", [KeyError("variant"), TypeError(), LookupError()])
def test_only_a_value_error_says_that_a_workload_is_not_known(error: Exception) -> None:
    def get_batch_size(workload_name: str) -> int:
        if workload_name == "variant":
            raise error
        return 6

    functions: dict[str, Callable[..., Any]] = dict.fromkeys(
        ("init_optimizer_state", "data_selection", "update_params"), lambda: None
    )
    variant = Workload(name="variant", base="base")
    with pytest.raises(SubmissionError, match=f"get_batch_size raised {type(error).__name__}"):
        Submission({"get_batch_size": get_batch_size, **functions}).batch_size(variant, 1)
    with pytest.raises(type(error)):
        submission.chosen_batch_size(get_batch_size, variant)


def test_train_state_is_optional() -> None:
    functions = dict.fromkeys(
        ("get_batch_size", "init_optimizer_state", "data_selection"), lambda: None
    )
    assert not Submission(functions | {"update_params": lambda **arguments: None}).takes_train_state
    assert Submission(functions | {"update_params": lambda *, train_state: None}).takes_train_state


def test_the_example_agrees_with_the_service(folder: Path) -> None:
    """The descriptor's order of arguments is that in which official submissions declare them."""
    source = submission.find("x", folder, JAX)
    submission.load(source)
    module = next(
        m
        for n, m in sys.modules.items()
        if n.endswith(".submission_jax") and m.__file__ == str(source.module)
    )
    for method in submission.METHODS:
        if hasattr(module, method.name):
            declared = list(inspect.signature(getattr(module, method.name)).parameters)
            specified = [
                field.name for field in method.input_type.fields if field.name != "train_state"
            ]
            assert declared == specified


def test_a_published_folder_is_named_as_its_folder_and_has_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    (folder / "sub").mkdir(parents=True)
    for name in ("submission.py", "sub/helper.py", "table.state", "tuning_search_space.json"):
        (folder / name).write_text("")
    for path in (folder, folder / "submission.py"):
        source = submission.find(str(path), path, JAX)
        assert source.manifest.name == "theirs"
        assert source.search_space() == folder / "tuning_search_space.json"
        assert [file.relative_to(folder).as_posix() for file in source.files] == [
            "submission.py",
            "table.state",
            "tuning_search_space.json",
            "sub/helper.py",
        ]
