from pathlib import Path

import numpy as np
import pytest

from inputs import storage
from spec.loading import SpecError


def test_arrays_are_written_and_read(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    storage.write_array(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


def test_where_data_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(storage.VARIABLE, raising=False)
    assert storage.data_folder("mnist") == Path.home() / "tandem_data" / "mnist"
    monkeypatch.setenv(storage.VARIABLE, str(tmp_path))
    assert storage.data_folder("mnist") == tmp_path / "mnist"
    monkeypatch.chdir(tmp_path)
    storage.use_parent("below")
    monkeypatch.chdir("/")
    assert storage.data_folder("mnist") == tmp_path / "below" / "mnist"
    error = storage.unprepared("mnist", "a is missing")
    assert isinstance(error, SpecError)
    assert f"{tmp_path}/below/mnist: a is missing; `tandem data prepare mnist --raw" in str(error)
