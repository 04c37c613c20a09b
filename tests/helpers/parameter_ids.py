"""Names of parameters that are the same in each process that collects the tests."""


def pytest_make_parametrize_id(config, val, argname):
    """Long bytes are named after their argument.

    gzip writes the time into what it compresses, so that two of pytest-xdist's workers could collect different names.
    """
    return argname if isinstance(val, bytes) and len(val) > 16 else None
