import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from scoring.figures import FIGURES, write_figures
from scoring.tables import report
from scoring.testing import make_board

inf = math.inf
TIMES = {
    "<fast> & co": {"criteo1tb": [100.0, 120], "ogbg": [200.0, 210], "ogbg_model_size": [300.0]},
    "slow": {"criteo1tb": [180.0, inf], "ogbg": [inf, inf]},
}


def drawn(folder: Path, times: dict, workloads: list[str] | None = None) -> dict[str, str]:
    board = make_board(times, workloads)
    result = report(board, seed=0, num_resamples=20, problems=[], is_standard=True)
    return {path.stem: path.read_text() for path in write_figures(result, folder)}


def test_every_analysis_is_drawn_as_vector_graphics(tmp_path: Path) -> None:
    texts = drawn(tmp_path, TIMES)
    # One trial a study: nothing to draw about fewer trials.
    assert set(texts) == set(FIGURES) - {"effect_of_trials"}
    for text in texts.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")


def test_the_same_leaderboard_gives_the_same_bytes(tmp_path: Path) -> None:
    assert drawn(tmp_path / "a", TIMES) == drawn(tmp_path / "b", TIMES)


def test_what_a_leaderboard_does_not_allow_is_left_out(tmp_path: Path) -> None:
    texts = drawn(tmp_path, {"alone": {"criteo1tb": [100.0]}}, ["criteo1tb"])
    left_out = {"effect_of_studies", "effect_of_trials", "effect_of_held_out", "time_ratios"}
    assert set(texts) == set(FIGURES) - left_out - {"steps_and_step_time"}


def test_dollars_in_a_name_are_no_formula(tmp_path: Path) -> None:
    texts = drawn(tmp_path, {"a$x_$": TIMES["slow"], "b": TIMES["<fast> & co"]})
    assert "a$x_$" in texts["performance_profiles"]


def test_names_that_no_svg_can_hold_are_escaped(tmp_path: Path) -> None:
    texts = drawn(tmp_path, {"a\udcff\x01": TIMES["slow"], "b": TIMES["<fast> & co"]})
    for text in texts.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")
    for name in ("performance_profiles", "scores_with_intervals", "times_to_target"):
        assert "a\\udcff\\x01" in texts[name]


def test_a_fault_leaves_no_part_of_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: Figure, path: Path, **options: object) -> None:
        path.write_text("<svg")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="full"):
        drawn(tmp_path, TIMES)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("error")
def test_targets_reached_at_0_seconds_can_be_drawn(tmp_path: Path) -> None:
    times = {"a": {"criteo1tb": [0.0]}, "b": {"criteo1tb": [0.0]}, "c": {"criteo1tb": [9.0]}}
    assert drawn(tmp_path, times, ["criteo1tb"])


def test_submissions_without_any_hit_can_be_drawn(tmp_path: Path) -> None:
    assert drawn(tmp_path, {"a": {"criteo1tb": [inf]}, "b": {"criteo1tb": [inf]}})
