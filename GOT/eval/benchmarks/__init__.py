"""Benchmarks: published folder layouts to records. ``BENCHMARKS`` lists them; a new one is a module and a line here."""

# name -> "module:function"; the function takes (name, LoadOptions) and returns a Benchmark.
BENCHMARKS: dict[str, str] = {
    "fox-en-page": "GOT.eval.benchmarks.fox:load",
    "fox-zh-page": "GOT.eval.benchmarks.fox:load",
    "fox-en-region": "GOT.eval.benchmarks.fox:load",
    "fox-zh-region": "GOT.eval.benchmarks.fox:load",
    "fox-en-line": "GOT.eval.benchmarks.fox:load",
    "fox-zh-line": "GOT.eval.benchmarks.fox:load",
    "fox-en-color": "GOT.eval.benchmarks.fox:load",
    "fox-zh-color": "GOT.eval.benchmarks.fox:load",
    "fox-translation": "GOT.eval.benchmarks.fox:load",
    "fox-summary": "GOT.eval.benchmarks.fox:load",
    "fox-caption": "GOT.eval.benchmarks.fox:load",
    "fox-multi-page-region": "GOT.eval.benchmarks.fox:load",
    "fox-cross-page-vqa": "GOT.eval.benchmarks.fox:load",
    "scene": "GOT.eval.benchmarks.folders:load",
    "formatted": "GOT.eval.benchmarks.folders:load",
    "sheet-music": "GOT.eval.benchmarks.folders:load",
    "geometry": "GOT.eval.benchmarks.folders:load",
    "onechart": "GOT.eval.benchmarks.onechart:load",
    "onechart-plotqa": "GOT.eval.benchmarks.onechart:load",
    "omnidocbench": "GOT.eval.benchmarks.omnidocbench:load",
    "olmocr-bench": "GOT.eval.benchmarks.olmocr_bench:load",
    "samples": "GOT.eval.benchmarks.samples:load",
    "synth-heldout": "GOT.eval.benchmarks.synth:load",
}
