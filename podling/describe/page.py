"""A page of text in columns: lines whose cells are separated by tabs, aligned when the page is shown.

Alignment is that of elastic tab stops (Go's text/tabwriter): a column lasts as long as consecutive lines have a cell
in it.
"""

from collections.abc import Iterable, Sequence

PADDING = 2
INDENT = "  "


class Page:
    """Collects lines. `level` indents by two spaces each."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, *cells: object, level: int = 0) -> None:
        """One line; all cells but the last are padded to their column's width."""
        self._lines.append(INDENT * level + "\t".join(str(cell) for cell in cells))

    def field(self, name: str, value: object, *, level: int = 0) -> None:
        """A line of a name and a value."""
        self.line(f"{name}:", value, level=level)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], *, gap: str = "") -> None:
        """A header underlined with dashes, and rows; `gap` is put behind each cell of a row but the last."""
        self.line(*header, level=1)
        self.line(*("-" * len(title) for title in header), level=1)
        for row in rows:
            self.line(*(f"{cell}{gap}" for cell in row[:-1]), row[-1], level=1)

    def show(self) -> str:
        """The aligned text, ending in a line break."""
        return align(self._lines)


def align(lines: Sequence[str]) -> str:
    """Lines with tabs as text with spaces."""
    rows = [line.split("\t") for line in lines]
    widths: list[list[int]] = [[0] * (len(row) - 1) for row in rows]
    deepest = max((len(row) - 1 for row in rows), default=0)
    for column in range(deepest):
        start = 0
        while start < len(rows):
            end = start
            while end < len(rows) and len(rows[end]) - 1 > column:
                end += 1
            width = max((len(row[column]) for row in rows[start:end]), default=0) + PADDING
            for place in range(start, end):
                widths[place][column] = width
            start = max(end, start + 1)
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, row_widths, strict=False)) + row[-1] + "\n"
        for row, row_widths in zip(rows, widths, strict=True)
    )
