"""Published results of GOT and its peers, to stand beside ours; made with the published tools, so compare ``compat``.

Source: "General OCR Theory" (arXiv 2409.01704v1), tables 1 to 5; Fox's multi-page and VQA rows from arXiv 2405.14295;
later benchmarks from their own leaderboards, as named. Precision and recall of the text tables carry the exchange
of the tools that made them, and are printed as published. ``None``: not published.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One model's row: its values by our names of the metrics, a stream in front where there are several."""

    model: str
    size: str
    values: dict[str, float]


TEXT = ("edit_distance", "f1", "precision", "recall", "bleu", "meteor")
SCRM = ("map_strict", "map_slight", "map_high")


def _rows(names: Sequence[str], table: str) -> list[PublishedRow]:
    """``model | size | numbers`` lines to rows; ``-`` for a number that is not published."""
    rows = []
    for line in table.strip().splitlines():
        model, size, numbers = (part.strip() for part in line.split("|"))
        values = {
            name: float(number) for name, number in zip(names, numbers.split(), strict=True) if number != "-"
        }
        rows.append(PublishedRow(model, size, values))
    return rows


def _streams(stream: str, names: Sequence[str]) -> list[str]:
    return [f"{stream}/{name}" for name in names]


TABLES: dict[str, list[PublishedRow]] = {
    # Table 1
    "fox-en-page": _rows(TEXT, """
        UReader           | 7B   | 0.718 0.344 0.296 0.469 0.103 0.287
        LLaVA-NeXT        | 34B  | 0.430 0.647 0.573 0.881 0.478 0.582
        InternVL-Chat-1.5 | 26B  | 0.393 0.751 0.698 0.917 0.568 0.663
        Nougat            | 250M | 0.255 0.745 0.720 0.809 0.665 0.761
        TextMonkey        | 7B   | 0.265 0.821 0.778 0.906 0.671 0.762
        DocOwl1.5         | 7B   | 0.258 0.862 0.835 0.962 0.788 0.858
        Vary              | 7B   | 0.092 0.918 0.906 0.956 0.885 0.926
        Vary-toy          | 1.8B | 0.082 0.924 0.919 0.938 0.889 0.929
        Qwen-VL-Plus      | -    | 0.096 0.931 0.921 0.950 0.893 0.936
        Qwen-VL-Max       | >72B | 0.057 0.964 0.955 0.977 0.942 0.971
        Fox               | 1.8B | 0.046 0.952 0.957 0.948 0.930 0.954
        GOT               | 580M | 0.035 0.972 0.971 0.973 0.947 0.958
    """),
    "fox-zh-page": _rows(TEXT, """
        InternVL-Chat-1.5 | 26B  | 0.265 0.816 0.784 0.866 0.622 0.717
        Vary              | 7B   | 0.113 0.952 0.961 0.944 0.754 0.873
        Vary-toy          | 1.8B | 0.142 0.914 0.928 0.907 0.718 0.832
        Qwen-VL-Plus      | -    | 0.121 0.895 0.903 0.890 0.684 0.828
        Qwen-VL-Max       | >72B | 0.091 0.931 0.917 0.946 0.756 0.885
        Fox               | 1.8B | 0.061 0.954 0.964 0.946 0.842 0.908
        GOT               | 580M | 0.038 0.980 0.982 0.978 0.878 0.939
    """),
    # Table 4
    "fox-en-region": _rows(TEXT, """
        DocOwl1.5 | 7B   | 0.435 0.670 0.886 0.617 0.478 0.569
        Fox       | 1.8B | 0.059 0.957 0.962 0.955 0.914 0.955
        GOT       | 580M | 0.041 0.970 0.973 0.969 0.926 0.966
    """),
    "fox-en-color": _rows(TEXT, """
        Fox       | 1.8B | 0.064 0.940 0.942 0.942 0.868 0.938
        GOT       | 580M | 0.034 0.966 0.970 0.964 0.910 0.961
    """),
    "fox-zh-region": _rows(TEXT, """
        Fox       | 1.8B | 0.042 0.955 0.966 0.947 0.885 0.934
        GOT       | 580M | 0.033 0.965 0.974 0.958 0.898 0.942
    """),
    "fox-zh-color": _rows(TEXT, """
        Fox       | 1.8B | 0.114 0.884 0.902 0.873 0.778 0.848
        GOT       | 580M | 0.040 0.957 0.969 0.948 0.884 0.931
    """),
    "fox-en-line": _rows(("edit_distance",), "Fox | 1.8B | 0.116"),
    "fox-zh-line": _rows(("edit_distance",), "Fox | 1.8B | 0.084"),
    "fox-multi-page-region": _rows(("edit_distance", "f1", "bleu", "meteor"), "Fox | 1.8B | 0.084 0.946 0.836 0.805"),
    "fox-cross-page-vqa": _rows(("accuracy",), "Fox | 1.8B | 0.827"),
    # Table 2, both languages; the sets are published together
    "scene": _rows(TEXT, """
        UReader (en)           | 7B   | 0.568 0.661 0.843 0.569 0.258 0.488
        LLaVA-NeXT (en)        | 34B  | 0.499 0.558 0.637 0.538 0.379 0.678
        TextMonkey (en)        | 7B   | 0.331 0.743 0.827 0.710 0.521 0.728
        DocOwl1.5 (en)         | 7B   | 0.334 0.788 0.887 0.751 0.525 0.708
        InternVL-Chat-1.5 (en) | 26B  | 0.267 0.834 0.942 0.790 0.587 0.744
        InternVL-Chat-1.5 (zh) | 26B  | 0.123 0.913 0.934 0.902 0.588 0.876
        Qwen-VL-Max (en)       | >72B | 0.182 0.881 0.891 0.888 0.586 0.848
        Qwen-VL-Max (zh)       | >72B | 0.168 0.867 0.878 0.873 0.572 0.845
        GOT (en)               | 580M | 0.112 0.926 0.934 0.927 0.676 0.896
        GOT (zh)               | 580M | 0.096 0.928 0.914 0.954 0.641 0.928
    """),
    # Table 3
    "formatted": _rows(
        [*_streams("text", TEXT), *_streams("formula", TEXT), *_streams("table", TEXT)],
        "GOT | 580M | 0.097 0.942 0.944 0.942 0.877 0.876 0.269 0.749 0.771 0.751 0.512 0.716 "
        "0.254 0.867 0.857 0.897 0.756 0.760",
    ),
    "formatted-crop": _rows(
        [*_streams("text", TEXT), *_streams("formula", TEXT), *_streams("table", TEXT)],
        "GOT | 580M | 0.086 0.953 0.948 0.960 0.896 0.903 0.159 0.865 0.858 0.882 0.628 0.828 "
        "0.220 0.878 0.861 0.919 0.779 0.811",
    ),
    "sheet-music": _rows(TEXT, "GOT | 580M | 0.046 0.939 0.963 0.939 0.900 0.923"),
    "geometry": _rows(TEXT, "GOT | 580M | 0.061 0.884 0.882 0.888 0.766 0.882"),
    # Table 5; three numbers that it prints as percents are written as the fractions they are
    "onechart": _rows(SCRM, """
        Deplot   | 1.3B  | 0.614 0.709 0.729
        UniChart | 0.26B | 0.423 0.5318 0.560
        ChartVLM | 7.3B  | 0.718 0.814 0.842
        GPT-4V   | -     | 0.504 0.606 0.643
        Qwen-VL  | >72B  | 0.586 0.685 0.727
        GOT      | 0.58B | 0.747 0.845 0.867
    """),
    "onechart-plotqa": _rows(SCRM, """
        Deplot   | 1.3B  | 0.031 0.1649 0.2650
        UniChart | 0.26B | 0.105 0.260 0.269
        ChartVLM | 7.3B  | 0.038 0.468 0.540
        GPT-4V   | -     | 0.073 0.194 0.223
        Qwen-VL  | >72B  | 0.005 0.042 0.120
        GOT      | 0.58B | 0.133 0.596 0.640
        OneChart (ChartVSR) | 0.2B | - 0.8418 0.8610
    """),
    # Official scorers' own numbers
    "omnidocbench": _rows(("overall edit en", "overall edit zh"), """
        GOT (v1.0)                   | 580M | 0.287 0.411
        MinerU2 (v1.0)               | -    | 0.139 0.240
        DeepSeek-OCR Gundam-M (v1.0) | -    | 0.123 0.157
        dots.ocr (v1.0)              | -    | 0.125 0.160
    """),
    "olmocr-bench": _rows(("overall",), """
        GOT             | 580M | 48.3
        olmOCR v0.4.0   | -    | 82.4
        LightOnOCR-3-0.8B | 0.8B | 85.4
    """),
}  # fmt: skip
