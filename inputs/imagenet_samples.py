"""Small data sets in the published forms of ImageNet, for tests and measurements: random images,
the archives' true layout.
"""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from inputs import imagenet_archives as forms
from spec.workload_pb2 import Workload

SYNSETS = ("n01440764", "n01443537", "n01484850")
# The kit's own numbers of the classes, which are not in the order of their names.
KIT_NUMBERS = {2: SYNSETS[0], 3: SYNSETS[1], 1: SYNSETS[2]}
TRAIN_COUNTS = (3, 2, 4)
VALIDATION_CLASSES = (2, 0, 1, 1, 0)
TEST_CLASSES = (0, 1, 1, 2)


def jpeg(width: int, height: int, seed: int, quality: int = 92, mode: str = "RGB") -> bytes:
    """A JPEG with a smooth random image and some noise in it."""
    from PIL import Image

    generator = np.random.Generator(np.random.PCG64(seed))
    coarse = generator.integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = np.clip(smooth + generator.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).convert(mode).save(file, "JPEG", quality=quality)
    return file.getvalue()


def images() -> dict[str, dict[str, bytes]]:
    """By archive, its images by member name; the training archive's are `class/image`."""
    train = [
        f"{synset}/{synset}_{number}.JPEG"
        for synset, count in zip(SYNSETS, TRAIN_COUNTS, strict=True)
        for number in range(count)
    ]
    validation = [f"ILSVRC2012_val_{i + 1:08d}.JPEG" for i in range(len(VALIDATION_CLASSES))]
    test = [f"{forms.TEST_FOLDER}/{label}/{i:x}.jpeg" for i, label in enumerate(TEST_CLASSES)]
    names = {forms.TRAIN_ARCHIVE: train, forms.VALIDATION_ARCHIVE: validation}
    return {
        archive: {
            name: jpeg(40 + 3 * i, 30 + 2 * i, 100 * place + i) for i, name in enumerate(members)
        }
        for place, (archive, members) in enumerate((names | {forms.TEST_ARCHIVE: test}).items())
    }


def write_archives(raw: Path) -> None:
    """All three archives and the development kit."""
    raw.mkdir(parents=True, exist_ok=True)
    contents = images()
    train = contents[forms.TRAIN_ARCHIVE].items()
    classes = {
        f"{synset}.tar": tar((name[10:], data) for name, data in train if name.startswith(synset))
        for synset in reversed(SYNSETS)
    }
    (raw / forms.TRAIN_ARCHIVE).write_bytes(tar(classes.items()))
    validation = sorted(contents[forms.VALIDATION_ARCHIVE].items(), reverse=True)
    (raw / forms.VALIDATION_ARCHIVE).write_bytes(tar(validation))
    (raw / forms.TEST_ARCHIVE).write_bytes(tar(contents[forms.TEST_ARCHIVE].items(), "w:gz"))
    (raw / forms.KIT).write_bytes(kit())


def write_folders(raw: Path) -> None:
    """The same images in class folders."""
    contents = images()
    files = {f"train/{name}": data for name, data in contents[forms.TRAIN_ARCHIVE].items()}
    validation = contents[forms.VALIDATION_ARCHIVE].items()
    for label, (name, data) in zip(VALIDATION_CLASSES, validation, strict=True):
        files[f"val/{SYNSETS[label]}/{name}"] = data
    for name, data in (files | contents[forms.TEST_ARCHIVE]).items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(data)


def kit() -> bytes:
    """A development kit: the classes, one more synset above them, and the validation labels."""
    import scipy.io

    synsets = KIT_NUMBERS | {4: "n00001740"}
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(float(i), synset, f"word {i}", float(i == 4)) for i, synset in sorted(synsets.items())]
    meta = io.BytesIO()
    scipy.io.savemat(meta, {"synsets": np.array(rows, fields).reshape(-1, 1)})
    numbers = {synset: number for number, synset in KIT_NUMBERS.items()}
    lines = [f"{numbers[SYNSETS[label]]}\n" for label in VALIDATION_CLASSES]
    folder = "ILSVRC2012_devkit_t12"
    members = [
        (f"{folder}/data/meta.mat", meta.getvalue()),
        (f"{folder}/data/ILSVRC2012_validation_ground_truth.txt", "".join(lines).encode()),
        (f"{folder}/readme.txt", b"This is the kit."),
    ]
    return tar(members, "w:gz")


def tar(members: Iterable[tuple[str, bytes]], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def fit(workload: Workload) -> Workload:
    """A copy of an ImageNet workload with the sizes of these data."""
    result = Workload()
    result.CopyFrom(workload)
    result.splits.train = sum(TRAIN_COUNTS)
    result.splits.eval_train = 4
    result.splits.validation = len(VALIDATION_CLASSES)
    result.splits.test = len(TEST_CLASSES)
    result.eval_batch_size = 4
    getattr(result.model, str(result.model.WhichOneof("family"))).num_classes = len(SYNSETS)
    return result
