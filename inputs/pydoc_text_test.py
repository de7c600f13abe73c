import numpy as np
import pytest

from inputs import pydoc_text
from spec import loading
from spec.loading import SpecError

WORKLOAD = loading.load_workload("pydoc_lm")
LENGTH = WORKLOAD.model.transformer_lm.sequence_length
NEEDED = WORKLOAD.splits.train + WORKLOAD.splits.validation + WORKLOAD.splits.test


def synthetic(num_bytes: int) -> bytes:
    return bytes(np.arange(num_bytes) % 251)


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A text that depends on no Python release."""
    made = synthetic(NEEDED * (LENGTH + 1) + 17)
    monkeypatch.setattr(pydoc_text, "_text", lambda: made)
    return made


def test_the_real_text_is_read() -> None:
    text = pydoc_text._text()
    assert len(text) >= NEEDED * (LENGTH + 1)
    assert b"assert" in text


@pytest.mark.filterwarnings("ignore:the help text of Python")
def test_splits_hold_every_sequence_once(text: bytes) -> None:
    source = pydoc_text.open_source(WORKLOAD)
    seen = []
    for split in ("train", "validation", "test"):
        size = source.num_examples(split)
        assert size == getattr(WORKLOAD.splits, split)
        batch = source.batch(split, np.arange(size), None)
        np.testing.assert_array_equal(batch["inputs"][:, 1:], batch["targets"][:, :-1])
        assert batch["inputs"].shape == (size, LENGTH) and batch["inputs"].dtype == np.int32
        seen.append(np.concatenate([batch["inputs"], batch["targets"][:, -1:]], axis=1))
    found = {row.astype(np.uint8).tobytes() for row in np.concatenate(seen)}
    cut = {text[i * (LENGTH + 1) : (i + 1) * (LENGTH + 1)] for i in range(NEEDED)}
    assert found == cut


def test_an_unknown_text_is_used_with_a_warning(text: bytes) -> None:
    with pytest.warns(UserWarning, match="none of those that workload pydoc_lm lists"):
        source = pydoc_text.open_source(WORKLOAD)
    assert len(source.sha256) == 64


@pytest.mark.filterwarnings("ignore:the help text of Python")
def test_a_text_that_is_too_short_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydoc_text, "_text", lambda: b"short")
    with pytest.raises(SpecError, match="has 5 bytes, workload pydoc_lm needs"):
        pydoc_text.open_source(WORKLOAD)
