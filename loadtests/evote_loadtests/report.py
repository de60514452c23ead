"""The page of a run: its figures and its plots, in one file that loads nothing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from itertools import groupby

from .charts import charts_of
from .figures import Run

_LOOK = (
    "body{font:16px/1.5 sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #999;padding:.2rem .6rem;text-align:left}"
    "svg{max-width:100%;height:auto}"
)
_OPEN = (
    "People came at planned moments, whatever the services did: a slow answer kept nobody from coming (an open loop), "
    "so that waiting is not hidden where it is longest (coordinated omission). What is counted from the planned moment "
    "has in it what the client itself was late; POST counts from the sending. Red: a part was broken on purpose."
)


def page(title: str, lines: Sequence[str], run: Run) -> str:
    """``lines`` are Markdown's: paragraphs and tables."""
    plots = "".join(f"<h2>{html.escape(name)}</h2>{svg}" for name, svg in charts_of(run))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_LOOK}</style><h1>{html.escape(title)}</h1><p>{_OPEN}</p>{''.join(_blocks(lines))}{plots}</html>\n"
    )


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    for is_table, block in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block)
            yield f"<table>{_row('th', head)}{''.join(_row('td', row) for row in rows)}</table>"
        else:
            yield "".join(f"<p>{html.escape(line)}</p>" for line in block if line)


def _row(kind: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{kind}>{html.escape(cell)}</{kind}>' for cell in cells)}</tr>"
