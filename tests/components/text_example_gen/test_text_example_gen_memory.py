import subprocess
from pathlib import Path

import pytest
from helpers.programs import program


def _corpus(path: Path, mebibytes: int) -> Path:
    sentence = "a line of some words that are the same in every line but for its number "
    line = sentence * 40
    with path.open("w") as file:
        for number in range(mebibytes * 2**20 // len(line)):
            file.write(f"{line}{number}\n")
    return path


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path):
    paths = [_corpus(tmp_path / f"{size}.txt", size) for size in (1, 5, 50)]
    result = subprocess.run(program("read_corpora", *paths), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (small_lines, small), (large_lines, large) = (map(int, line.split()) for line in result.stdout.splitlines()[-2:])
    assert large_lines >= 9 * small_lines
    # The corpora differ by 45 MiB.
    assert large - small < 10 * 2**20
