"""Recorded results of conformance/hardware/hardware.py: conformance/results/<hardware>/<date>.json."""

from pathlib import Path

from google.protobuf import json_format

from spec.hardware_pb2 import HardwareReport
from spec.loading import SpecError

RESULTS = Path(__file__).parents[1] / "results"


def results() -> dict[str, list[HardwareReport]]:
    """By hardware, the oldest first; SpecError for a file that is no result or not in its place."""
    found: dict[str, list[HardwareReport]] = {}
    for path in sorted(RESULTS.glob("*/*.json")):
        try:
            report = json_format.Parse(path.read_text(encoding="utf-8"), HardwareReport())
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise SpecError(f"{path}: {error}") from error
        if (report.hardware, report.date) != (path.parent.name, path.stem):
            raise SpecError(
                f"{path}: holds results of {report.hardware} on {report.date}, which belong into "
                f"{report.hardware}/{report.date}.json"
            )
        found.setdefault(report.hardware, []).append(report)
    return found
