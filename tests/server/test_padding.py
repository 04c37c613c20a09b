import numpy as np
from tfx_lm.server.padding import find_padding


def lists(outputs):
    return {name: array.tolist() for name, array in outputs.items()}


def test_the_mask_tells_the_padding_and_rows_of_several_calls_are_padded_to_the_longest():
    outputs = {
        "mask": np.array([[1.0, 1.0, 0.0]]),
        "ids": np.array([[7, 3, 0]]),
        "words": np.array([[b"the", b"</s>", b""]], object),
        "nll": np.array([2.5]),
    }
    padding = find_padding(outputs, None)
    short = padding.row(outputs, 0)
    assert lists(short) == {"mask": [1.0, 1.0], "ids": [7, 3], "words": [b"the", b"</s>"], "nll": 2.5}
    long = {
        "mask": np.ones(3), "ids": np.array([8, 9, 3]), "words": np.array([b"a", b"b", b"</s>"], object),
        "nll": np.float64(4.0),
    }  # fmt: skip
    assert lists(padding.stacked([short, long])) == {
        "mask": [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]],
        "ids": [[7, 3, 0], [8, 9, 3]],
        "words": [[b"the", b"</s>", b""], [b"a", b"b", b"</s>"]],
        "nll": [2.5, 4.0],
    }


def test_next_words_beyond_the_number_of_a_row_are_padding():
    outputs = {
        "words": np.array([[b"a", b"b"], [b"c", b""]], object),
        "log_probabilities": np.array([[-1.0, -2.0]] * 2),
    }
    padding = find_padding(outputs, np.array([2, 1]))
    rows = [padding.row(outputs, index) for index in range(2)]
    assert [row["words"].tolist() for row in rows] == [[b"a", b"b"], [b"c"]]
    assert padding.stacked(rows)["log_probabilities"].tolist() == [[-1.0, -2.0], [-1.0, -np.inf]]


def test_other_outputs_have_no_padding():
    outputs = {"states": np.ones([2, 3])}
    padding = find_padding(outputs, None)
    assert padding.stacked([padding.row(outputs, 1)])["states"].tolist() == [[1.0, 1.0, 1.0]]
