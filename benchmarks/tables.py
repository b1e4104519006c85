# ruff: noqa: INP001, T201 - for scripts
"""Figures as Markdown tables, whose columns are aligned."""

from collections.abc import Sequence


def table(*rows: Sequence[object]) -> None:
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)
