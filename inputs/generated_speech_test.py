"""Generated speech: schema, that digits can be told by their tones, and fixed bytes."""

import numpy as np

from inputs import generated, generated_speech, pipeline
from spec import loading

SLOT = generated_speech.TONE_SAMPLES + generated_speech.PAUSE_SAMPLES


def test_tones_tell_the_words() -> None:
    source = generated.open_source(loading.load_workload("tiny/librispeech_conformer"))
    batch = source.batch("train", np.arange(64), None)
    audio, paddings = batch["inputs"]
    tokens, token_paddings = batch["targets"]
    assert audio.dtype == paddings.dtype == token_paddings.dtype == np.float32
    assert tokens.dtype == np.int32
    lengths = (1 - paddings).sum(1).astype(int)
    assert set(lengths) == {SLOT, 2 * SLOT, 3 * SLOT}, "not all lengths occur"
    np.testing.assert_array_equal((1 - token_paddings).sum(1), lengths // SLOT + 1)
    assert (audio == np.rint(audio)).all() and np.abs(audio).max() < 2**15
    for row, ids, length in zip(audio, tokens, lengths // SLOT, strict=True):
        assert ids[length] == generated_speech.END and (row[length * SLOT :] == 0).all()
        for number in range(length):
            digit = ids[number] - generated_speech.FIRST_WORD
            spectrum = np.abs(np.fft.rfft(row[number * SLOT :][: generated_speech.TONE_SAMPLES]))
            hertz = np.sort(np.argsort(spectrum)[-2:]) * 10
            low, high = generated_speech.LOW_TONES, generated_speech.HIGH_TONES
            assert hertz.tolist() == [low[digit // 5], high[digit % 5]]


def test_words_of_tokens() -> None:
    assert generated_speech.text([3, 12, 5, 2]) == "zero nine two"
    assert generated_speech.text([1, 2]) == ""


def test_the_last_batch_is_filled_up_in_all_its_parts() -> None:
    workload = loading.load_workload("tiny/librispeech_conformer")
    last = list(pipeline.eval_batches(workload, "test"))[-1]
    assert last["weights"].tolist() == [1] * 14 + [0] * 36
    assert {array.shape[0] for array in pipeline.named_arrays(last).values()} == {50}


def test_bytes_are_the_same_on_every_machine() -> None:
    known = "808b563e13aa4034a2f8574b98f171f273ef65bc1ec2f4212d5ac54225355487"
    assert pipeline.data_sha256(loading.load_workload("tiny/librispeech_deepspeech")) == known
