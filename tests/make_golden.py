"""Make the golden files: reference outputs by PyTorch and others, for `minibert.check.golden`.

    pip install -e ".[oracle]"
    python tests/make_golden.py              # all of them
    python tests/make_golden.py layernorm    # those of one formula, or one case

What is no longer in the table is deleted. The manifest gets the versions and the sha256 of each.
"""

import json
import platform
import sys
from importlib.metadata import version

from oracle.harness import REFERENCES, golden_arrays, load_references

from minibert.check.cases import CASES, formula_called
from minibert.check.cases.plain import plain_inputs
from minibert.check.references import FOLDER, LARGEST, LARGEST_OF_ALL, MANIFEST, sha256
from minibert.interop.tensors import file_bytes
from minibert.text import write_text

MADE_WITH = ("torch", "transformers", "tokenizers", "scikit-learn", "scipy", "numpy")


def versions():
    """What made the files."""
    return {"python": platform.python_version()} | {name: version(name) for name in MADE_WITH}


def make(case):
    """The bytes of a case's golden file."""
    plain = json.dumps(plain_inputs(case), sort_keys=True)
    source = REFERENCES[case.op].named(case.mode)
    data = file_bytes(golden_arrays(case), {"source": source, "inputs": plain})
    if len(data) > LARGEST:
        raise ValueError(f"{case}: {len(data):,} bytes; make its inputs smaller than {LARGEST:,}")
    return data


def chosen(names):
    """The cases of these formulas, or with these names; all without names."""
    found = [(name, formula_called(name)) for name in names]
    return [c for name, f in found for c in f.cases if name in (f.id, str(c))] or CASES


def main(names):
    """Write the golden files of the chosen cases, and the manifest."""
    load_references()
    old = json.loads(MANIFEST.read_text(encoding="utf-8")) if MANIFEST.exists() else {"files": {}}
    if names and old.get("versions") != versions():
        raise SystemExit(f"the others were made with {old.get('versions')}: make all of them anew")
    made = {str(case): make(case) for case in chosen(names)}
    kept = {name: FOLDER / f"{name}.safetensors" for name in map(str, CASES)}
    kept = {n: path.read_bytes() for n, path in kept.items() if names and n in old["files"]} | made
    total = sum(map(len, kept.values()))
    if total > LARGEST_OF_ALL:
        raise SystemExit(f"{total:,} bytes in all; at most {LARGEST_OF_ALL:,}")
    FOLDER.mkdir(exist_ok=True)
    for name, data in made.items():
        (FOLDER / f"{name}.safetensors").write_bytes(data)
        print(f"{name}: {len(data):,} bytes")
    for path in FOLDER.glob("*.safetensors"):
        if path.stem not in kept:
            path.unlink()
    files = {name: sha256(kept[name]) for name in map(str, CASES) if name in kept}
    write_text(MANIFEST, json.dumps({"versions": versions(), "files": files}, indent=1) + "\n")
    print(f"{len(files)} files, {total:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
