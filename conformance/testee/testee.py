"""The questions about one backend, and its answers: arrays by name, canonical (spec/parameter.proto).

What is specific to a framework stands in conformance/testee/testee_jax.py and
conformance/testee/testee_pytorch.py.
"""

import contextlib
import functools
import importlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from conformance.arrays import Arrays, cast, named, nonzero_rows, stacked
from conformance.testee import golden_answer
from conformance.testee.backend import Backend
from conformance.testee.course import (
    EVALUATIONS,
    Course,
    LossLogger,
    PlacedBatches,
    point_of,
    with_step_hint,
)
from conformance.testee.filling import filled_parameter, filled_state
from conformance.testee.gradient_field import PlacedField
from harness.submission import ROOT, Source, chosen_batch_size, find, load
from inputs import pipeline
from inputs import stand_in as stand_ins
from inputs.pipeline import named_arrays
from spec import loading, rng
from spec.interface import ForwardPassMode
from spec.workload_pb2 import TRANSLATION, Precision
from spec.workload_pb2 import Workload as Message


class Testee(Backend):
    """Answers about one backend: every method is a question."""

    def source(self, submission: str) -> Source:
        """A submission by its name in this repository or the path of its folder or file."""
        return find(submission, Path(submission), self.framework)

    def functions(self, source: Source) -> Any:
        """An object with the submission's functions; of this repository's the module itself, which
        others import too.
        """
        if source.folder.parent == ROOT:
            name = f"submissions.{source.folder.name}.{source.module.stem}"
            return importlib.import_module(name)
        return load(source)

    def workload(self, name: str) -> Any:
        return self.open(loading.load_workload(name))

    def parameters(self, workload: str, seed: int) -> Arrays:
        """`declaration/<name>`: the Parameter message's bytes; `initial/<name>` and
        `initial_state/<name>`.
        """
        chosen = self.workload(workload)
        declared = {
            p.name: np.frombuffer(p.SerializeToString(deterministic=True), np.uint8)
            for p in chosen.parameters
        }
        params, state = chosen.export_model(
            *chosen.init_model_fn(self.key(rng.key_words(seed, "init_model")))
        )
        return (
            named("declaration", declared)
            | named("initial", params)
            | named("initial_state", state)
        )

    def data(self, workload: str, seed: int, batch_size: int, num_batches: int) -> Arrays:
        """Batches as the devices hold them, `<stream>/<i>/<key>`: `train`; `resumed`, its second
        half from a pipeline that starts there; `sharded`, the first put together from two shards;
        and every evaluation split.
        """
        message = loading.load_workload(workload)

        def train(count: int, **options: Any) -> list[Arrays]:
            batches = pipeline.TrainBatches(message, seed, batch_size, **options)
            with contextlib.closing(batches):
                return [self._on_devices(b) for b in itertools.islice(batches, count)]

        half = num_batches // 2
        shards = zip(*(train(num_batches, shard=(index, 2)) for index in range(2)), strict=True)
        streams = {
            "train": train(num_batches),
            "resumed": train(num_batches - half, start_step=half),
            "sharded": [{k: np.concatenate([a[k], b[k]]) for k in a} for a, b in shards],
        }
        for split in pipeline.eval_splits(message):
            batches = pipeline.eval_batches(message, split)
            streams[split] = [self._on_devices(b) for b in batches]
        return {
            f"{name}/{number}/{key}": array
            for name, batches in streams.items()
            for number, batch in enumerate(batches)
            for key, array in batch.items()
        }

    def forward(
        self,
        workload: str,
        seed: int,
        batch_size: int,
        dropout_rate: float,
        label_smoothing: float,
        stand_in: bool,
        exact: str,
    ) -> Arrays:
        """The arrays of `_passes` in float32, or as the workload's precision asks, and, if `exact` is not
        empty, again in that type throughout, as `float64/...` or `float32/...`: float64 shows what
        float32 hides, such as another epsilon beside a variance of 1, and float32 what bfloat16 hides.

        `stand_in` asks for generated examples in the place of the workload's data.
        """
        message = loading.load_workload(workload)
        chosen = self.open(message)
        batch = self._batch(workload, seed, batch_size, stand_in)
        passes = functools.partial(
            self._passes,
            batch=batch,
            seed=seed,
            dropout_rate=dropout_rate,
            label_smoothing=label_smoothing,
        )
        answer = passes(chosen, dtype="float32")
        if exact:
            if message.precision.compute != Precision.FLOAT32:
                chosen = self.open(_unrounded(message))
            with self.float64() if exact == "float64" else contextlib.nullcontext():
                answer |= named(exact, passes(chosen, dtype=exact))
        return answer

    def _passes(
        self,
        workload: Any,
        batch: dict[str, Any],
        seed: int,
        dropout_rate: float,
        label_smoothing: float,
        dtype: str,
    ) -> Arrays:
        """On filled parameters and state, the last example masked out: `eval/logits`,
        `eval/per_example`, of speech `eval/decoded`, and `eval_state/<name>`, which stays although it
        is told to move; with dropout and smoothing `train/logits`, `train/<loss entry>`,
        `gradient/<name>` and `state/<name>` after the pass; `frozen/logits` and
        `frozen_state/<name>` of a training pass with update_batch_norm=False and the workload's own
        dropout rate. Of the gradient of an embedding only the rows are given that are not zero,
        whose numbers are `gradient_rows/<name>`.
        """
        placed = self.place(cast(batch, dtype))
        filling = self._filling(workload, seed, dtype)
        key = self.key(rng.key_words(seed, "forward"))

        def model() -> tuple[Any, Any]:  # a new one for each pass, which may change it
            return workload.import_model(*filling)

        logits, unmoved = self.forward_pass(
            workload, model(), placed, key, ForwardPassMode.EVAL, update_batch_norm=True
        )
        loss = workload.loss_fn(placed["targets"], logits, placed["weights"])
        tokens = {"decoded": self.decoded(logits)} if isinstance(logits, tuple) else {}
        train = self.training_pass(
            workload,
            model(),
            placed,
            key,
            dropout_rate=dropout_rate,
            label_smoothing=label_smoothing,
        )
        frozen, held = self.forward_pass(
            workload, model(), placed, key, ForwardPassMode.TRAIN, update_batch_norm=False
        )
        return (
            named("eval", self.fetch({"logits": logits, "per_example": loss["per_example"]}))
            | named("eval", tokens)
            | named("eval_state", unmoved)
            | named("train", {"logits": train.logits, **train.loss})
            | nonzero_rows(train.gradients, workload.parameters)
            | named("state", train.state)
            | named("frozen", {"logits": self.fetch(frozen)})
            | named("frozen_state", held)
        )

    def metrics(self, workload: str, seed: int) -> Arrays:
        """`<split>/<metric>` on filled parameters and state; where the metrics are those of
        translations, also `translations`, tokens of the first batch of the validation split.
        """
        chosen = self.workload(workload)
        message = loading.load_workload(workload)
        key = self.key(rng.key_words(seed, "metrics"))
        model = self._filled(chosen, seed)
        results = {
            split: chosen.evaluate(*model, key, pipeline.eval_batches(message, split))
            for split in pipeline.eval_splits(message)
        }
        found = {
            f"{split}/{metric}": np.asarray(value, np.float64)
            for split, values in results.items()
            for metric, value in values.items()
        }
        if message.metrics == TRANSLATION:
            batch = self.place(next(pipeline.eval_batches(message, "validation")))
            translations = self.fetch(chosen.translate_fn(model[0], batch))
            found["translations"] = translations.astype(np.int64)
        return found

    def trajectory(
        self, workload: str, seed: int, submission: str, trial: int, num_steps: int
    ) -> Arrays:
        """A submission from the first parameters on: `loss` [num_steps] as it logs it, then
        `parameter/<name>` and `state/<name>`.
        """
        chosen = self.workload(workload)
        source = self.source(submission)
        module = self.functions(source)
        message = loading.load_workload(workload)
        logger = chosen.metrics_logger = LossLogger()
        course = Course(self, chosen, module, point_of(source, trial), seed)
        course.start(*chosen.init_model_fn(self.key(rng.key_words(seed, "init_model"))))
        size = chosen_batch_size(module.get_batch_size, message)
        batches = pipeline.TrainBatches(message, seed, size)
        with contextlib.closing(batches):
            queue = map(self.place, batches)
            for step in range(num_steps):
                course.step(step, queue)
        final, statistics = chosen.export_model(course.params, course.model_state)
        losses = np.array(self.fetch(logger.losses), np.float64)
        return {"loss": losses} | named("parameter", final) | named("final_state", statistics)

    def steps(
        self,
        submission: str,
        workload: str,
        seed: int,
        trial: int,
        num_steps: int,
        dtype: str,
        changes: dict[str, Any],
        end_to_end: bool,
    ) -> Arrays:
        """A submission on a gradient field over the workload's parameters, or `end_to_end` on its model
        and batches: `parameter/<name>` [num_steps + 1, *shape] before the first step and after each;
        `evaluated/<name>` [EVALUATIONS, *shape] as it prepares them for evaluation, at equal
        distances.

        The step hint is two thirds of the steps, so that schedules are seen beyond their end.
        `changes` are hyperparameters that differ from the trial's point.
        """
        source = self.source(submission)
        module, point = self.functions(source), point_of(source, trial, changes)
        with self.float64() if dtype == "float64" else contextlib.nullcontext():
            ground = self._ground(workload, seed, num_steps, dtype, end_to_end)
            course = Course(self, ground.workload, module, point, seed)
            course.start(*ground.workload.import_model(ground.start, ground.state))
            parameters, evaluated = [course.parameters()], []
            for step in range(num_steps):
                course.step(step, iter([ground.batch(step)]))
                parameters.append(course.parameters())
                if (step + 1) % (num_steps // EVALUATIONS) == 0:
                    course.prepare_for_eval(step)
                    evaluated.append(course.parameters())
        return named("parameter", stacked(parameters)) | named("evaluated", stacked(evaluated))

    @functools.lru_cache(maxsize=1)  # noqa: B019  # a process has one testee
    def _ground(
        self, workload: str, seed: int, num_steps: int, dtype: str, end_to_end: bool
    ) -> PlacedField | PlacedBatches:
        message = with_step_hint(loading.load_workload(workload), num_steps * 2 // 3)
        if end_to_end:
            return PlacedBatches(self, message, seed, dtype)
        return PlacedField(self, self.open_field(message), seed, dtype)

    def golden(self, file: str, float64: bool) -> Arrays:
        """Summaries of everything that a file of golden vectors records, computed in float32 or, if asked
        for, in float64.
        """
        if not float64:
            return golden_answer.answer(self, Path(file), np.float32)
        with self.float64():
            return golden_answer.answer(self, Path(file), np.float64)

    def _filled(self, workload: Any, seed: int) -> tuple[Any, Any]:
        return workload.import_model(*self._filling(workload, seed, "float32"))

    def _filling(self, workload: Any, seed: int, dtype: str) -> tuple[Arrays, Arrays]:
        state = workload.initial_state
        return (
            {p.name: cast(filled_parameter(p, seed), dtype) for p in workload.parameters},
            {n: cast(filled_state(n, a.shape, seed), dtype) for n, a in state.items()},
        )

    def _on_devices(self, batch: dict[str, Any]) -> Arrays:
        return named_arrays(self.fetch(self.place(batch)))

    def _batch(self, workload: str, seed: int, batch_size: int, stand_in: bool) -> dict[str, Any]:
        message = loading.load_workload(workload)
        if stand_in:
            message = stand_ins.stand_in(message, batch_size)
        source = pipeline.open_source(message)
        batch = pipeline.train_batch(source, seed, batch_size, slice(None), 0)
        weights = pipeline.weights_of(batch).copy()
        weights[-1] = 0
        return batch | {"weights": weights}


def _unrounded(message: Message) -> Message:
    """The workload with activations in the type of its parameters."""
    result = Message()
    result.CopyFrom(message)
    result.precision.compute = Precision.FLOAT32
    return result
