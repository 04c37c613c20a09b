"""Limit of the machine: products of square matrices, by TensorFlow or PyTorch, on all cores."""

from collections.abc import Callable

from training_workers.turns import Turns, available_cores, specification

SIZE = 2048
FLOPS = 2 * SIZE**3


def tensorflow_product(dtype: str) -> tuple[Callable[[], object], str]:
    """Returns a function that multiplies once, and the version of the library."""
    import tensorflow as tf

    left, right = (tf.cast(tf.random.normal([SIZE, SIZE]), dtype) for _ in range(2))
    return lambda: tf.matmul(left, right), tf.__version__


def pytorch_product(dtype: str) -> tuple[Callable[[], object], str]:
    """Returns the same with PyTorch."""
    import torch

    torch.set_num_threads(available_cores())
    left, right = (torch.randn(SIZE, SIZE).to(getattr(torch, dtype)) for _ in range(2))
    return lambda: torch.matmul(left, right), torch.__version__


def main() -> None:
    """Multiplies round by round."""
    turns, asked = Turns(), specification()
    product, version = {"tensorflow": tensorflow_product, "pytorch": pytorch_product}[asked["library"]](asked["dtype"])
    turns.ready(version=version)
    while True:
        turns.begin()
        for _ in range(asked["products"]):
            product()
        turns.end(work=asked["products"] * FLOPS)


if __name__ == "__main__":
    main()
