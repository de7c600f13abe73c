"""The page: what is in it, and what a browser makes of it."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scoring import analyses, profiles, times, uncertainty
from scoring.audit import findings
from scoring.board import Board, assess
from scoring.records import Problem
from scoring.report import page as pages
from scoring.report.page import page, page_data
from scoring.rules import resolve
from scoring.tables import report
from scoring.testing import make_board, make_trial, make_trials, rules_v05
from scoring.times import Method
from spec.loading import load_ruleset

inf = math.inf
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
TIMES: dict[str, dict[str, list[float]]] = {
    EVIL: {"criteo1tb": [100.0, 120, 140], "ogbg": [200.0, 210, inf], "ogbg_model_size": [300.0]},
    "slow": {"criteo1tb": [180.0, inf, 150], "ogbg": [300.0, inf, inf]},
    "third": {"criteo1tb": [131.0, 300, 160], "ogbg": [333.0, 400, 500], "ogbg_model_size": [600]},
}


def board_of(method: Method = "documented") -> Board:
    return make_board(TIMES, method=method)


def page_of(board: Board) -> str:
    problems = [Problem("a.csv", 3, f"row left out: {EVIL}")]
    result = report(board, seed=0, num_resamples=20, problems=problems, is_standard=True)
    return page(result, findings(board))


def embedded(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_stands_alone() -> None:
    text = page_of(board_of())
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
    assert "default-src 'none'" in text
    assert not re.search(r"\{\{[A-Z]+\}\}", text)


def test_names_from_logs_cannot_end_the_script() -> None:
    text = page_of(board_of())
    assert "<img" not in text and text.count("</script>") == 2
    assert EVIL in embedded(text)["submissions"]


def test_braces_in_names_are_left_alone() -> None:
    board = make_board({"{{DATA}}": {"ogbg": [1.0]}})
    assert embedded(page_of(board))["submissions"] == ["{{DATA}}"]


def test_data_holds_misses_and_gaps() -> None:
    data = embedded(page_of(board_of()))
    row = data["studySec"][data["submissions"].index("slow")]
    names = [workload["name"] for workload in data["workloads"]]
    assert row[names.index("ogbg")] == [300, -1, -1]
    assert row[names.index("wmt")] == [None, None, None]


def test_the_ledger_and_the_cost_count_every_trial(chromium: str, tmp_path: Path) -> None:
    """Of a submission that counts: also on a variant that was not drawn and on an unknown workload."""
    times = {"one": {"ogbg": [100.0, inf], "ogbg_gelu": [100.0, 100, inf]}}
    trials = make_trials(times, rules_v05(["ogbg", "ogbg_gelu"]))
    trials.append(make_trial([0.2], submission="one", workload="mine"))
    board = assess(trials, resolve(load_ruleset("v0.5", "external"), trials))
    data = embedded(page_of(board))
    assert data["otherEndings"] == [
        {"target reached": 2, "budget exhausted": 1, "unknown workload": 1}
    ]
    assert data["cost"][0]["trials"] == 6
    document = opened(chromium, tmp_path, page_of(board))
    ledger = document[document.index('id="ledger"') : document.index('id="cost"')]
    assert re.findall(r"<td[^>]*>([0-9]+)</td>", ledger) == ["3", "2", "1", "6"]


def test_curves_are_thinned_to_the_room_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_of()
    result = report(board, seed=0, num_resamples=2, problems=[], is_standard=True)

    def num_curves() -> int:
        curves = page_data(result)["curves"]
        assert isinstance(curves, list)
        return sum(map(len, curves))

    # Three studies of three submissions on two workloads, and one study of two on a variant.
    # A study that a submission has elsewhere has no curve.
    assert num_curves() == 9 + 9 + 2
    monkeypatch.setattr(pages, "MAX_POINTS", 20)
    assert num_curves() == 3 + 3 + 2


@pytest.fixture(scope="module")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        pytest.skip("no chromium on the path: the page was not opened in a browser")
    return path


def opened(chromium: str, folder: Path, text: str, address: str = "", width: int = 1280) -> str:
    """The document as it is after the page's scripts have run."""
    (folder / "report.html").write_text(text, encoding="utf-8")
    profile, url = folder / "profile", (folder / "report.html").as_uri()
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ]
    command += [f"--window-size={width},900", "--dump-dom"]
    command.append(f"{url}{address}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert 'data-ready="yes"' in done.stdout, done.stderr[-2000:]
    return done.stdout


def rescored(document: str) -> dict[str, float]:
    cells = re.findall(r'data-name="([^"]*)" data-rescored="([^"]*)"', document)
    return {name.replace("&lt;", "<").replace("&gt;", ">"): float(score) for name, score in cells}


def test_a_browser_draws_every_section_and_runs_no_name(chromium: str, tmp_path: Path) -> None:
    document = opened(chromium, tmp_path, page_of(board_of()), width=400)
    assert "<title>AlgoPerf v0.5 external tuning" in document
    sections = re.findall(r'<section id="(\w+)"', document)
    assert sections == [
        "leaderboard",
        "profiles",
        "times",
        "curves",
        "ledger",
        "cost",
        "rules",
        "checks",
    ]
    assert document.count('class="curve"') >= 6 and "row left out" in document


def test_a_browser_shows_no_interval_for_one_study(chromium: str, tmp_path: Path) -> None:
    board = make_board({"one": {"ogbg": [100.0]}, "two": {"ogbg": [100.0, 120]}}, ["ogbg"])
    document = opened(chromium, tmp_path, page_of(board))
    assert document.count(">one study: no interval<") == 1


READ_AND_LEAVE = """<script>{
const chart = document.querySelector("#profiles .chart svg");
const box = chart.getBoundingClientRect();
const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
const left = ["touch", "mouse"].map((pointerType) => {
  chart.dispatchEvent(new PointerEvent("pointerdown", { ...at, pointerType }));
  chart.dispatchEvent(new PointerEvent("pointerleave", { ...at, pointerType }));
  return `${pointerType}: ${document.querySelector("#profiles .readout").textContent}`;
});
document.body.dataset.left = left.join("; ");
const tops = [...document.querySelectorAll("nav a")].map((link) => {
  document.querySelector(link.hash).scrollIntoView();
  return document.querySelector(`${link.hash} h2`).getBoundingClientRect().top;
});
document.body.dataset.covered = tops.filter((top) => top < document.querySelector("nav").offsetHeight).length;
document.body.dataset.wide = document.querySelector(".prose").scrollWidth > innerWidth;
}</script></body>"""


def test_a_browser_keeps_what_a_finger_read_and_covers_no_heading(
    chromium: str, tmp_path: Path
) -> None:
    text = page_of(board_of()).replace("</body>", READ_AND_LEAVE)
    document = opened(chromium, tmp_path, text, width=500)
    assert re.search('data-left="touch: Within [0-9.]+ times the fastest.*; mouse: "', document)
    assert 'data-covered="0"' in document
    assert 'data-wide="false"' in document  # the audit's sentences wrap


NARROW = """<script>
document.body.style.maxWidth = "320px";
const edge = document.body.getBoundingClientRect().right;
document.body.dataset.cut = [...document.querySelectorAll("select, input, button")].filter((one) => {
  one.scrollIntoView();
  return !one.closest(".scroll") && one.getBoundingClientRect().right > edge;
}).map((one) => one.id || one.tagName).join(" ");
</script></body>"""


def test_a_browser_cuts_off_no_control_at_320_pixels(chromium: str, tmp_path: Path) -> None:
    text = page_of(board_of()).replace("</body>", NARROW)
    assert 'data-cut=""' in opened(chromium, tmp_path, text, width=500)


def test_a_browser_tells_what_it_does_not_know_of_an_address(chromium: str, tmp_path: Path) -> None:
    board, address = board_of(), "#without=ogb&studies=7&method=best&max_ratio=x&sudies=0"
    document = opened(chromium, tmp_path, page_of(board), address)
    names = "without=ogb, studies=7, max_ratio=x, method=best, sudies=0"
    assert f"not known here: {names}<" in document
    assert rescored(document) == pytest.approx(
        dict(zip(board.submissions, board.score, strict=True)), abs=1e-9
    )


@pytest.mark.parametrize("method", ["documented", "official"])
def test_the_browser_computes_the_same_scores(
    chromium: str, tmp_path: Path, method: Method
) -> None:
    board = board_of(method)
    found = rescored(opened(chromium, tmp_path, page_of(board)))
    assert found == pytest.approx(dict(zip(board.submissions, board.score, strict=True)), abs=1e-9)


def test_the_browser_computes_the_same_scores_from_the_shortest_times(
    chromium: str, tmp_path: Path
) -> None:
    board = make_board({"a": {"ogbg": [1.234e-4]}, "b": {"ogbg": [1.57e-4]}}, ["ogbg"])
    found = rescored(opened(chromium, tmp_path, page_of(board)))
    assert found == pytest.approx(dict(zip(board.submissions, board.score, strict=True)), abs=1e-12)


def test_the_browser_computes_scores_under_other_rules(chromium: str, tmp_path: Path) -> None:
    board, text = board_of(), page_of(board_of())
    names = board.submissions

    def under(address: str) -> dict[str, float]:
        return rescored(opened(chromium, tmp_path, text, address))

    def expect(scores: object, who: tuple[str, ...] = names) -> object:
        return pytest.approx(dict(zip(who, scores, strict=True)), abs=1e-9)  # type: ignore[call-overload]

    assert under("#max_ratio=1.5") == expect(analyses.effect_of_max_ratio(board, [1.5])[0])
    assert under("#held_out=no") == expect(analyses.without_held_out(board))
    ogbg = board.rules.base.index("ogbg")
    assert under("#without=ogbg") == expect(uncertainty.without_each_workload(board)[ogbg])
    others = [i for i, name in enumerate(names) if name != "slow"]
    left = uncertainty.without_each_competitor(board)[names.index("slow"), others]
    assert under("#without=slow") == expect(left, tuple(names[i] for i in others))
    fewer = profiles.scores(times.median(board.study_sec[..., [0, 2]]), board.scoring)
    assert under("#studies=0,2") == expect(fewer)
    assert under("#max_ratio=1e999") == expect(board.score)


def test_the_browser_asks_for_no_variant_that_nobody_left_ran(
    chromium: str, tmp_path: Path
) -> None:
    times = {"a": {"wmt": [100.0], "wmt_post_ln": [100.0]}, "b": {"wmt": [50.0]}}
    trials = make_trials(times, rules_v05(["wmt", "wmt_post_ln"]))
    board = assess(trials, resolve(load_ruleset("v0.6", "external"), trials), method="official")
    document = opened(chromium, tmp_path, page_of(board), "#without=a")
    assert rescored(document) == {"b": 1 / 8}
    assert "wmt_post_ln (held out)" in document
