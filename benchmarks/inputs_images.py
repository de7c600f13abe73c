"""Measures input pipelines of images: examples per CPU second, all threads together.

    python -m benchmarks.inputs_images

Data are made for the measurement: JPEGs of 500 x 375 pixels at quality 92, which is about what
ImageNet has, and k-space of 640 x 368. Bounds are the project's own; decoding alone has none, and
tells how fast the machine is.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inputs import fastmri, imagenet_samples, images, pipeline, records
from inputs.fastmri import FastMRI
from inputs.imagenet import ImageNet
from inputs.pipeline import Source
from inputs.records import Record
from spec.loading import load_workload
from spec.workload_pb2 import Workload

BATCH = 64
REPETITIONS = 5


class Case(NamedTuple):
    name: str
    bound: float  # examples per CPU second; 0 for none
    step: Callable[[], int]  # makes one batch; returns its number of examples


def cases(folder: Path) -> list[Case]:
    """Writes the data below `folder`."""
    result: list[Case] = []
    for name in ("imagenet_resnet", "imagenet_vit"):
        source = imagenet_source(name, folder / "imagenet")
        if not result:
            result.append(Case("imagenet, decoding alone", 0, decode_step(folder / "imagenet")))
        result.append(Case(f"{name}, train", 350, train_step(source)))
    result.append(Case("imagenet_resnet, validation", 350, eval_step(source)))
    scans = fastmri_source(folder / "raw", folder / "fastmri")
    result.append(Case("fastmri, train", 150, train_step(scans)))
    result.append(Case("fastmri, validation", 150, eval_step(scans)))
    return result


def imagenet_source(name: str, folder: Path) -> ImageNet:
    samples = (
        Record(imagenet_samples.jpeg(500, 375, number), number, f"{number:03d}.JPEG")
        for number in range(BATCH)
    )
    train = folder / "train" / "n00000000.records"
    if not train.exists():
        records.write_records(train, samples)
        for split in ("validation", "test"):
            (folder / f"{split}.records").write_bytes(train.read_bytes())
    return ImageNet(with_splits(name, BATCH), folder)


def fastmri_source(raw: Path, folder: Path) -> FastMRI:
    import h5py

    generator = np.random.Generator(np.random.PCG64(0))
    parts = generator.normal(size=(2, BATCH // 2, 640, 368)).astype(np.float32)
    for path in ("train/a", "train/b", "val/c", "val/d"):
        part, name = path.split("/")
        file_path = raw / f"knee_singlecoil_{part}" / f"{name}.h5"
        file_path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(file_path, "w") as file:
            file["kspace"] = parts[0] + 1j * parts[1]
            file["reconstruction_esc"] = np.abs(parts[0, :, :320, :320])
            file.attrs["max"] = 1.0
    fastmri.prepare(raw, folder)
    workload = with_splits("fastmri", BATCH)
    workload.dataset.fastmri.num_validation_volumes = 1
    workload.splits.validation = workload.splits.test = BATCH // 2
    return FastMRI(workload, folder)


def with_splits(name: str, size: int) -> Workload:
    workload = Workload()
    workload.CopyFrom(load_workload(name))
    splits = workload.splits
    splits.train = splits.eval_train = splits.validation = splits.test = size
    return workload


def train_step(source: Source) -> Callable[[], int]:
    return lambda: len(pipeline.train_batch(source, 0, BATCH, slice(None), 0)["targets"])


def decode_step(folder: Path) -> Callable[[], int]:
    found = records.Records([folder / "validation.records"])
    some = [found[number] for number in range(BATCH)]
    return lambda: len([images.decoded(record.data, record.name) for record in some])


def eval_step(source: Source) -> Callable[[], int]:
    indices = np.arange(source.num_examples("validation"))
    return lambda: len(source.batch("validation", indices, None)["targets"])


def examples_per_cpu_sec(step: Callable[[], int]) -> float:
    """The best of several repetitions, after one that is not counted."""
    step()
    rates = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        count = step()
        rates.append(count / (time.process_time() - start))
    return max(rates)


def main() -> None:
    print(
        f"examples per CPU second, batches of {BATCH}, best of {REPETITIONS}, {os.cpu_count()} cores"
    )
    print(f"{'case':<30} {'rate':>8} {'bound':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            rate = examples_per_cpu_sec(case.step)
            print(f"{case.name:<30} {rate:8.0f} {case.bound:8.0f}")


if __name__ == "__main__":
    main()
