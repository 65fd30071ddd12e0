"""What a full or failing disk is called here."""

from __future__ import annotations

from pathlib import Path

from freehold.errors import UnavailableError


def disk_error(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path} cannot be written",
        why=error.strerror or str(error),
        fix="free the disk, then: freehold align resume RUN (nothing that was finished is lost)",
        code="align.disk",
    )
