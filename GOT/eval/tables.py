"""Score tables: TEDS, the edit distance between the trees table -> rows -> cells, and its structure-only form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from GOT.eval.plain import compat_text, cut_words, warm_up
from GOT.eval.scores import PageScore, Pair, Scored, StreamScore, average, map_pages
from GOT.eval.table_notation import Cell, Table, find_tables
from GOT.utils.lazy import require

# A node of a tree: (what must be equal, the text that may be similar, children).
Node = tuple[tuple[str, int, int], str, list["Node"]]


def score_tables(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score pages that hold one table each (or several, taken in order)."""
    warm_up(pairs)
    pages = map_pages(_score_page, pairs, workers=workers)
    return Scored([average(pairs, pages)], pages)


def teds(*, reference: Table, prediction: Table, structure_only: bool = False) -> float:
    """Tree-edit-distance similarity of two tables, from 0 to 1.

    Inserting or deleting a node costs 1, so does renaming one whose tag or spans differ; a cell whose text differs
    costs the edit distance over the longer text's length.

    Source:
        Zhong, ShafieiBavani and Jimeno Yepes 2020 (PubTabNet); header and body rows are not told apart, since LaTeX
        does not either.
    """
    ours, theirs = _tree(prediction, structure_only), _tree(reference, structure_only)
    # Two trees that share nothing but their root may cost more than the larger one has nodes.
    return max(0.0, 1 - _tree_distance(ours, theirs) / max(_size(ours), _size(theirs)))


def page_teds(*, reference: list[Table], prediction: list[Table], structure_only: bool = False) -> float:
    """TEDS of a page: its tables in order, each against that of the same number; a missing or invented one scores 0."""
    if not reference and not prediction:
        return 1.0
    scores = [
        teds(reference=table, prediction=other, structure_only=structure_only)
        for table, other in zip(reference, prediction, strict=False)
    ]
    return sum(scores) / max(len(reference), len(prediction))


def _score_page(pair: Pair) -> PageScore:
    compat, note = compat_text(pair.reference, pair.prediction, cut_words)
    theirs, ours = find_tables(pair.reference), [] if pair.failed else find_tables(pair.prediction)
    strict = {
        "teds": page_teds(reference=theirs, prediction=ours),
        "teds_structure": page_teds(reference=theirs, prediction=ours, structure_only=True),
    }
    return {"": StreamScore(compat, strict, note=note, invalid=bool(pair.prediction) and not ours)}


def _tree(table: Table, structure_only: bool) -> Node:
    rows: list[Node] = [(("tr", 1, 1), "", [_leaf(cell, structure_only) for cell in row]) for row in table]
    return (("table", 1, 1), "", rows)


def _leaf(cell: Cell, structure_only: bool) -> Node:
    return (("td", cell.rows, cell.columns), "" if structure_only else cell.text, [])


def _size(node: Node) -> int:
    return 1 + sum(map(_size, node[2]))


def _tree_distance(ours: Node, theirs: Node) -> float:
    """Zhang and Shasha 1989: nodes in postorder, one table of forest distances for each pair of key roots."""
    a, left_a, roots_a = _postorder(ours)
    b, left_b, roots_b = _postorder(theirs)
    distance = [[0.0] * len(b) for _ in a]
    rename = _renaming()
    for i in roots_a:
        for j in roots_b:
            start_a, start_b = left_a[i], left_b[j]
            columns = j - start_b + 2
            forest = [[float(column) for column in range(columns)]]
            for x in range(start_a, i + 1):
                row = [forest[-1][0] + 1]
                above = forest[-1]
                whole = left_a[x] == start_a
                for y in range(start_b, j + 1):
                    column = y - start_b + 1
                    best = min(above[column] + 1, row[column - 1] + 1)
                    if whole and left_b[y] == start_b:
                        best = min(best, above[column - 1] + rename(a[x], b[y]))
                        distance[x][y] = best
                    else:
                        best = min(best, forest[left_a[x] - start_a][left_b[y] - start_b] + distance[x][y])
                    row.append(best)
                forest.append(row)
    return distance[-1][-1]


def _postorder(root: Node) -> tuple[list[Node], list[int], list[int]]:
    """Nodes in postorder; the number of each one's leftmost leaf; the key roots (the last node of each such leaf)."""
    nodes: list[Node] = []
    leftmost: list[int] = []

    def visit(node: Node) -> int:
        first = [visit(child) for child in node[2]]
        nodes.append(node)
        leftmost.append(first[0] if first else len(nodes) - 1)
        return leftmost[-1]

    visit(root)
    return nodes, leftmost, sorted({leaf: number for number, leaf in enumerate(leftmost)}.values())


def _renaming() -> Callable[[Node, Node], float]:
    text_distance = require("rapidfuzz.distance.Levenshtein", extra="eval").normalized_distance

    def rename(ours: Node, theirs: Node) -> float:
        return (
            1.0
            if ours[0] != theirs[0]
            else 0.0
            if ours[1] == theirs[1]
            else text_distance(ours[1], theirs[1])
        )

    return rename
