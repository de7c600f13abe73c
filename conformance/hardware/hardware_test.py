import re
from pathlib import Path

import pytest
from google.protobuf import json_format

from conformance.hardware import hardware, speed
from spec import loading
from spec.hardware_pb2 import BackendSpeed, Hardware, HardwareReport, Seconds, WorkloadSpeed
from spec.loading import SpecError
from spec.options_pb2 import Range

# What full runs use and this one must do without.
HEAVY = ["array_record", "h5py", "matplotlib", "PIL", "polars", "psutil", "rapidfuzz", "sacrebleu"]
HEAVY += ["safetensors", "sentencepiece", "sklearn", "soundfile", "submitit", "tyro"]
BANDED = Hardware(
    step_time_ratio=Range(min=0.8, max=1.25), memory_ratio=Range(max=2), num_accelerators=1
)


def measured(jax_sec: float, jax_bytes: int) -> WorkloadSpeed:
    """Beside PyTorch, which takes a second and a thousand bytes."""

    def one(backend: str, seconds: float, peak: int) -> BackendSpeed:
        step = Seconds(median=seconds)
        return BackendSpeed(backend=backend, step=step, peak_memory_bytes=peak)

    backends = [one("jax", jax_sec, jax_bytes), one("pytorch", 1.0, 1000)]
    return WorkloadSpeed(workload="w", backends=backends)


@pytest.mark.parametrize("seconds", [0.8, 1.0, 1.25])
def test_inside_the_band_nothing_fails(seconds: float) -> None:
    assert hardware.outside(measured(seconds, 2000), BANDED) == []


def test_outside_the_band_the_line_has_both_values_and_the_band() -> None:
    assert hardware.outside(measured(1.5, 1), BANDED) == [
        "w step: jax 1.5 s / pytorch 1 s = 1.50, band 0.8 to 1.25"
    ]
    assert hardware.outside(measured(0.79, 2001), BANDED) == [
        "w step: jax 0.79 s / pytorch 1 s = 0.79, band 0.8 to 1.25",
        "w peak memory: jax 2001 bytes / pytorch 1000 bytes = 2.00, band any to 2",
    ]


def test_spreads_are_quartiles() -> None:
    assert hardware.spread([4, 1, 3, 2, 5]) == Seconds(low=2, median=3, high=4, count=5)


def test_accelerators_run_full_sizes_and_processors_tiny_ones() -> None:
    full = hardware.workloads(loading.load_hardware("nvidia_h200_x1"), ["*"])
    tiny = hardware.workloads(loading.load_hardware("cpu_tiny"), ["*"])
    assert "imagenet_vit" in full and not any(name.startswith("tiny/") for name in full)
    assert "tiny/imagenet_vit" in tiny and all(name.startswith("tiny/") for name in tiny)
    with pytest.raises(SpecError, match="unknown workload of cpu_tiny 'mnist'"):
        hardware.workloads(loading.load_hardware("cpu_tiny"), ["mnist"])


def test_the_batch_is_halved_until_both_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fits(found: WorkloadSpeed, _: Hardware) -> bool:
        tried.append(found.batch_size)
        if found.batch_size <= 8:
            found.backends.extend(measured(1.0, 1000).backends)
        return bool(found.backends)

    monkeypatch.setattr(hardware, "_measured", fits)
    found = hardware.measure("tiny/mnist", BANDED)
    assert tried == [32, 16, 8]
    assert (found.batch_size, found.submission_batch_size) == (8, 32)
    assert found.input_batches_per_sec > 0 and not found.failures
    monkeypatch.setattr(hardware, "_measured", lambda *_: False)
    assert "no batch size fits" in hardware.measure("tiny/mnist", BANDED).failures[0]


def test_large_examples_come_in_turn() -> None:
    message = speed.on_generated_examples("imagenet_vit", 1024)
    assert message.splits.train == speed.FEW
    assert speed.on_generated_examples("criteo1tb", 262_144).splits.train == speed.MANY
    assert speed.on_generated_examples("tiny/wmt", 64) == loading.load_workload("tiny/wmt")


def test_results_of_two_machines_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = HardwareReport(hardware="cpu_tiny", machine="another processor")
    (tmp_path / "machine.json").write_text(json_format.MessageToJson(other))
    arguments = ["--out", str(tmp_path), "--hardware", "cpu_tiny", "--workload", "tiny/mnist"]
    assert hardware.main(arguments) == 2
    assert "machine was another processor" in capsys.readouterr().err


def test_one_workload_is_measured_without_heavy_packages_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in HEAVY:
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('{name} is not there')")
    monkeypatch.syspath_prepend(tmp_path)  # the processes get this path
    for limit, value in {
        "ROUNDS": 1,
        "TURN_SEC": 0,
        "INPUT_SEC": 0,
        "MATMUL_SIZES": {False: 8},
    }.items():
        monkeypatch.setattr(hardware, limit, value)
    arguments = ["--out", str(tmp_path / "out"), "--hardware", "cpu_tiny"]
    assert hardware.main([*arguments, "--workload", "tiny/mnist"]) == 0
    written = (tmp_path / "out" / "report.json").read_text()
    [found] = json_format.Parse(written, HardwareReport()).workloads
    assert [b.backend for b in found.backends] == ["jax", "pytorch"]
    for backend in found.backends:
        for operation in hardware.OPERATIONS:
            assert getattr(backend, operation).median > 0
        assert backend.peak_memory_bytes > 10_000_000
    # 2 operations a weight and example, in three products; the first layer's inputs get no gradient.
    assert (found.batch_size, found.flops) == (32, 32 * 2 * (64 * 32 * 2 + 32 * 10 * 3))
    monkeypatch.setattr(hardware, "measure", None)  # what is done is not done again
    assert hardware.main([*arguments, "--workload", "tiny/mnist"]) == 0
    assert (tmp_path / "out" / "report.json").read_text() == written
    assert capsys.readouterr().out.count("tiny/mnist") == 4


def test_the_wheels_to_bring_are_those_that_were_tested() -> None:
    listed = Path(hardware.__file__).with_name("wheels.txt").read_text()
    lock = (loading.ROOT.parent / "requirements_lock.txt").read_text()
    pins = re.findall(r"^(\S+==\S+)", listed, re.MULTILINE)
    assert pins and all(re.search(rf"^{re.escape(pin)}\b", lock, re.MULTILINE) for pin in pins)
