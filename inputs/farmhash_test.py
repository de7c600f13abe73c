"""Known answers are published examples: of BigQuery's FARM_FINGERPRINT, Redshift's
farmFingerprint64 and TensorFlow's `tf.strings.to_hash_bucket_fast`.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs.farmhash import fingerprint64, fingerprints64

PUBLISHED = {
    b"3true": -4880158226897771312,
    b"alphabet": -2427165924636348523,
    b"1footrue": -1541654101129638711,
    b"2applefalse": 2794438866806483259,
    b"Amazon Redshift": 8085098817162212970,
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_fingerprints(text: bytes) -> None:
    assert fingerprint64(text) == PUBLISHED[text] % 2**64


def test_published_buckets() -> None:
    assert [fingerprint64(text) % 3 for text in (b"Hello", b"TensorFlow", b"2.x")] == [0, 2, 2]


@given(starts=st.lists(st.binary(min_size=8, max_size=8)), ending=st.binary(min_size=1, max_size=7))
def test_arrays_get_what_one_text_gets(starts: list[bytes], ending: bytes) -> None:
    words = np.frombuffer(b"".join(starts), "<u8")
    assert fingerprints64(words, ending).tolist() == [fingerprint64(s + ending) for s in starts]
