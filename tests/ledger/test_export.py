import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import UnavailableError
from freehold.ledger.checkpoint import open_checkpoint
from freehold.ledger.export import export, tile_name
from freehold.ledger.files import FileReader
from freehold.ledger.merkle import leaf_hash, root_of
from freehold.ledger.note import Verifier
from freehold.ledger.segment import split

Kept = Callable[..., FileReader]
KeyOf = Callable[[FileReader], Verifier]
REFEREE = Path(__file__).parent / "referee" / "main.go.txt"


@pytest.mark.parametrize(
    ("tile", "width", "name"),
    [(0, 256, "tile/0/000"), (7, 3, "tile/0/007.p/3"), (999, 256, "tile/0/999"),
     (1234067, 256, "tile/0/x001/x234/067"), (1000, 1, "tile/0/x001/000.p/1")],
)  # fmt: skip
def test_tile_is_named_as_the_specification_says(tile: int, width: int, name: str) -> None:
    assert tile_name(0, tile, width) == name


@given(st.integers(0, 10**12))
def test_tile_name_reads_back(tile: int) -> None:
    assert int(tile_name(0, tile).removeprefix("tile/0/").replace("/", "").replace("x", "")) == tile


def entries(folder: Path, size: int) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, size, 256):
        name = tile_name("entries", start // 256, min(256, size - start))
        found += split((folder / name).read_bytes())
    return found


def test_export_holds_every_record_under_the_signed_root(kept: Kept, key_of: KeyOf, tmp_path: Path) -> None:
    reader = kept(600)
    export(reader, tmp_path / "out")
    checkpoint = open_checkpoint((tmp_path / "out" / "checkpoint").read_text(), [key_of(reader)])
    leaves = entries(tmp_path / "out", checkpoint.size)
    assert leaves == list(reader.leaves(0, 600))
    assert root_of([leaf_hash(leaf) for leaf in leaves]) == checkpoint.root
    assert (tmp_path / "out" / "tile/0/002.p/88").stat().st_size == 88 * 32
    assert (tmp_path / "out" / "tile/1/000.p/2").stat().st_size == 64


def test_export_again_writes_only_what_is_new(kept: Kept, tmp_path: Path) -> None:
    first = export(kept(600), tmp_path / "out")
    assert export(kept(0), tmp_path / "out").tiles_written == 1, "the partial bundle of records"
    second = export(kept(10), tmp_path / "out")
    assert (first.tiles_written, second.tiles_written) == (7, 2)
    assert len(entries(tmp_path / "out", 610)) == 610


def test_export_of_an_empty_tree_is_its_checkpoint(kept: Kept, tmp_path: Path) -> None:
    export(kept(0), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint"]


def test_export_of_what_was_never_signed_says_so(kept: Kept, tmp_path: Path) -> None:
    reader = kept(0)
    reader.layout.checkpoint.unlink()
    with pytest.raises(UnavailableError, match="nothing to export"):
        export(reader, tmp_path / "out")


@pytest.fixture(scope="session")
def referee(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's own packages, as Debian ships them with the compiler."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("needs Go: apt-get install golang-go")
    root = subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    packages = Path(root) / "src/cmd/vendor/golang.org/x/mod/sumdb"
    if not packages.is_dir():
        pytest.skip(f"needs the note and tlog packages: none in {packages}")
    work = tmp_path_factory.mktemp("referee")
    (work / "go.mod").write_text("module referee\n\ngo 1.18\n")
    (work / "main.go").write_bytes(REFEREE.read_bytes())
    for name in ("note", "tlog"):
        (work / name).mkdir()
        for source in packages.glob(f"{name}/*.go"):
            text = source.read_text().replace('"golang.org/x/crypto/ed25519"', '"crypto/ed25519"')
            (work / name / source.name).write_text(text)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(work),
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-mod=mod",
    }
    subprocess.run([go, "build", "-o", "referee", "."], cwd=work, env=environment, check=True, timeout=300)
    return work / "referee"


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 66_000])
def test_go_accepts_checkpoint_tiles_and_proofs(
    referee: Path, kept: Kept, key_of: KeyOf, tmp_path: Path, size: int
) -> None:
    reader = kept(size)
    (tmp_path / "old").write_text(reader.checkpoint() or "")
    export(kept(size // 2 + 1), tmp_path / "out")
    command = [str(referee), str(tmp_path / "out"), str(key_of(reader)), str(tmp_path / "old")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.split() == ["records", str(size + size // 2 + 1), "extends", str(size)]


@pytest.mark.slow
def test_go_rejects_what_was_changed(referee: Path, kept: Kept, key_of: KeyOf, tmp_path: Path) -> None:
    reader = kept(700)
    export(reader, tmp_path / "out")
    bundle = tmp_path / "out/tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"status":200', b'"status":500'))
    said = subprocess.run(
        [str(referee), str(tmp_path / "out"), str(key_of(reader))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
