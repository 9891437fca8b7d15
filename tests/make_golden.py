"""Make the golden files: reference outputs by PyTorch and others, for `minibert.check.golden`.

    pip install -e ".[oracle]"
    python tests/make_golden.py              # all of them
    python tests/make_golden.py layernorm    # those of one formula, or one case

What is no longer in the table is deleted. The manifest gets the versions and the sha256 of each.
"""

import hashlib
import json
import platform
import sys
from importlib.metadata import version

from oracle.harness import REFERENCES, golden_arrays, load_references

from minibert.check.cases import CASES, FORMULAS
from minibert.check.references import FOLDER, MANIFEST
from minibert.interop.tensors import file_bytes
from minibert.text import write_text

LARGEST, LARGEST_OF_ALL = 200_000, 6_000_000  # bytes
MADE_WITH = ("torch", "transformers", "tokenizers", "scikit-learn", "scipy", "numpy")


def versions():
    """What made the files."""
    return {"python": platform.python_version()} | {name: version(name) for name in MADE_WITH}


def make(case):
    """The bytes of a case's golden file."""
    data = file_bytes(golden_arrays(case), {"source": REFERENCES[case.op].named(case.mode)})
    if len(data) > LARGEST:
        raise ValueError(f"{case}: {len(data):,} bytes; make its inputs smaller than {LARGEST:,}")
    return data


def chosen(names):
    """The cases of these formulas, or with these names; all without names."""
    wanted = [c for f in FORMULAS for c in f.cases if not names or {f.id, str(c)} & set(names)]
    if not wanted:
        raise SystemExit(f"no formula or case is called {', '.join(names)}")
    return wanted


def main(names):
    """Write the golden files of the chosen cases, and the manifest."""
    load_references()
    FOLDER.mkdir(exist_ok=True)
    known = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"] if MANIFEST.exists() else {}
    for case in chosen(names):
        data = make(case)
        (FOLDER / f"{case}.safetensors").write_bytes(data)
        known[str(case)] = hashlib.sha256(data).hexdigest()
        print(f"{case}: {len(data):,} bytes")
    known = {str(case): known[str(case)] for case in CASES if str(case) in known}
    for path in FOLDER.glob("*.safetensors"):
        if path.stem not in known:
            path.unlink()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.safetensors"))
    if total > LARGEST_OF_ALL:
        raise ValueError(f"{total:,} bytes in all; at most {LARGEST_OF_ALL:,}")
    write_text(MANIFEST, json.dumps({"versions": versions(), "files": known}, indent=1) + "\n")
    print(f"{len(known)} files, {total:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
