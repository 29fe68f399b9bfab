"""Names for generated things: ids that are unique, look random and are made a million at a time."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

_PAIRS = np.frombuffer(
    b"".join(b"%02x" % byte for byte in range(256)), np.uint16
)  # two hex digits of each byte
_WIDTH = 16


def mixed(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Scramble 64-bit numbers so that neither order nor nearness shows; different numbers stay different.

    The steps are shifts and multiplications by odd constants, each of which can be undone (Steele, Lea and Flood,
    "Fast splittable pseudorandom number generators", OOPSLA 2014).

    Args:
        numbers: uint64.
        seed: another seed scrambles otherwise.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    salt = np.frombuffer(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), np.uint64)
    with np.errstate(over="ignore"):
        x = (numbers ^ salt) * golden
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hex_strings(numbers: np.ndarray) -> pa.Array:
    """Sixteen hex digits of each number, as an Arrow array of strings.

    Args:
        numbers: uint64, [n].
    """
    digits = _PAIRS[numbers.astype(">u8").view(np.uint8)]
    offsets = np.arange(0, _WIDTH * (len(numbers) + 1), _WIDTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(digits))
