import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spec import checking, loading, options_pb2, workload_pb2
from spec.loading import SpecError
from spec.models_pb2 import Model, ResNet, ViT
from spec.workload_pb2 import MetricFamily, Rules


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A specification of its own, with nothing in it."""
    (tmp_path / "workloads").mkdir()
    monkeypatch.setattr(loading, "ROOT", tmp_path)
    loading.load_workload.cache_clear()
    yield tmp_path
    loading.load_workload.cache_clear()


BASE = """
name: "%s"
title: "a workload"
target_metric: ACCURACY
splits { train: 10 eval_train: 4 validation: 4 }
rules { key: "v0.6" value { validation_target: 0.5 step_hint: 100 } }
"""


def write(root: Path, name: str, text: str) -> None:
    (root / "workloads" / f"{name}.textproto").write_text(text)


@pytest.mark.parametrize(
    ("bases", "reason"),
    [
        (("a", "a"), "base is 'a', the workload itself; expected another or none"),
        (("b", "a"), "base is 'b', which is itself a variant of 'a'; name that one"),
    ],
)
def test_variants_of_themselves_are_refused(
    bases: tuple[str, str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "workloads"
    folder.mkdir()
    for name, base in zip("ab", bases, strict=True):
        (folder / f"{name}.textproto").write_text(f'name: "{name}" base: "{base}"')
    monkeypatch.setattr(loading, "ROOT", tmp_path)
    with pytest.raises(SpecError, match=rf"a\.textproto: {reason}"):
        loading.load_workload.__wrapped__("a")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("target_metric: BLEU", "target_metric is BLEU, expected ACCURACY or LOSS, since metrics is "
         "CLASSIFICATION"),
        ("loss: CTC_LOSS", "loss is CTC_LOSS, expected SOFTMAX_CROSS_ENTROPY, since metrics is "
         "CLASSIFICATION"),
        ("metrics: TRANSLATION", "metrics is TRANSLATION, expected CLASSIFICATION, since model is mlp; "
         "metrics is TRANSLATION, expected CLASSIFICATION, since dataset is digits"),
        ("splits { eval_train: 11 }", "splits.eval_train is 11, expected at most splits.train, of "
         "which it is a part, which is 10"),
        ("rules { key: 'v0.6' value { validation_target: 7 } }", "rules['v0.6'].validation_target is "
         "7, expected a number from 0 to 1, since target_metric is ACCURACY"),
        ("rules { key: 'v0.6' value { test_target: -0.1 } }", "rules['v0.6'].test_target is -0.1, "
         "expected a number from 0 to 1, since target_metric is ACCURACY"),
    ],
)  # fmt: skip
def test_a_workload_that_contradicts_itself_is_refused(
    change: str, reason: str, root: Path
) -> None:
    model = "mlp { image_size: 8 num_channels: 1 width: 8 num_classes: 10 }"
    parts = f"model {{ {model} }} dataset {{ digits {{ sha256: 'x' }} }} metrics: CLASSIFICATION"
    write(root, "w", BASE % "w" + parts)
    assert loading.load_workload("w").model.mlp.width == 8
    write(root, "v", f'name: "v" base: "w" {change}')
    with pytest.raises(SpecError, match=re.escape(f"v.textproto: {reason}")):
        loading.load_workload("v")


def test_every_model_states_its_metrics() -> None:
    for field in Model.DESCRIPTOR.fields:
        metrics = field.GetOptions().Extensions[options_pb2.metrics]
        assert metrics in MetricFamily.keys()[1:], field.name


def test_a_number_that_is_none_is_refused() -> None:
    rules = Rules(validation_target=float("nan"))
    with pytest.raises(SpecError, match="validation_target is nan, expected a finite number"):
        loading.checked(rules, "here")


def test_an_unknown_name_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(SpecError, match=r"unknown workload 'digit_vit'. Did you mean digits_vit\?"):
        loading.load_workload("digit_vit")


def test_a_file_that_is_no_textproto_is_named_with_its_line(root: Path) -> None:
    write(root, "w", 'name: "w"\nnonsense: 1\n')
    with pytest.raises(SpecError, match=r"w\.textproto:2:1.*nonsense"):
        loading.load_workload("w")


def test_a_file_in_another_encoding_is_named(root: Path) -> None:
    (root / "workloads" / "w.textproto").write_bytes(b'name: "\xff"')
    with pytest.raises(SpecError, match=r"w\.textproto"):
        loading.load_workload("w")


def test_all_broken_rules_are_listed(root: Path) -> None:
    write(root, "w", 'name: "w"\ntitle: "t"\ndropout_rate: 1.5\nsplits { train: 0 }')
    with pytest.raises(SpecError) as caught:
        loading.load_workload("w")
    text = str(caught.value)
    assert "w.textproto" in text
    assert "dropout_rate is 1.5, expected a number from 0 to 0.999" in text
    assert "splits.train is 0, expected a number from 1 to inf" in text
    assert "splits.validation is missing" in text
    assert "target_metric is missing" in text
    assert "rules is missing" in text


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (ViT(patch_size=3), ["patch_size is 3, expected a divisor of image_size, which is 8"]),
        (ViT(num_heads=5), ["num_heads is 5, expected a divisor of width, which is 16"]),
        (ViT(patch_size=16), ["patch_size is 16, expected a divisor of image_size, which is 8"]),
        (ViT(patch_size=0), ["patch_size is 0, expected a number from 1 to inf"]),
        (ViT(patch_size=8, num_heads=16), []),
    ],
)
def test_what_does_not_divide_is_refused(change: ViT, broken: list[str]) -> None:
    config = ViT(image_size=8, patch_size=4, width=16, num_heads=4)
    config.MergeFrom(change)
    found = checking.violations(config)
    assert [line for line in found if not line.endswith("is missing")] == broken


def test_a_rule_inside_a_map_entry_is_checked(root: Path) -> None:
    write(root, "w", (BASE % "w").replace("step_hint: 100", "step_hint: -1"))
    with pytest.raises(SpecError, match=r"rules\['v0.6'\].step_hint is -1"):
        loading.load_workload("w")


def test_nan_is_out_of_every_range(root: Path) -> None:
    write(root, "w", BASE % "w" + "dropout_rate: nan")
    with pytest.raises(SpecError, match="dropout_rate is nan"):
        loading.load_workload("w")


def test_the_name_must_be_the_files(root: Path) -> None:
    write(root, "w", BASE % "v")
    with pytest.raises(SpecError, match="name is 'v', expected 'w'"):
        loading.load_workload("w")


def test_a_variant_states_only_the_difference(root: Path) -> None:
    model = "model { resnet { blocks_per_stage: 2 blocks_per_stage: 2 width: 8 activation: RELU } }"
    text = BASE % "w" + "metrics: CLASSIFICATION "
    write(root, "w", text + model.replace("width: 8", _rest_of_resnet("width: 8")))
    write(
        root,
        "w_silu",
        'name: "w_silu" base: "w" model { resnet { activation: SILU blocks_per_stage: 3 } }'
        ' rules { key: "v0.6" value { validation_target: 0.4 } }',
    )
    variant = loading.load_workload("w_silu")
    assert variant.model.resnet.activation == 1
    assert list(variant.model.resnet.blocks_per_stage) == [3]
    assert variant.model.resnet.width == 8
    assert variant.rules["v0.6"].validation_target == 0.4
    assert variant.rules["v0.6"].step_hint == 100
    assert loading.load_workload("w").rules["v0.6"].validation_target == 0.5


def _rest_of_resnet(width: str) -> str:
    return (
        f"{width} num_classes: 10 num_channels: 1 image_size: 8 norm_decay: 0.9 norm_epsilon: 1e-5"
    )


def test_a_field_can_be_set_back_to_zero() -> None:
    base = workload_pb2.Workload(dropout_rate=0.1)
    change = workload_pb2.Workload(dropout_rate=0.0)
    assert loading.overlay(base, change).dropout_rate == 0.0
    enums = ResNet(padding=ResNet.SYMMETRIC), ResNet(padding=ResNet.SAME)
    assert loading.overlay(*enums).padding == ResNet.SAME


def test_a_parameter_digest_is_not_inherited() -> None:
    base = workload_pb2.Workload(parameter_digest="abc")
    assert not loading.overlay(base, workload_pb2.Workload(name="v")).HasField("parameter_digest")


def test_a_base_must_exist_and_be_no_variant(root: Path) -> None:
    write(root, "w", BASE % "w")
    write(root, "a", 'name: "a" base: "nothing"')
    write(root, "b", 'name: "b" base: "w"')
    write(root, "c", 'name: "c" base: "b"')
    with pytest.raises(SpecError, match="base is 'nothing', which is no workload"):
        loading.load_workload("a")
    with pytest.raises(SpecError, match="base is 'b', which is itself a variant of 'w'"):
        loading.load_workload("c")


def test_rules_of_a_version_that_a_workload_lacks(root: Path) -> None:
    write(root, "w", BASE % "w")
    with pytest.raises(SpecError, match=r"rules version of workload w: 'v0.5'. .*Valid: v0.6"):
        loading.rules_of(loading.load_workload("w"), "v0.5")


@pytest.mark.parametrize("name", loading.names("workloads"))
def test_every_workload_loads(name: str) -> None:
    workload = loading.load_workload(name)
    assert workload.name == name


@pytest.mark.parametrize("name", loading.names("rulesets"))
def test_every_ruleset_loads_and_names_workloads(name: str) -> None:
    version, tuning = name.rsplit("_", 1)
    ruleset = loading.load_ruleset(version, tuning)
    assert ruleset.version == version
    scored = [*ruleset.base_workloads, *(held.workload for held in ruleset.held_out)]
    for workload in scored:
        loading.rules_of(loading.load_workload(workload), version)


def test_importing_the_specification_loads_no_framework() -> None:
    code = (
        "import sys, pkgutil, importlib, spec\n"
        "for m in pkgutil.iter_modules(spec.__path__):\n"
        "    if not m.name.endswith('_test'): importlib.import_module('spec.' + m.name)\n"
        "assert not {'jax', 'torch'} & set(sys.modules), 'a framework was imported'"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
