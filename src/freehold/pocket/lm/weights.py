"""Reading and writing safetensors with numpy alone, and a model folder's digest.

The format is eight bytes of header length, a JSON header, and raw numbers: nothing in it can run. Files
that can (pickles) are refused by name and by their first bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.errors import InputError, IntegrityError, MissingExtraError
from freehold.types.names import Digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEADER_BYTES_MAX = 16 * 1024 * 1024
READ_BYTES = 1 << 20
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
WEIGHTS_FILE = "model.safetensors"
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}


def digest_of(path: Path) -> Digest:
    """sha256 of a file."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            hashed.update(block)
    return Digest(f"sha256:{hashed.hexdigest()}")


def check_digest(path: Path, wanted: Digest) -> None:
    found = digest_of(path)
    if found != wanted:
        raise IntegrityError(
            f"{path} is not the file it should be",
            why=f"expected {wanted}, found {found}",
            fix="fetch or copy the weights again",
            code="pocket.weights-digest",
        )


def refuse_pickle(path: Path) -> None:
    """A pickle runs code when it is opened, so it never is."""
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix in PICKLE_SUFFIXES or start.startswith(_PICKLE_STARTS):
        raise InputError(
            f"{path} is a pickle, not safetensors",
            why="opening a pickle runs whatever code is in it",
            fix="convert the checkpoint to safetensors where you trust it, and use that",
            code="pocket.weights-pickle",
        )


def read_weights(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Every tensor as float32."""
    np = numpy()
    refuse_pickle(path)
    data = path.read_bytes()
    header, start = _header(path, data)
    return {
        name: _tensor(np, path, name, entry, data, start)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def numpy() -> Any:
    """numpy, or the line that installs it."""
    try:
        import numpy as np
    except ImportError as error:
        raise MissingExtraError("pocket", "the pocket language model") from error
    return np


def _header(path: Path, data: bytes) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(HEADER_BYTES_MAX, len(data) - 8):
        raise _broken(path, "its header is longer than the file")
    try:
        header = msgspec.json.decode(data[8 : 8 + size], type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _broken(path, "its header is not JSON") from error
    return header, 8 + size


def _tensor(np: Any, path: Path, name: str, entry: Any, data: bytes, start: int) -> Any:
    try:
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        width = _WIDTHS[kind]
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path, f"tensor {name!r} is described wrongly or of a kind not covered") from error
    count = 1
    for size in shape:
        count *= size
    if not 0 <= begin <= end <= len(data) - start or end - begin != count * width:
        raise _broken(path, f"tensor {name!r} lies outside the file")
    raw = data[start + begin : start + end]
    if kind == "BF16":  # the upper half of a float32
        whole = np.frombuffer(raw, dtype="<u2").astype(np.uint32) << 16
        return whole.view(np.float32).reshape(shape)
    return np.frombuffer(raw, dtype="<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)


def _broken(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be read as safetensors",
        why=why,
        fix="fetch or copy the weights again",
        code="pocket.weights-broken",
    )
