"""Set the targets of a workload as the benchmark sets them: by runs of a tuned baseline.

    python -m benchmarks.target_setting digits_vit --seeds 5 --write

For each seed a submission's point is trained for step_hint steps and evaluated ten times on the way. A target is the median over
seeds of the metric at 75 % of step_hint (the horizon of the benchmark's own target setting). The runs are written to
spec/target_setting/<workload>.json; the targets in the workload's file are copied from there by hand, and a test compares them.
"""

import argparse
import collections
import contextlib
import importlib
import json
import platform
import statistics
from typing import Any

from inputs import pipeline
from spec import loading, rng

EVALUATIONS = 10
HORIZON = 0.8  # the evaluation nearest above 75 % of step_hint


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
    targets = {
        split: statistics.median(dict(r[split])[r["horizon"]] for r in runs)
        for split in ("validation", "test")
    }
    print(f"median at {HORIZON:.0%} of step_hint:", targets)
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
    """One training run: {split: [[step, metric] ...]}."""
    backend = importlib.import_module(f"backends.{options.backend}.workload")
    placement = importlib.import_module(f"backends.{options.backend}.placement")
    name = f"submissions.{options.submission}.submission_{options.backend}"
    submission = importlib.import_module(name)
    message = loading.load_workload(options.workload)
    workload = backend.Workload(message, "v0.6")
    points = loading.ROOT.parent / "submissions" / options.submission / "search_space.json"
    fields = json.loads(points.read_text())[options.trial - 1]
    if options.learning_rate is not None:
        fields["learning_rate"] = options.learning_rate
    point = collections.namedtuple("Hyperparameters", fields)(**fields)
    key = placement.rng(rng.key_words(seed, "model"))
    params, state = workload.init_model_fn(key)
    optimizer = submission.init_optimizer_state(workload, params, state, point, key)
    period = workload.step_hint // EVALUATIONS
    result: dict[str, Any] = {"seed": seed, "horizon": round(HORIZON * EVALUATIONS) * period}
    batch_size = submission.get_batch_size(options.workload)
    with contextlib.closing(pipeline.TrainBatches(message, seed, batch_size)) as batches:
        for step, batch in zip(range(workload.step_hint), batches, strict=False):
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
            if (step + 1) % period == 0:
                for split in ("validation", "test"):
                    examples = pipeline.eval_batches(message, split)
                    metrics = workload.evaluate(params, state, key, examples)
                    value = metrics[workload.target_metric_name]
                    result.setdefault(split, []).append([step + 1, value])
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
