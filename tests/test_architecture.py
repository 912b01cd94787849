"""Layers, forbidden calls, and imports that need no optional library - read from the source with ``ast``."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT, run_python

PACKAGE = ROOT / "GOT"
FILES = sorted(PACKAGE.rglob("*.py"))

# A package imports only lower layers; packages of one layer never import each other (CONTRIBUTING.md, codebase tour).
LAYERS = {
    "utils": 0, "data": 1, "model": 1, "render": 1, "data_engine": 2, "inference": 2,
    "train": 3, "eval": 3, "export": 3, "cli": 4, "demo": 5,
}  # fmt: skip
ENTRY_POINTS = {
    "GOT/__main__.py", "GOT/demo/run_ocr_2.0.py", "GOT/demo/run_ocr_2.0_crop.py", "GOT/train/train_GOT.py",
    "GOT/eval/evaluate_GOT.py",
}  # fmt: skip

OPTIONAL = (
    "deepspeed", "peft", "datasets", "yaml", "tensorboard", "flash_attn", "rapidfuzz", "nltk", "jieba",
    "latex2mathml", "mathml2omml", "markdown_it", "docx", "verovio", "resvg_py", "rdkit", "fontTools", "typst",
    "indigo", "matplotlib", "faker", "pyecharts", "torchvision", "cv2", "pandas", "scipy", "playwright",
    "openvino", "nncf",
    "ray", "pyarrow",
)  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names of ours that a file imports, and whether at import time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, id(node) not in lazy) for name in names)


def package_of(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "GOT" and len(parts) > 1 and parts[1] in LAYERS else None


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_packages_import_lower_layers_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    if own not in LAYERS or name_of(path) in ENTRY_POINTS:
        return
    for dotted, _ in imports_of(path):
        other = package_of(dotted)
        if other in (None, own):
            continue
        assert LAYERS[other] < LAYERS[own], f"{name_of(path)} (layer {LAYERS[own]}) imports {dotted}"


def test_every_package_has_a_layer() -> None:
    packages = {path.parent.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert packages <= set(LAYERS)


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS - {"GOT/__main__.py"}))
def test_entry_points_are_thin(name: str) -> None:
    path = ROOT / name
    if path.exists():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 20


FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "torch.load", "os.system", "os.popen",
    "yaml.load", "marshal.loads", "shelve.open", "joblib.load", "numpy.load", "np.load", "subprocess.getoutput",
}  # fmt: skip
FORBIDDEN_ARGUMENTS = {"trust_remote_code": True, "shell": True, "allow_pickle": True, "verify": False}
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))


def dotted_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", FILES + SCRIPTS, ids=name_of)
def test_nothing_forbidden_is_called(path: Path) -> None:
    """Faults S1, S2, S6 of the released code: eval of a flag, shell strings, remote code, pickles."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = dotted_name(node.func)
        assert called not in FORBIDDEN_CALLS, f"{name_of(path)}:{node.lineno} calls {called}"
        for keyword in node.keywords:
            if keyword.arg in FORBIDDEN_ARGUMENTS and isinstance(keyword.value, ast.Constant):
                assert keyword.value.value is not FORBIDDEN_ARGUMENTS[keyword.arg], (
                    f"{name_of(path)}:{node.lineno}"
                )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_happens_at_import(path: Path) -> None:
    """No environment variable, global switch or printed line by importing a module (faults S7, S8, I9)."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            raise AssertionError(f"{name_of(path)}:{node.lineno} calls {ast.unparse(node.value)} at import")
        if isinstance(node, ast.Assign):
            for target in node.targets:
                name = dotted_name(target.value) if isinstance(target, ast.Subscript) else dotted_name(target)
                own = name_of(path) in ENTRY_POINTS and name == "sys.path"
                assert own or "." not in name or not name[0].islower(), (
                    f"{name_of(path)}:{node.lineno} sets {name}"
                )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_star_imports_no_bare_except_no_private_paths(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        assert not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"), name_of(path)
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), (
            f"{name_of(path)}:{node.lineno}"
        )
    for private in ("/mnt/", "/home/", "/root/", "/work/", "shaipower"):
        assert private not in text, f"{name_of(path)} holds {private}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_file_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{name_of(path)} has no docstring"


def test_only_the_command_line_prints() -> None:
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] in ("cli", "__main__.py") or name_of(path) in ENTRY_POINTS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Call) and dotted_name(node.func) == "print"), (
                f"{name_of(path)}:{node.lineno}"
            )


def modules() -> list[str]:
    names = []
    for path in FILES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if all(part.isidentifier() for part in parts) and name_of(path) not in ENTRY_POINTS:
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def test_every_module_imports_without_optional_libraries() -> None:
    result = run_python("-c", f"""
import importlib, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r} and not own(sys._getframe()):
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
def own(frame):
    # transformers and others look for optional libraries themselves; what counts is who asks first among our files.
    while frame:
        file = frame.f_code.co_filename
        if "/GOT/" in file:
            return False
        if "site-packages" in file:
            return True
        frame = frame.f_back
    return False
sys.meta_path.insert(0, Blocker())
failed = []
for name in {modules()!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed.append(f"{{name}}: {{error}}")
print("\\n".join(failed))
""")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""


def test_importing_the_package_costs_nothing() -> None:
    result = run_python(
        "-c", "import GOT, GOT.__main__, sys; print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert result.stdout.split() == ["False", "False"]


def test_what_is_imported_is_declared() -> None:
    """The released pyproject lacks nine libraries and lists twelve that nothing imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    provided = {"pillow": "PIL"}
    base = {line.split(">")[0].split("[")[0].strip().replace("-", "_") for line in project["dependencies"]}
    base = {provided.get(name, name) for name in base}
    found = {
        dotted.split(".")[0]
        for path in FILES
        for dotted, at_import in imports_of(path)
        if at_import and "TYPE_CHECKING" not in path.read_text(encoding="utf-8")
    }
    import sys

    foreign = found - set(sys.stdlib_module_names) - {"GOT"}
    assert foreign <= base | {"huggingface_hub"}, foreign - base  # transformers brings its hub client
    everything = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    unused = {name for name in base if name not in everything}
    assert unused <= {"accelerate"}, (
        f"declared but never imported: {unused}"
    )  # accelerate: transformers' Trainer


@pytest.mark.parametrize(
    ("module", "table"),
    [
        ("GOT.__main__", "COMMANDS"),
        ("GOT.inference.backends", "BACKENDS"),
        ("GOT.export", "EXPORTERS"),
        ("GOT.render", "FORMATS"),
    ],
)
def test_every_entry_of_every_table_exists(module: str, table: str) -> None:
    for name, entry in getattr(importlib.import_module(module), table).items():
        target = entry[0] if isinstance(entry, tuple) else entry
        where, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(where), function)), name
