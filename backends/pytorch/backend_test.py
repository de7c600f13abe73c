"""The PyTorch backend on its own: known answers, the workload object.

What it shares with JAX is tested in conformance/.
"""

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch

from backends.pytorch import layers, losses, placement
from backends.pytorch.layers import Pass
from backends.pytorch.run import Backend
from backends.pytorch.submission import Submission
from backends.pytorch.workload import Workload
from inputs import pipeline
from spec import loading, rng, submission_pb2
from spec.interface import ForwardPassMode, LossType, ParameterType
from spec.workload_pb2 import Precision
from spec.workload_pb2 import Workload as Message

EVAL = Pass(train=False)


def filled(module: Any, **values: Any) -> Any:
    """The layer with values in its tensors."""
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    with torch.no_grad():
        for name, value in values.items():
            tensors[name].copy_(torch.as_tensor(value))
    return module


def test_the_typing_protocol_is_the_service() -> None:
    service = submission_pb2.DESCRIPTOR.services_by_name["Submission"]
    for method in service.methods:
        expected = ["self", *(field.name for field in method.input_type.fields)]
        function = getattr(Submission, method.name)
        assert list(inspect.signature(function).parameters) == expected, method.name


def test_cross_entropy_known_answers() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    label, smoothing = torch.tensor([0]), 0.3
    loss = losses.softmax_cross_entropy(label, logits, 0.0)
    np.testing.assert_allclose(loss, [-math.log(0.7)], rtol=1e-6)
    expected = -0.7 * math.log(0.7) - 0.1 * (math.log(0.7) + math.log(0.2) + math.log(0.1))
    smoothed = losses.softmax_cross_entropy(label, logits, smoothing)
    np.testing.assert_allclose(smoothed, [expected], rtol=1e-6)
    distribution = losses.softmax_cross_entropy(torch.tensor([[1.0, 0, 0]]), logits, smoothing)
    np.testing.assert_allclose(distribution, smoothed, rtol=1e-6)
    tokens = losses.softmax_cross_entropy(label[None], logits[None], 0.0)
    assert tokens.shape == (1, 1)


def test_a_loss_counts_valid_examples_only() -> None:
    reduced = losses.reduced(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 1.0]))
    assert float(reduced["summed"]) == 5 and float(reduced["n_valid_examples"]) == 2
    np.testing.assert_array_equal(reduced["per_example"], [1, 0, 4])
    assert float(losses.reduced(torch.ones((2, 3)), None)["n_valid_examples"]) == 6


def test_batch_norm_by_hand() -> None:
    norm = filled(
        layers.BatchNorm(1, decay=0.9, epsilon=1e-12),
        weight=[2.0],
        bias=[1.0],
        running_mean=[10.0],
        running_var=[4.0],
    )
    x = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)  # mean 2, biased variance 1
    with torch.no_grad():
        np.testing.assert_allclose(norm(x, EVAL).flatten(), [-8, -6])
        np.testing.assert_allclose(norm(x, Pass(train=True)).flatten(), [-1, 3])
        np.testing.assert_allclose(norm.running_mean, [10])
        norm(x, Pass(train=True, update_batch_norm=True))
    np.testing.assert_allclose(norm.running_mean, [9.2], rtol=1e-6)
    np.testing.assert_allclose(norm.running_var, [3.7], rtol=1e-6)


def test_same_padding_puts_the_odd_zero_behind() -> None:
    conv = filled(layers.Conv(1, 1, (3, 3), stride=2), weight=np.ones((1, 1, 3, 3)))
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    with torch.no_grad():
        np.testing.assert_array_equal(conv(image)[0, 0], [[45, 39], [66, 50]])


def test_causal_attention_sees_no_later_token() -> None:
    q, k, v = torch.randn(3, 1, 4, 2, 8, generator=torch.Generator().manual_seed(0))
    before = layers.attention(q, k, v, scale=1.0, causal=True)
    k[:, 3], v[:, 3] = 9, 9
    after = layers.attention(q, k, v, scale=1.0, causal=True)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3] != after[:, 3]).any()


def test_dropout_in_training_only_and_scaled() -> None:
    dropout = layers.Dropout()
    dropout.site = "here"
    x = torch.ones(4, 3)
    mask = torch.arange(12).reshape(4, 3) < 6
    how = Pass(train=True, dropout_rate=0.75, keep_mask=lambda *_: mask)
    assert float(dropout(x, how).sum()) == 24
    np.testing.assert_array_equal(dropout(x, EVAL), x)
    np.testing.assert_array_equal(dropout(x, Pass(train=True)), x)


@pytest.mark.parametrize(
    ("layer", "shape", "units"),
    [
        (layers.Dropout, (300, 400), np.s_[:, :]),
        (layers.ChannelDropout, (300, 400, 2, 3), np.s_[:, :, 0, 0]),
    ],
)
def test_pytorchs_own_dropout_drops_the_rate_and_scales_the_rest(
    layer: type[layers.Dropout], shape: tuple[int, ...], units: Any
) -> None:
    rate = 0.3

    def dropped(*, train: bool = True) -> np.ndarray:
        return layer()(torch.ones(shape), Pass(train=train, dropout_rate=rate)).numpy()

    torch.manual_seed(0)
    y, other = dropped(), dropped()
    sigma = math.sqrt(rate * (1 - rate) / y[units].size)
    assert abs(np.mean(y[units] == 0) - rate) < 5 * sigma
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    assert abs(np.corrcoef(y[units].ravel(), other[units].ravel())[0, 1]) < 0.02
    torch.manual_seed(0)
    np.testing.assert_array_equal(y, dropped())
    assert (dropped(train=False) == 1).all()


def test_predictions_follow_the_loss(workload: Workload) -> None:
    p = torch.tensor([[0.7, 0.2, 0.1]])
    cases = {
        LossType.SOFTMAX_CROSS_ENTROPY: torch.log(p) + 1,
        LossType.SIGMOID_CROSS_ENTROPY: torch.log(p / (1 - p)),
        LossType.MEAN_ABSOLUTE_ERROR: p,
    }
    for loss, logits in cases.items():
        np.testing.assert_allclose(workload.output_activation_fn(logits, loss), p, rtol=1e-6)


@pytest.fixture(scope="module")
def workload() -> Workload:
    return Workload(loading.load_workload("digits_vit"), "v0.6")


def test_dictionaries_have_the_names_of_the_module(workload: Workload) -> None:
    model, state = workload.init_model_fn(rng.key_words(0, "model"))
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes == {name: s.shape_tuple for name, s in workload.param_shapes.items()}
    assert state is None
    assert set(map(type, workload.model_params_types.values())) == {ParameterType}
    assert workload.is_output_params("head.kernel")


def test_dropout_follows_pytorchs_generator(workload: Workload) -> None:
    model, _ = workload.init_model_fn(rng.key_words(0, "model"))
    torch.nn.init.ones_(dict(model.named_parameters())["head.weight"])
    batch = placement.place_batch(next(pipeline.TrainBatches(workload.message, 0, 4)))

    def logits(seed: int, rate: float) -> np.ndarray:
        torch.manual_seed(seed)
        arguments = (model, batch, None, ForwardPassMode.TRAIN, rng.key_words(0, "a"))
        return workload.model_fn(*arguments, True, dropout_rate=rate)[0].detach().numpy()

    np.testing.assert_array_equal(logits(0, 0.5), logits(0, 0.5))
    assert (logits(0, 0.5) != logits(1, 0.5)).any()
    np.testing.assert_array_equal(logits(0, 0.0), logits(1, 0.0))


def test_dropout_follows_the_trial_s_seed(workload: Workload) -> None:
    drawn = []
    for seed in (0, 0, 1):
        key = rng.key_words(seed, "init_model")
        workload.init_model_fn(key)
        assert torch.initial_seed() == rng.seed_of(key)
        drawn.append(torch.rand(4).tolist())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("matmul", ["IEEE_FLOAT32", "TF32"])
def test_the_switches_are_those_of_the_workload(
    matmul: Any, deterministic: bool, workload: Workload
) -> None:
    placement.configure(Precision(matmul=matmul, deterministic=deterministic))
    try:
        tf32 = matmul == "TF32"
        assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
        assert torch.backends.cudnn.allow_tf32 == tf32
        assert torch.backends.cudnn.benchmark != deterministic
        assert torch.are_deterministic_algorithms_enabled() == deterministic
        assert not torch.utils.deterministic.fill_uninitialized_memory
    finally:
        placement.configure(workload.message.precision)


def test_a_model_goes_out_and_comes_in() -> None:
    workload = Workload(loading.load_workload("digits_resnet"), "v0.6")
    params, state = workload.export_model(*workload.init_model_fn(rng.key_words(1, "model")))
    state = {name: array + 1 for name, array in state.items()}
    again, same_state = workload.export_model(*workload.import_model(params, state))
    assert list(again) == [p.name for p in workload.parameters]
    for before, after in ((params, again), (state, same_state)):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


def test_running_out_of_memory_is_recognised() -> None:
    assert placement.is_out_of_memory(MemoryError())
    assert placement.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert placement.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not placement.is_out_of_memory(RuntimeError("something else"))
    assert not placement.is_out_of_memory(ValueError("we ran out of memory cells"))


def test_the_structure_tells_types_shapes_and_places() -> None:
    backend = Backend(loading.load_workload("digits_resnet"), "v0.6")
    model, state = backend.workload.init_model_fn(rng.key_words(0, "model"))
    structure = backend.structure(model, state)
    assert structure["params.head.bias"] == f"torch.float32[10] on {placement.device()}"
    assert structure["model_state.stem_batchnorm.running_mean"].startswith("torch.float32")
    assert backend.structure(model.double(), state)["params.head.bias"].startswith("torch.float64")
    with pytest.raises(AttributeError):
        backend.structure([], state)
    with pytest.raises(ValueError, match="the model state is None"):
        backend.structure(model, 5)


@pytest.mark.parametrize("name", ["digits_resnet", "pydoc_lm"])
def test_a_submission_cannot_change_the_evaluation(name: str) -> None:
    backend = Backend(loading.load_workload(name), "v0.6")
    model, state = backend.workload.init_model_fn(rng.key_words(0, "model"))
    batches = [next(iter(pipeline.eval_batches(backend.workload.message, "validation")))]
    key = backend.rng(rng.key_words(0, "evaluate"))
    honest = backend.evaluate(model, state, key, batches)
    assert honest == backend.workload.evaluate(model, state, key, batches)
    backend.workload.evaluate = lambda *arguments: {"accuracy": 1.0, "loss": 0.0}
    backend.workload.message.Clear()
    calls = []
    for part in model.modules():
        part.register_forward_pre_hook(lambda *arguments: calls.append(arguments))
    assert backend.evaluate(model, state, key, batches) == honest
    assert not calls


def test_reference_work_is_the_same_at_every_call() -> None:
    first = placement.reference_step(None)
    last = placement.reference_step(placement.reference_step(first))
    assert last.shape == (placement.REFERENCE_SIZE, placement.REFERENCE_SIZE)
    np.testing.assert_allclose(np.asarray(last), np.asarray(first), rtol=1e-3)


def copied(name: str) -> Message:
    message = Message()
    message.CopyFrom(loading.load_workload(name))
    return message


def passes(workload: Workload, model: Any, batch: Any) -> dict[str, torch.Tensor]:
    """What two training passes and one evaluation pass leave behind."""
    found = {}
    for mode in (ForwardPassMode.TRAIN, ForwardPassMode.TRAIN, ForwardPassMode.EVAL):
        train = mode == ForwardPassMode.TRAIN
        logits, _ = workload.model_fn(model, batch, None, mode, np.zeros(2, np.uint32), train)
        if train:
            workload.loss_fn(batch["targets"], logits, batch.get("weights"))["summed"].backward()
        found[mode.name] = logits.detach()
    found |= {name: parameter.grad for name, parameter in model.named_parameters()}
    return found | {name: buffer.clone() for name, buffer in model.named_buffers()}


@pytest.mark.parametrize("name", ["tiny/imagenet_resnet", "tiny/fastmri", "tiny/wmt"])
def test_models_to_be_compiled_are_one_graph(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message()
    message.CopyFrom(loading.load_workload(name))
    message.torch_compile = True
    workload = Workload(message, "v0.6")
    batch = placement.place_batch(next(pipeline.train_batches(message, 0, 8)))
    key = np.array([1, 2], np.uint32)
    compiled = []

    def trace(model: torch.nn.Module) -> None:
        """Compilation less the making of kernels, which takes a minute."""
        compiled.append(model)
        original(model, backend="eager", fullgraph=True)

    original = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", trace)
    model, _ = workload.init_model_fn(key)
    assert compiled == [model]
    eager = passes(workload, model, batch)  # on a CPU
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "0")  # on a GPU
    with torch._dynamo.config.patch(disable=False):
        traced = passes(workload, workload.init_model_fn(key)[0], batch)
    assert traced.keys() == eager.keys()
    for what, value in eager.items():
        torch.testing.assert_close(traced[what], value, rtol=0, atol=0, msg=what)


def test_what_is_not_to_be_compiled_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.nn.Module, "compile")
    key = np.array([1, 2], np.uint32)
    Workload(loading.load_workload("tiny/mnist"), "v0.6").init_model_fn(key)
    mnist = loading.load_workload("mnist")
    Workload(mnist, "v0.6", shared_masks=True).init_model_fn(key)
    with pytest.raises(AttributeError, match="compile"):
        Workload(mnist, "v0.6").init_model_fn(key)


def test_a_cpu_ignores_compilation_in_submissions(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Any:
        raise AssertionError("compiled")

    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    placement.configure(loading.load_workload("tiny/mnist").precision)
    double = torch.compile(lambda x: 2 * x, backend=fail)
    assert float(double(torch.tensor(2.0))) == 4
