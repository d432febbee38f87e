"""Write the locks: for every part of Gatelab, the packages that it needs, each with the SHA-256 of all its files.

`make lock` runs this with the version of uv that `locks/uv.txt` pins. `constraints.txt` holds only the versions, for
all parts together; the files in `locks/` add the hashes. pip refuses a file with any other hash.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "locks"
CONSTRAINTS = ROOT / "constraints.txt"

PARTS: dict[str, tuple[str, ...]] = {
    "client": (),
    "serve": ("client",),
    "server": ("client", "serve", "torch", "cuda"),
    "page": ("client",),
    "docs": ("client",),
    "otel": ("client",),
    "dev": ("client", "serve", "server"),
    "peers": ("client", "serve", "server"),
}
"""Part -> the parts that are installed before it, whose packages its file leaves out.

All but `client` are extras of `pyproject.toml`; `client` is what Gatelab needs without any.
"""

TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where PyTorch's builds for the CPU are. They are releases of their own, `X+cpu`, with hashes of their own."""

CUDA = ("nvidia-", "cuda-", "triton")
"""Prefixes of the packages that PyTorch's build for NVIDIA GPUs needs, and its build for the CPU does not."""

HEADER = "# Made by `make lock`. {what}\n"
INDENTED_HASH = " \\\n    --hash=sha256:{}"


def entries(text: str) -> dict[str, list[str]]:
    """A requirements file as {requirement: its SHA-256s}. A requirement is `name==version`, and its marker if any."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if requirement := re.sub(r"\s*--hash=\S+", "", line.partition("#")[0]).strip():
            found[requirement] = re.findall(r"--hash=sha256:([0-9a-f]{64})", line)
    return found


def name_of(requirement: str) -> str:
    """The name of the package that a requirement is about."""
    return re.split(r"[=;<>\[ ]", requirement, maxsplit=1)[0]


class Uv:
    """uv, which finds compatible versions, and the hashes that the index has for them."""

    def __init__(self, program: str, options: Sequence[str]) -> None:
        self.program = program
        self.options = options

    def compile(self, source: str, *arguments: str, wanted: str = "") -> str:
        """The requirements file that uv makes for all platforms from `source`: a path, or `-` for the text `wanted`."""
        options = ["--quiet", "--universal", "--python-version", "3.11", "--no-annotate", "--no-header"]
        command = [self.program, "pip", "compile", *options, *arguments, source]
        return subprocess.run(command, input=wanted, check=True, stdout=subprocess.PIPE, text=True).stdout

    def pinned(self, source: str, *arguments: str, wanted: str = "") -> dict[str, list[str]]:
        """The entries of `source` with their hashes, in the versions that `constraints.txt` pins."""
        return entries(
            self.compile(source, "--generate-hashes", "--constraint", str(CONSTRAINTS), *arguments, wanted=wanted)
        )

    def kept(self, path: Path, wanted: str, *arguments: str) -> dict[str, list[str]]:
        """The entries of `wanted` with their hashes. Versions stay as in `path`, unless the options say otherwise."""
        options = ["--generate-hashes", "--output-file", str(path), *arguments, *self.options]
        self.compile("-", *options, wanted=wanted)
        return entries(path.read_text(encoding="utf-8"))


def write(name: str, what: str, found: dict[str, list[str]]) -> None:
    """Write the file `locks/name.txt`."""
    lines = ["".join([entry, *map(INDENTED_HASH.format, hashes)]) + "\n" for entry, hashes in sorted(found.items())]
    (LOCKS / f"{name}.txt").write_text(HEADER.format(what=what) + "".join(lines), encoding="utf-8")


def read(names: Iterable[str]) -> dict[str, list[str]]:
    """The entries of several files of `locks/`, together."""
    return {
        entry: hashes
        for name in names
        for entry, hashes in entries((LOCKS / f"{name}.txt").read_text(encoding="utf-8")).items()
    }


def lock_versions(uv: Uv) -> None:
    """Write `constraints.txt`: one version for each package, whatever parts need it."""
    extras = [word for part in PARTS if part != "client" for word in ("--extra", part)]
    uv.compile("pyproject.toml", *extras, "--output-file", str(CONSTRAINTS), *uv.options)
    header = HEADER.format(what="Versions without hashes, for pip's --constraint.")
    CONSTRAINTS.write_text(header + CONSTRAINTS.read_text(encoding="utf-8"), encoding="utf-8")


def lock_parts(uv: Uv) -> None:
    """Write a file for each part, with the packages that no earlier part has."""
    for part, before in PARTS.items():
        extra = [] if part == "client" else ["--extra", part]
        found = uv.pinned("pyproject.toml", *extra)
        if part == "server":
            lock_torch(uv, found)
        known = read(before)
        added = {entry: hashes for entry, hashes in found.items() if entry not in known}
        after = f" It goes with {', '.join(before)}." if before else ""
        write(part, f"What `{part}` needs.{after}", added)


def lock_torch(uv: Uv, found: dict[str, list[str]]) -> None:
    """Write `torch.txt`, with the hashes of the builds for NVIDIA GPUs and for the CPU.

    `cuda.txt` gets the further packages that the builds for GPUs need.
    """
    [torch] = [entry for entry in found if name_of(entry) == "torch"]
    cuda = {entry: hashes for entry, hashes in found.items() if entry.startswith(CUDA)}
    write("cuda", "What PyTorch's build for NVIDIA GPUs needs besides.", cuda)
    hashes = found[torch] + [one for one in cpu_builds(uv, torch) if one not in found[torch]]
    write("torch", "PyTorch: the builds of the package index, and those for the CPU.", {torch: hashes})


def cpu_builds(uv: Uv, torch: str) -> list[str]:
    """The hashes of PyTorch's builds for the CPU: from their index, else those that the lock has for this version."""
    index = os.environ.get("TORCH_INDEX", TORCH_INDEX)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "torch.txt"
        try:
            found = uv.kept(path, f"{torch}+cpu\n", "--no-deps", "--index-url", index, "--quiet")
        except subprocess.CalledProcessError:
            print(f"{index} does not answer, so the lock keeps its hashes of PyTorch's CPU builds.", file=sys.stderr)
            return known_builds(torch)
    return [one for hashes in found.values() for one in hashes]


def known_builds(torch: str) -> list[str]:
    """The hashes that the lock already has for this version of PyTorch."""
    known = read(["torch"]) if (LOCKS / "torch.txt").exists() else {}
    if torch not in known:
        print(f"The lock has no hashes of {torch}: run `make lock` again when that index answers.", file=sys.stderr)
    return known.get(torch, [])


def lock_tools(uv: Uv) -> None:
    """Write the locks of the tools that build Gatelab, create virtual environments and make the locks."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    # hatchling needs `editables` for an installation in place, and asks for it only when it builds one.
    wanted = "\n".join([*required, "editables", "setuptools"])
    build = uv.kept(LOCKS / "build.txt", wanted, "--constraint", str(CONSTRAINTS))
    write("build", "What builds Gatelab, and packages that have no wheel.", build)
    write("pip", "For Pythons that come without it.", uv.kept(LOCKS / "pip.txt", "pip\n"))
    write("uv", "It makes the locks.", uv.kept(LOCKS / "uv.txt", "uv\n"))


def main(program: str, *options: str) -> None:
    LOCKS.mkdir(exist_ok=True)
    os.chdir(ROOT)
    uv = Uv(program, options)
    lock_versions(uv)
    lock_tools(uv)
    lock_parts(uv)


if __name__ == "__main__":
    main(*sys.argv[1:])
