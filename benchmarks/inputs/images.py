"""Image data sets: digits, small pictures, JPEGs of 500 x 375 pixels at quality 92, which is about
what ImageNet has, and k-space of 640 x 368.
"""

from pathlib import Path

import numpy as np

from benchmarks.inputs.case import Case, Measured, resized, silence, train_batches
from inputs import cifar10, fastmri, imagenet_samples, images, mnist, records, storage, testing
from inputs.fastmri import FastMRI
from inputs.imagenet import ImageNet
from inputs.pipeline import Source
from inputs.records import Record

BATCH = 64
SMALL_BATCH = 1_024  # of small pictures


def mnist_prepared(folder: Path) -> Measured:
    testing.write_mnist(folder, 12_000, 2_000)
    with silence():
        mnist.prepare(folder, storage.data_folder("mnist"))
    source = mnist.open_source(resized("mnist", 10_000, 2_000, 2_000))
    return train_batches(source, SMALL_BATCH, num_batches=20)


def cifar10_prepared(folder: Path) -> Measured:
    """With crops and mirror images."""
    testing.write_cifar10(folder, 2_000)
    with silence():
        cifar10.prepare(folder, storage.data_folder("cifar10"))
    source = cifar10.open_source(resized("cifar", 9_000, 1_000, 2_000))
    return train_batches(source, SMALL_BATCH, num_batches=20)


def imagenet_decoding(folder: Path) -> Measured:
    """Decoding alone, which tells how fast the machine is."""
    write_imagenet(folder)
    found = records.Records([folder / "validation.records"])
    some = [found[number] for number in range(BATCH)]
    return lambda: len([images.decoded(record.data, record.name) for record in some])


def imagenet_resnet(folder: Path) -> Measured:
    return train_batches(imagenet_source("imagenet_resnet", folder), BATCH, num_batches=1)


def imagenet_vit(folder: Path) -> Measured:
    return train_batches(imagenet_source("imagenet_vit", folder), BATCH, num_batches=1)


def imagenet_validation(folder: Path) -> Measured:
    return validation_batch(imagenet_source("imagenet_resnet", folder))


def fastmri_train(folder: Path) -> Measured:
    return train_batches(fastmri_source(folder), BATCH, num_batches=1)


def fastmri_validation(folder: Path) -> Measured:
    return validation_batch(fastmri_source(folder))


CASES = [
    Case("mnist, prepared", "images", 0, mnist_prepared),
    Case("cifar10, prepared", "images", 0, cifar10_prepared),
    Case("imagenet, decoding", "images", 0, imagenet_decoding),
    Case("imagenet_resnet, train", "images", 350, imagenet_resnet),
    Case("imagenet_vit, train", "images", 350, imagenet_vit),
    Case("imagenet, validation", "images", 350, imagenet_validation),
    Case("fastmri, train", "slices", 150, fastmri_train),
    Case("fastmri, validation", "slices", 150, fastmri_validation),
]


def imagenet_source(name: str, folder: Path) -> ImageNet:
    write_imagenet(folder)
    return ImageNet(resized(name, BATCH, BATCH, BATCH), folder)


def write_imagenet(folder: Path) -> None:
    samples = (
        Record(imagenet_samples.jpeg(500, 375, number), number, f"{number:03d}.JPEG")
        for number in range(BATCH)
    )
    train = folder / "train" / "n00000000.records"
    records.write_records(train, samples)
    for split in ("validation", "test"):
        (folder / f"{split}.records").write_bytes(train.read_bytes())


def fastmri_source(folder: Path) -> FastMRI:
    import h5py

    generator = np.random.default_rng(0)
    parts = generator.normal(size=(2, BATCH // 2, 640, 368)).astype(np.float32)
    for path in ("train/a", "train/b", "val/c", "val/d"):
        part, name = path.split("/")
        file_path = folder / f"knee_singlecoil_{part}" / f"{name}.h5"
        file_path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(file_path, "w") as file:
            file["kspace"] = parts[0] + 1j * parts[1]
            file["reconstruction_esc"] = np.abs(parts[0, :, :320, :320])
            file.attrs["max"] = 1.0
    place = storage.data_folder("fastmri")
    with silence():
        fastmri.prepare(folder, place)
    workload = resized("fastmri", BATCH, BATCH // 2, BATCH // 2)
    workload.dataset.fastmri.num_validation_volumes = 1
    return FastMRI(workload, place)


def validation_batch(source: Source) -> Measured:
    indices = np.arange(source.num_examples("validation"))
    return lambda: len(source.batch("validation", indices, None)["targets"])
