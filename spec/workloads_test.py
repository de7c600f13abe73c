"""The numbers of the official workloads, against tables typed from the benchmark's documents."""

import pytest

from spec import metrics
from spec.loading import SpecError, load_ruleset, load_workload, names, rules_of

# workload: metric, validation target, test target, budgets of v0.5 and v0.6 in s, evaluation period
# in s, step hints
BASE = {
    "criteo1tb": ("loss", 0.123735, 0.126041, 7703, 7703, 120, 10666, 10666),
    "fastmri": ("ssim", 0.723653, 0.740633, 8859, 4430, 80, 36189, 18094),
    "imagenet_resnet": ("accuracy", 1 - 0.22569, 1 - 0.3440, 63008, 66159, 510, 186666, 195999),
    "imagenet_vit": ("accuracy", 1 - 0.22691, 1 - 0.3481, 77520, 69768, 420, 186666, 167999),
    "librispeech_conformer": ("wer", 0.085884, 0.052981, 61068, 58015, 1440, 80000, 76000),
    "librispeech_deepspeech": ("wer", 0.119936, 0.074143, 55506, 44405, 1440, 48000, 38400),
    "ogbg": ("mean_average_precision", 0.28098, 0.268729, 18477, 12011, 240, 80000, 52000),
    "wmt": ("bleu", 30.8491, 30.7219, 48151, 43336, 840, 133333, 120000),
}
HELD_OUT = {
    "criteo1tb_embed_init": ("criteo1tb", 0.129657, 0.131967),
    "fastmri_tanh": ("fastmri", 0.717840, 0.734505),
    "imagenet_resnet_large_bn_init": ("imagenet_resnet", 0.76526, 0.6423),
    "librispeech_conformer_layernorm": ("librispeech_conformer", 0.09731, 0.05996),
    "ogbg_model_size": ("ogbg", 0.269446, 0.253051),
    "wmt_glu_tanh": ("wmt", 29.5779, 29.0515),
}
UNDRAWN_VALIDATION_TARGETS = {
    "criteo1tb_layernorm": 0.123757,
    "criteo1tb_resnet": 0.12415,
    "fastmri_model_size": 0.723559,
    "fastmri_layernorm": 0.723284,
    "imagenet_resnet_silu": 0.75445,
    "imagenet_resnet_gelu": 0.76765,
    "imagenet_vit_glu": 0.75738,
    "imagenet_vit_post_ln": 0.75312,
    "imagenet_vit_map": 0.77113,
    "librispeech_conformer_attention_temperature": 0.109977,
    "librispeech_conformer_gelu": 0.094114,
    "librispeech_deepspeech_tanh": 0.150883,
    "librispeech_deepspeech_no_resnet": 0.131564,
    "librispeech_deepspeech_norm_and_spec_aug": 0.14342,
    "ogbg_gelu": 0.27771,
    "ogbg_silu": 0.282178,
    "wmt_post_ln": 30.0779,
    "wmt_attention_temp": 29.3379,
}

OFFICIAL_RULESETS = ("v0.5_external", "v0.5_self", "v0.6_external", "v0.6_self")


@pytest.mark.parametrize("name", BASE)
def test_base_workloads_have_the_published_numbers(name: str) -> None:
    metric, validation, test, budget_v05, budget_v06, period, hint_v05, hint_v06 = BASE[name]
    workload = load_workload(name)
    assert metrics.metric_name(workload.target_metric) == metric
    for version, budget, hint in [("v0.5", budget_v05, hint_v05), ("v0.6", budget_v06, hint_v06)]:
        rules = rules_of(workload, version)
        assert rules.validation_target == pytest.approx(validation, rel=1e-12)
        assert rules.test_target == pytest.approx(test, rel=1e-12)
        assert (rules.max_runtime_sec, rules.eval_period_sec) == (budget, period)
        assert rules.step_hint == hint


@pytest.mark.parametrize("version", ["v0.5", "v0.6"])
@pytest.mark.parametrize("name", HELD_OUT)
def test_a_variant_has_its_own_targets_and_its_bases_budget(name: str, version: str) -> None:
    base, validation, test = HELD_OUT[name]
    rules, base_rules = (rules_of(load_workload(n), version) for n in (name, base))
    assert load_workload(name).base == base
    assert (rules.validation_target, rules.test_target) == (validation, test)
    assert rules.max_runtime_sec == base_rules.max_runtime_sec
    assert rules.eval_period_sec == base_rules.eval_period_sec
    assert rules.step_hint == base_rules.step_hint


@pytest.mark.parametrize("name", UNDRAWN_VALIDATION_TARGETS)
def test_undrawn_variants_have_the_published_targets(name: str) -> None:
    for version in ("v0.5", "v0.6"):
        target = rules_of(load_workload(name), version).validation_target
        assert target == UNDRAWN_VALIDATION_TARGETS[name]


def test_the_language_model_exists_in_v06_alone() -> None:
    workload = load_workload("finewebedu_lm")
    assert rules_of(workload, "v0.6").provisional
    assert not rules_of(workload, "v0.6").HasField("test_target")
    with pytest.raises(SpecError, match=r"v0\.6"):
        rules_of(workload, "v0.5")


@pytest.mark.parametrize("name", names("workloads"))
def test_every_workload_loads_and_its_target_metric_is_of_its_family(name: str) -> None:
    workload = load_workload(name)
    assert metrics.metric_name(workload.target_metric) in metrics.family_names(workload.metrics)
    assert workload.splits.validation > 0


@pytest.mark.parametrize("name", OFFICIAL_RULESETS)
def test_official_rulesets_name_workloads_that_exist_under_their_version(name: str) -> None:
    ruleset = load_ruleset(*name.rsplit("_", 1))
    assert list(ruleset.base_workloads) == list(BASE)
    for workload in [*ruleset.base_workloads, *(held.workload for held in ruleset.held_out)]:
        rules_of(load_workload(workload), ruleset.version)
    for held in ruleset.held_out:
        assert load_workload(held.workload).base == held.base


def test_protocol_of_each_ruleset() -> None:
    numbers = {
        name: (ruleset.num_studies, ruleset.trials_per_study, ruleset.budget_factor)
        for name in OFFICIAL_RULESETS
        if (ruleset := load_ruleset(*name.rsplit("_", 1)))
    }
    assert numbers == {
        "v0.5_external": (5, 5, 1),
        "v0.5_self": (5, 1, 3),
        "v0.6_external": (3, 5, 1),
        "v0.6_self": (3, 1, 1.5),
    }
    drawn = {
        name: [h.workload for h in load_ruleset("v0.5", name).held_out]
        for name in ("external", "self")
    }
    assert drawn == {"external": list(HELD_OUT), "self": list(HELD_OUT)}
    assert not load_ruleset("v0.6", "external").held_out
