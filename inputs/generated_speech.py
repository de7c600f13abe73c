"""Generated speech: an utterance is a row of tones, each the sum of two, that stand for digits as
on a telephone's keys; its transcript is their words.
"""

import numpy as np

from inputs.drawing import integers, uniform
from inputs.pipeline import Batch
from spec.log_mel import SAMPLE_RATE
from spec.workload_pb2 import Workload

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# As in a SentencePiece vocabulary: unknown, which is CTC's blank, begin, end; words follow.
END, FIRST_WORD = 2, 3
LOW_TONES = (400.0, 800.0)  # Hz
HIGH_TONES = (1500.0, 2100.0, 2900.0, 4000.0, 5500.0)
TONE_SAMPLES, PAUSE_SAMPLES = 1600, 320
AMPLITUDE = 4000.0  # of each tone, on the scale of 16-bit integers


def utterances(workload: Workload, split: str, count: int) -> Batch:
    """`inputs`: audio float32 [count, samples] of whole numbers, and paddings; `targets`: tokens int32
    [count, tokens], each row ended by END, and paddings.

    Each utterance has as many digits as fit or fewer. `noise` is the largest number that is added to
    a sample.
    """
    model = workload.model
    config = getattr(model, str(model.WhichOneof("family")))
    slot = TONE_SAMPLES + PAUSE_SAMPLES
    most = min(config.num_samples // slot, config.num_tokens - 1)
    lengths = 1 + integers(workload, f"{split}/lengths", most, (count, 1))
    digits = integers(workload, f"{split}/digits", len(WORDS), (count, most))
    places = np.arange(config.num_samples)
    number, within = places // slot, places % slot
    sounding = (number < lengths) & (within < TONE_SAMPLES)
    of_sample = digits[:, np.minimum(number, most - 1)]  # [count, samples]
    tones = np.stack([_tone(digit, slot) for digit in range(len(WORDS))])
    noise = 2 * uniform(workload, f"{split}/noise", sounding.shape) - 1
    audio = sounding * tones[of_sample, within] + workload.dataset.generated.noise * noise
    padded = number >= lengths
    audio = np.where(padded, 0, np.rint(audio)).astype(np.float32)
    tokens = np.zeros((count, config.num_tokens), np.int32)
    tokens[:, :most] = digits + FIRST_WORD
    numbers = np.arange(config.num_tokens)
    tokens = np.where(numbers < lengths, tokens, np.where(numbers == lengths, END, 0))
    return {
        "inputs": (audio, padded.astype(np.float32)),
        "targets": (tokens.astype(np.int32), (numbers > lengths).astype(np.float32)),
    }


def text(ids: list[int]) -> str:
    """The words of known digits; begin and end have none."""
    known = (token - FIRST_WORD for token in ids if token >= FIRST_WORD)
    return " ".join(WORDS[digit] for digit in known if digit < len(WORDS))


def _tone(digit: int, size: int) -> np.ndarray:
    """The sound of a digit, float64 [size]."""
    low, high = LOW_TONES[digit // len(HIGH_TONES)], HIGH_TONES[digit % len(HIGH_TONES)]
    return AMPLITUDE * (_wave(low, size) + _wave(high, size))


def _wave(hertz: float, size: int) -> np.ndarray:
    """A sine made of parabolas: a library's sine has other last bits on another machine."""
    phase = np.arange(size) * hertz / SAMPLE_RATE % 1  # in periods
    half = phase % 0.5
    return np.where(phase < 0.5, 1, -1) * 16 * half * (0.5 - half)
