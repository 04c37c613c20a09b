"""Parquet files as somebody else may have written them."""

import pickle

import pyarrow
import pyarrow.parquet
import pytest
from tfx_lm.text_files.parquet import open_parquet, values


class _Runs:
    """Makes a folder when its pickle is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return type(self.folder).mkdir, (self.folder,)


@pytest.mark.parametrize("broken", [False, True])
def test_a_pickle_in_a_file_never_runs(tmp_path, broken):
    made = tmp_path / "made"
    pickled = b"broken" if broken else pickle.dumps(_Runs(made))
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickled}
    schema = pyarrow.schema([pyarrow.field("text", pyarrow.string(), metadata=metadata)])
    pyarrow.parquet.write_table(pyarrow.table([["the cat", "dog"]], schema=schema), tmp_path / "x.parquet")
    with (tmp_path / "x.parquet").open("rb") as file:
        # Only the type was pickled, not the text.
        assert list(values(open_parquet(file, "text"), "text", [0])) == [b"the cat", b"dog"]
    assert not made.exists()
