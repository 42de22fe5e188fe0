"""What a model's code is: its own file, and every macro and seed of the project that it uses.

dbt's own checksum is of the model's file alone, so that a rule changed in a macro would leave tables of
the old rule in place as fresh.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from spymaster.contracts import contracts_dir

_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\s*\(.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
_WORD = re.compile(r"\w+")


def kernel_checksum() -> str:
    """Return the sha256 over the kernels' sources: what a Python model computes depends on them."""
    spec = importlib.util.find_spec("spymaster_udf")
    folders = spec.submodule_search_locations if spec else None
    digest = hashlib.sha256()
    for source in sorted(Path((folders or ["."])[0]).glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def dbt_project_dir() -> Path:
    """Return the dbt project's folder.

    >>> (dbt_project_dir() / "dbt_project.yml").exists()
    True
    """
    return contracts_dir().parent


def macro_texts(project: Path) -> dict[str, str]:
    """Return the text of every macro of a dbt project by its name.

    >>> "clip" in macro_texts(dbt_project_dir())["norm"]
    False
    """
    return {
        match[1]: match[0]
        for file in sorted((project / "macros").rglob("*.sql"))
        for match in _MACRO.finditer(file.read_text())
    }


def code_checksum(
    file_checksum: str, macros: Iterable[str], seed_checksums: Iterable[str], texts: dict[str, str]
) -> str:
    """Return a sha256 over a model's file, the macros it calls, those that they call, and its seeds.

    `macros` are names as dbt gives them (macro.spymaster.norm); those of other packages do not count.

    >>> before = code_checksum("f", ["macro.p.a"], [], {"a": "b()", "b": "1", "c": "1"})
    >>> before == code_checksum("f", ["macro.p.a"], [], {"a": "b()", "b": "1", "c": "2"})
    True
    >>> before == code_checksum("f", ["macro.p.a"], [], {"a": "b()", "b": "2", "c": "1"})
    False
    """
    used: set[str] = set()
    waiting = [name.rsplit(".", 1)[1] for name in macros]
    while waiting:
        name = waiting.pop()
        if name in texts and name not in used:
            used.add(name)
            waiting += _WORD.findall(texts[name])
    digest = hashlib.sha256(file_checksum.encode())
    for part in [*(texts[name] for name in sorted(used)), *sorted(seed_checksums)]:
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()
