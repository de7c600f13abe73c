"""Source `librispeech`: FLAC files and transcripts as published, prepared into memory-mapped 16-bit
audio and SentencePiece tokens.

As published a part, for instance `dev-clean`, is a folder SPEAKER/CHAPTER with files
SPEAKER-CHAPTER-NUMBER.flac and one SPEAKER-CHAPTER.trans.txt, a line for each file: its name and its
transcript in upper case. Prepared, a part has two files for each speaker: SPEAKER.npy, the samples
of all utterances one behind the other, and, written when that is complete, SPEAKER.json, which lists
them. `tokenizer.model` is the SentencePiece model.
"""

import concurrent.futures
import functools
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inputs.pipeline import Batch
from inputs.storage import Part, data_folder, writing
from spec import loading
from spec.loading import SpecError
from spec.log_mel import SAMPLE_RATE
from spec.workload_pb2 import Librispeech as Message
from spec.workload_pb2 import Workload

NAME = "librispeech"
TOKENIZER = "tokenizer.model"
SPLITS = ("train", "validation", "test")


class Utterance(NamedTuple):
    """One line of a transcript file, and the FLAC file that it belongs to."""

    name: str
    text: str
    path: Path


def open_source(workload: Workload) -> "Librispeech":
    return Librispeech(workload, data_folder(NAME))


class Librispeech:
    """`inputs`: audio float32 [B, samples] on the scale of 16-bit integers and its paddings;
    `targets`: tokens int32 [B, tokens], each row ended by the end token, and their paddings.

    Raises:
      SpecError: files are missing, or are not those of the workload.
    """

    noise_size = 0

    def __init__(self, workload: Workload, folder: Path):
        options = workload.dataset.librispeech
        model = workload.model
        config = getattr(model, str(model.WhichOneof("family")))
        self._num_samples, self._num_tokens = config.num_samples, config.num_tokens
        self._folder = folder
        self._splits = {name: _utterances(folder, getattr(options, name)) for name in SPLITS}
        digest = hashlib.sha256()
        for name, listed in self._splits.items():
            expected = getattr(workload.splits, name)
            if len(listed) != expected:
                raise SpecError(
                    f"{folder}: {len(listed)} utterances of split {name}, expected {expected}; "
                    f"`tandem data check {NAME}` says what is missing"
                )
            digest.update(json.dumps(listed).encode())
        self.sha256 = digest.hexdigest()
        self._audio = functools.lru_cache(maxsize=None)(functools.partial(np.load, mmap_mode="r"))

    def num_examples(self, split: str) -> int:
        return len(self._splits[split])

    def batch(self, split: str, indices: np.ndarray, noise: np.ndarray | None) -> Batch:
        audio = np.zeros((len(indices), self._num_samples), np.float32)
        paddings = np.ones_like(audio)
        tokens = np.zeros((len(indices), self._num_tokens), np.int32)
        token_paddings = np.ones(tokens.shape, np.float32)
        for row, index in enumerate(indices):
            speaker, start, stop, ids = self._splits[split][index]
            audio[row, : stop - start] = self._audio(self._folder / f"{speaker}.npy")[start:stop]
            paddings[row, : stop - start] = 0
            tokens[row, : len(ids)] = ids
            token_paddings[row, : len(ids)] = 0
        return {"inputs": (audio, paddings), "targets": (tokens, token_paddings)}

    def text(self, ids: list[int]) -> str:
        """The text of a transcript's tokens."""
        return self._tokenizer.decode(ids)

    @functools.cached_property
    def _tokenizer(self) -> Any:
        return _load_tokenizer(self._folder)


def _utterances(folder: Path, parts: Sequence[Message.Part]) -> list[tuple[str, int, int, Any]]:
    """(speaker's file, first sample, sample behind the last, tokens) of a split's utterances."""
    result = []
    for part in parts:
        for path in sorted((folder / part.name).glob("*.json")):
            listed = json.loads(path.read_text(encoding="utf-8"))["utterances"]
            stops = np.cumsum([u["num_samples"] for u in listed]).tolist()
            for utterance, start, stop in zip(listed, [0, *stops], stops, strict=False):
                speaker = f"{part.name}/{path.stem}"
                result.append((speaker, start, stop, utterance["tokens"]))
    return result


def prepare(raw: Path, folder: Path) -> None:
    """Makes the prepared files of all parts from those below `raw`, which is `LibriSpeech` as
    published or the folder that it lies in. What is complete is not made again.

    Raises:
      ValueError: a part, a transcript or a FLAC file is missing, or a file is broken.
    """
    options = _options()
    inner = raw / "LibriSpeech"
    raw = inner if inner.is_dir() else raw
    parts = [part.name for split in SPLITS for part in getattr(options, split)]
    absent = [name for name in parts if not (raw / name).is_dir()]
    if absent:
        raise ValueError(f"{raw} has no folder {', '.join(absent)}, expected {', '.join(parts)}")
    if not (folder / TOKENIZER).exists():
        with writing(folder / TOKENIZER) as path:
            path.write_bytes(train_tokenizer(texts_of(raw / parts[0]), options))
    tokenizer = _load_tokenizer(folder)
    speakers = [path for name in parts for path in sorted((raw / name).iterdir()) if path.is_dir()]
    # FLAC is decoded by a library that lets other threads work.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as executor:
        done = [
            executor.submit(prepare_speaker, path, folder / path.parent.name, tokenizer, options)
            for path in speakers
        ]
        try:
            for future in done:
                future.result()
        finally:
            executor.shutdown(cancel_futures=True)


def _options() -> Message:
    return loading.load_workload("librispeech_conformer").dataset.librispeech


def texts_of(part: Path) -> Iterator[str]:
    """All transcripts of a part, in order of speakers and chapters."""
    for speaker in sorted(path for path in part.iterdir() if path.is_dir()):
        for utterance in transcribed(speaker):
            yield utterance.text


def transcribed(speaker: Path) -> Iterator[Utterance]:
    """A speaker's utterances, in order of their names.

    Raises:
      ValueError: a chapter has no transcripts, a transcript is empty, or FLAC files and lines do not
        belong to each other one to one.
    """
    for chapter in sorted(path for path in speaker.iterdir() if path.is_dir()):
        path = chapter / f"{speaker.name}-{chapter.name}.trans.txt"
        if not path.is_file():
            raise ValueError(f"{chapter} has no file {path.name}")
        texts = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(" ")
            if not text.strip():
                raise ValueError(f"{path}: utterance {name} has an empty transcript")
            texts[name] = text.strip()
        files = {file.stem: file for file in chapter.glob("*.flac")}
        for name in sorted(texts.keys() ^ files.keys()):
            lacks = "FLAC file" if name in texts else "transcript"
            raise ValueError(f"{chapter}: utterance {name} has no {lacks}")
        for name in sorted(texts):
            yield Utterance(name, texts[name], files[name])


def train_tokenizer(texts: Iterator[str], options: Message) -> bytes:
    """A SentencePiece unigram model (Kudo 2018, arXiv 1804.10959) of the transcripts, as the bytes of
    its file. Unknown, begin and end have the first three ids; 0 is CTC's blank as well.
    """
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=within(texts, options.tokenizer_characters),
        model_writer=model,
        vocab_size=options.num_pieces,
        model_type="unigram",
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,  # of several, sums would come in another order each time
        minloglevel=2,
    )
    return model.getvalue()


def within(texts: Iterator[str], num_characters: int) -> Iterator[str]:
    """The texts until they have so many characters."""
    total = 0
    for text in texts:
        total += len(text)
        if total > num_characters:
            return
        yield text


def _load_tokenizer(folder: Path) -> Any:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(folder / TOKENIZER))


def prepare_speaker(speaker: Path, folder: Path, tokenizer: Any, options: Message) -> None:
    """Writes the two files of one speaker. Utterances that are too long are left out and counted."""
    if (folder / f"{speaker.name}.json").exists():
        return
    pieces, listed, num_left_out = [], [], 0
    for utterance in transcribed(speaker):
        samples = read_flac(utterance.path)
        if len(samples) > options.max_samples or len(utterance.text) > options.max_characters:
            num_left_out += 1
            continue
        tokens = [*tokenizer.encode(utterance.text), tokenizer.eos_id()]
        pieces.append(samples)
        entry = {"name": utterance.name, "num_samples": len(samples), "tokens": tokens}
        listed.append(entry)
    with writing(folder / f"{speaker.name}.npy") as path, path.open("wb") as file:
        np.save(file, np.concatenate([np.zeros(0, np.int16), *pieces]))
    with writing(folder / f"{speaker.name}.json") as path:
        path.write_text(json.dumps({"num_left_out": num_left_out, "utterances": listed}))


def read_flac(path: Path) -> np.ndarray:
    """The samples of a file, int16.

    Raises:
      ValueError: the file is broken or shorter than it says, or has another rate or more channels.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            samples = file.read(dtype="int16")
            if file.samplerate != SAMPLE_RATE or file.channels != 1:
                raise ValueError(
                    f"{path}: {file.channels} channels at {file.samplerate} Hz, expected 1 at {SAMPLE_RATE}"
                )
            if len(samples) != file.frames:
                raise ValueError(f"{path}: {len(samples)} samples, its header says {file.frames}")
    except soundfile.SoundFileError as error:
        raise ValueError(f"{path}: cannot be decoded: {error}") from error
    return samples


def check(folder: Path) -> list[Part]:
    """The tokenizer, and every part with the utterances that are there, left-out ones included."""
    tokenizer = folder / TOKENIZER
    there = tokenizer.is_file()
    size = tokenizer.stat().st_size if there else 0
    parts = [Part(TOKENIZER, "ready" if there else "missing", int(there), 1, size)]
    options = _options()
    for part in (part for split in SPLITS for part in getattr(options, split)):
        count, num_bytes, detail = 0, 0, ""
        for path in sorted((folder / part.name).glob("*.json")):
            audio = path.with_suffix(".npy")
            try:
                listed = json.loads(path.read_text(encoding="utf-8"))
                num_samples = sum(u["num_samples"] for u in listed["utterances"])
                found = np.load(audio, mmap_mode="r").shape
                if found != (num_samples,):
                    raise ValueError(f"{found} samples, expected {num_samples}")
                count += len(listed["utterances"]) + listed["num_left_out"]
                num_bytes += audio.stat().st_size + path.stat().st_size
            except (OSError, ValueError, KeyError, TypeError) as error:
                detail = f"{audio}: {error}"
        complete = count == part.num_utterances and not detail
        state = "ready" if complete else "partial" if count or detail else "missing"
        parts.append(Part(part.name, state, count, part.num_utterances, num_bytes, detail))
    return parts
