"""How much of an uploaded file is read before it is refused."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Caps:
    """Limits that hold before pandas sees anything.

    `bytes` is the size of the file, `cells` is rows × columns, `cell` and `name` count characters, `decoded` counts the
    characters that a compressed file may unfold to, `seconds` and `memory` (bytes) bind the process that reads it.
    """

    bytes: int = 100 * MIB
    rows: int = 500_000
    columns: int = 200
    cells: int = 10_000_000
    cell: int = 100_000
    name: int = 200
    decoded: int = 400 * MIB
    seconds: float = 60.0
    memory: int = 2048 * MIB
