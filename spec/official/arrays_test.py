import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import loading, official
from spec.layouts import to_torch_layout
from spec.loading import SpecError
from spec.models_pb2 import DeepSpeech, Dlrm, Model, TransformerMT
from spec.official import arrays
from spec.parameter_pb2 import BATCH_NORM_SCALE, CONV, MATRIX, Parameter

# Of the official PyTorch models: tensors that are parameters, values in them, tensors that are batch
# statistics, and the first digits of a SHA-256 over lines of name and shape.
MEASURED = {
    "cifar": (62, 11_173_962, 40, "e3c79035de9b59f7"),
    "criteo1tb": (20, 539_267_457, 0, "5dcc785eb0e8af29"),
    "fastmri": (24, 7_756_097, 0, "c5704d1b98964c46"),
    "imagenet_resnet": (161, 25_557_032, 106, "67dfe9cd2267bb5e"),
    "imagenet_vit": (200, 22_122_472, 0, "e57c25eba64116b6"),
    "librispeech_conformer": (138, 32_321_792, 8, "efa3a83e20024fc4"),
    "librispeech_deepspeech": (82, 18_393_600, 18, "3307613cc6a50386"),
    "mnist": (4, 101_770, 0, "ff50a226e98b04ec"),
    "ogbg": (66, 3_554_176, 0, "376ed560ab610120"),
    "wmt": (155, 133_521_408, 0, "c310a3780769ed2c"),
}


def shapes(name: str, form: str = "pytorch") -> dict[str, tuple[int, ...]]:
    workload, manifest = loading.load_workload(name), loading.load_manifest(name)
    assert manifest is not None
    return arrays.shapes(arrays.official_tensors(workload.model, manifest.parameters, form))


@pytest.mark.parametrize("name", MEASURED)
def test_names_and_shapes_are_those_of_the_official_pytorch_models(name: str) -> None:
    found = shapes(name)
    statistics = {n for n in found if n.endswith((".running_mean", ".running_var"))}
    num_values = sum(math.prod(s) for n, s in found.items() if n not in statistics)
    lines = "\n".join(f"{n} {list(shape)}" for n, shape in sorted(found.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    num_parameters = len(found) - len(statistics)
    assert (num_parameters, num_values, len(statistics), digest) == MEASURED[name]


@pytest.mark.parametrize(
    ("variant", "ours", "theirs"),
    [
        ("criteo1tb_layernorm", "embedding_layernorm.scale", "LayerNorm_3/scale"),
        ("criteo1tb_layernorm", "top.3.layernorm.bias", "LayerNorm_7/bias"),
        ("criteo1tb_resnet", "head.kernel", "Dense_7/kernel"),
        ("fastmri_model_size", "bottleneck.conv1.kernel", "ConvBlock_3/Conv_0/kernel"),
        ("fastmri_model_size", "up.2.block.conv2.kernel", "ConvBlock_6/Conv_1/kernel"),
        ("fastmri_layernorm", "up.0.block.layernorm2.bias", "ConvBlock_5/LayerNorm_1/bias"),
        (
            "imagenet_vit_glu",
            "blocks.0.mlp.gate.kernel",
            "Transformer/encoderblock_0/MlpBlock_3/Dense_1/kernel",
        ),
        ("imagenet_vit_map", "attention_pool.probe", "MAPHead_0/probe"),
        (
            "imagenet_vit_map",
            "attention_pool.mlp.dense2.bias",
            "MAPHead_0/MlpBlock_0/Dense_1/bias",
        ),
        (
            "librispeech_deepspeech_norm_and_spec_aug",
            "recurrent.5.norm.layernorm.scale",
            "BatchRNN_5/LayerNorm_0/scale",
        ),
        ("ogbg_model_size", "rounds.1.edge_mlp.layers.1.dense.kernel", "Dense_7/kernel"),
        ("ogbg_model_size", "decoder.kernel", "Dense_18/kernel"),
        (
            "wmt_glu_tanh",
            "decoder.0.mlp.dense2.kernel",
            "decoder/encoderdecoderblock_0/MlpBlock_0/Dense_2/kernel",
        ),
        (
            "wmt_post_ln",
            "decoder.5.layernorm3.scale",
            "decoder/encoderdecoderblock_5/LayerNorm_2/scale",
        ),
    ],
)
def test_variants_have_their_official_jax_names(variant: str, ours: str, theirs: str) -> None:
    model = loading.load_workload(variant).model
    assert official.jax_paths(model, [ours]) == {ours: theirs}


def test_the_language_model_whose_names_were_not_measured() -> None:
    found = shapes("finewebedu_lm")
    assert sum(map(math.prod, found.values())) == 252_815_372
    assert found["layers.11.attn.w_qkv.weight"] == (3072, 1024)
    assert found["layers.0.attn.attn_scale"] == ()
    assert found["layers.0.mlp.fc1.weight"] == (8192, 1024)
    assert {"embed_tokens.weight", "layers.0.attn_norm.weight", "out_norm.weight"} <= found.keys()
    jax = shapes("finewebedu_lm", "jax")
    assert jax["blocks_0/CausalAttn_0/attn_out_proj/kernel"] == (1024, 1024)
    assert jax["blocks_0/CausalAttn_0/query/kernel"] == (1024, 8, 128)


def matrix(name: str, rows: int, columns: int) -> Parameter:
    return Parameter(name=name, shape=[rows, columns], layout=MATRIX, fan_in=rows, fan_out=columns)


def numbered(parameters: list[Parameter]) -> dict[str, np.ndarray]:
    """Arrays no value of which is like another."""
    sizes = [math.prod(p.shape) for p in parameters]
    values = np.split(np.arange(sum(sizes), dtype=np.float32), np.cumsum(sizes)[:-1])
    return {p.name: v.reshape(tuple(p.shape)) for p, v in zip(parameters, values, strict=True)}


def test_queries_keys_and_values_stand_one_behind_another() -> None:
    model = Model(transformer_mt=TransformerMT(depth=1))
    names = [f"decoder.0.cross_attention.{part}.kernel" for part in ("value", "key", "query")]
    parameters = [matrix(name, 2, 3) for name in names]  # in another order than officially
    value, key, query = numbered(parameters).values()
    held = arrays.official_tensors(model, parameters, "pytorch")
    official = arrays.to_official(held, numbered(parameters))
    layer = "decoder.decoder.layers.0.multihead_attn"
    np.testing.assert_array_equal(official[f"{layer}.q_proj.weight"], query.T)
    both = official[f"{layer}.kv_proj.weight"]
    np.testing.assert_array_equal(both, np.concatenate([key.T, value.T]))


def lstm() -> tuple[list[Parameter], list[arrays.Tensors]]:
    cell = "recurrent.0.lstm.backward"
    kernels = [matrix(f"{cell}.input_{gate}.kernel", 3, 2) for gate in "ifgo"]
    biases = [Parameter(name=f"{cell}.hidden_{gate}.bias", shape=[2]) for gate in "ifgo"]
    model = Model(deepspeech=DeepSpeech(num_lstm_layers=1))
    parameters = [*kernels, *biases]
    return parameters, arrays.official_tensors(model, parameters, "pytorch")


def test_the_gates_of_an_lstm_stand_in_pytorchs_order() -> None:
    parameters, held = lstm()
    canonical = numbered(parameters)
    official = arrays.to_official(held, canonical)
    stacked = np.concatenate([canonical[p.name].T for p in parameters[:4]])
    np.testing.assert_array_equal(official["lstms.0.lstm.weight_ih_l0_reverse"], stacked)


def test_of_two_biases_the_sum_comes_in_and_one_goes_out() -> None:
    parameters, held = lstm()
    official = arrays.to_official(held, numbered(parameters))
    assert not official["lstms.0.lstm.bias_ih_l0_reverse"].any()
    official["lstms.0.lstm.bias_ih_l0_reverse"] += 0.5
    canonical = arrays.from_official(held, official)
    for name, array in numbered(parameters).items():
        np.testing.assert_array_equal(canonical[name], array + 0.5 * name.endswith("bias"))


def test_an_embedding_in_chunks() -> None:
    model = Model(dlrm=Dlrm(bottom_widths=[2], top_widths=[2]))
    table = Parameter(name="embedding.embedding", shape=[8, 3])
    held = arrays.official_tensors(model, [table], "pytorch")
    official = arrays.to_official(held, numbered([table]))
    assert list(official) == [f"embedding_chunk_{chunk}" for chunk in range(4)]
    expected = np.arange(12, 18).reshape(2, 3)
    np.testing.assert_array_equal(official["embedding_chunk_2"], expected)
    with pytest.raises(SpecError, match="has 9 rows, expected a multiple of 4"):
        shape = Parameter(name="embedding.embedding", shape=[9, 3])
        arrays.official_tensors(model, [shape], "pytorch")


def test_statistics_that_grew_axes_are_taken() -> None:
    scale = Parameter(name="dense.0.norm.batchnorm.scale", shape=[2], type=BATCH_NORM_SCALE)
    model = Model(deepspeech=DeepSpeech(num_dense_layers=1))
    held = arrays.official_tensors(model, [scale], "jax")
    official = arrays.to_official(held, numbered(arrays.with_statistics([scale])))
    path = "batch_stats/FeedForwardModule_0/BatchNorm_0/var"
    official[path] = official[path].reshape(1, 1, 2)
    arrays.check(arrays.shapes(held), {n: (a.shape, "F32") for n, a in official.items()})
    back = arrays.from_official(held, official)
    np.testing.assert_array_equal(back["dense.0.norm.batchnorm.var"], [4, 5])


def test_all_that_is_wrong_is_listed() -> None:
    expected = {"a": (2, 3), "b": (3,), "c": (), "d": (1, 4)}
    found = {
        "a": ((3, 2), "F32"),
        "b": ((3,), "BF16"),
        "d": ((4, 1), "F32"),
        "e": ((1,), "F32"),
        "bn1.num_batches_tracked": ((), "I64"),
    }
    with pytest.raises(SpecError) as caught:
        arrays.check(expected, found)
    assert str(caught.value).split("; ") == [
        "c is missing",
        "a has shape [3, 2], expected [2, 3]",
        "b is of type BF16, expected F32",
        "e is unknown",
    ]


# Zeros of both signs, infinity, a quiet and a signalling NaN, the smallest number, and any other.
special = st.sampled_from([0, 0x80000000, 0x7F800000, 0x7FC00000, 0x7F800001, 1])
words = st.lists(special | st.integers(0, 2**32 - 1), min_size=48, max_size=48)


@settings(max_examples=50)
@given(words, st.sampled_from(arrays.FORMATS))
def test_every_bit_comes_back(bits: list[int], form: str) -> None:
    parameters, _ = lstm()
    conv = Parameter(name="subsampling.conv1.kernel", shape=[2, 2, 1, 4], layout=CONV)
    listed = [*parameters, conv]
    model = Model(deepspeech=DeepSpeech(num_lstm_layers=1))
    held = arrays.official_tensors(model, listed, form)
    values = np.array(bits, np.uint32).view(np.float32)
    canonical = {name: values[a.astype(int)] for name, a in numbered(listed).items()}
    back = arrays.from_official(held, arrays.to_official(held, canonical))
    assert back.keys() == canonical.keys()
    for name, array in canonical.items():
        assert back[name].tobytes() == array.tobytes()
        assert back[name].shape == array.shape
    if form == "pytorch":
        turned = arrays.to_official(held, canonical)["subsample.conv1.kernel"]
        assert turned.tobytes() == to_torch_layout(conv, canonical[conv.name]).tobytes()
