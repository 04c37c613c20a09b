"""HTTP/2 by hand: a gRPC client that sends half of what it should, or reads nothing."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening(window: int = 65_535) -> bytes:
    """The start of a connection whose client takes so many bytes of each answer."""
    return PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))


def call(stream: int, method: str, host: str) -> bytes:
    """The headers of a call, each as a literal that is not indexed (RFC 7541)."""
    fields = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", host),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields
    )
    return frame(HEADERS, END_HEADERS, stream, block)


def message(stream: int, content: bytes) -> bytes:
    """The message of a call of at most 16 KB, and the end of what the client sends."""
    return frame(DATA, END_STREAM, stream, b"\0" + struct.pack(">I", len(content)) + content)
