"""Set the targets of a workload as the benchmark sets them: by runs of a tuned baseline.

    python -m benchmarks.target_setting digits_vit --seeds 5 --write

For each seed a submission's point is trained with its schedule shortened to 75 % of step_hint, as in
the benchmark's own target setting, and evaluated at the end; a target is the median over seeds. The
runs are written to spec/target_setting/<workload>.json; the targets in the workload's file are copied
from there by hand, and a test compares them.
"""

import argparse
import contextlib
import importlib
import json
import platform
import statistics
from typing import Any

from harness import tuning
from harness.submission import ROOT
from inputs import pipeline
from spec import loading, rng
from spec.workload_pb2 import Workload

HORIZON = 0.75  # of step_hint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload")
    parser.add_argument("--backend", default="pytorch", choices=["jax", "pytorch"])
    parser.add_argument("--submission", default="nadamw")
    parser.add_argument("--trial", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, help="instead of the point's own")
    parser.add_argument("--write", action="store_true", help="record the runs")
    options = parser.parse_args()
    runs = [run(options, seed) for seed in range(options.seeds)]
    targets = {split: statistics.median(r[split] for r in runs) for split in ("validation", "test")}
    print("median over seeds:", targets)
    if options.write:
        record = {
            "workload": options.workload,
            "submission": options.submission,
            "trial": options.trial,
            "backend": options.backend,
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "targets": targets,
            "runs": runs,
        }
        path = loading.ROOT / "target_setting" / f"{options.workload}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")


def run(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One training run: {"seed": ..., "steps": ..., split: the target metric}."""
    backend = importlib.import_module(f"backends.{options.backend}.workload")
    placement = importlib.import_module(f"backends.{options.backend}.placement")
    name = f"submissions.{options.submission}.submission_{options.backend}"
    submission = importlib.import_module(name)
    message = Workload()
    message.CopyFrom(loading.load_workload(options.workload))
    num_steps = round(HORIZON * message.rules["v0.6"].step_hint)
    message.rules["v0.6"].step_hint = num_steps
    workload = backend.Workload(message, "v0.6")
    points = tuning.read_points(
        ROOT / options.submission / "search_space.json", options.trial, seed=0
    )
    fields = points[options.trial - 1]
    if options.learning_rate is not None:
        fields["learning_rate"] = options.learning_rate
    point = tuning.as_object(fields)
    key = placement.rng(rng.key_words(seed, "model"))
    params, state = workload.init_model_fn(key)
    optimizer = submission.init_optimizer_state(workload, params, state, point, key)
    batch_size = submission.get_batch_size(options.workload)
    with contextlib.closing(pipeline.TrainBatches(message, seed, batch_size)) as batches:
        for step, batch in zip(range(num_steps), batches, strict=False):
            optimizer, params, state = submission.update_params(
                workload=workload,
                current_param_container=params,
                current_params_types=workload.model_params_types,
                model_state=state,
                hyperparameters=point,
                batch=placement.place_batch(batch),
                loss_type=workload.loss_type,
                optimizer_state=optimizer,
                eval_results=[],
                global_step=step,
                rng=placement.rng(rng.key_words(seed, "update", step=step)),
            )
    result = {"seed": seed, "steps": num_steps}
    for split in ("validation", "test"):
        metrics = workload.evaluate(params, state, key, pipeline.eval_batches(message, split))
        result[split] = metrics[workload.target_metric_name]
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
