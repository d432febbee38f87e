"""The build compiles the native engine, and includes the page and the guide. It says which of them is missing."""

import importlib.util
import os
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APART = "GATELAB_NATIVE_APART"
"""If it is set, `scripts/install` compiles the native engine at the same time, for an editable installation."""


class NativeEngine(BuildHookInterface[Any]):
    """Builds in place, where an editable installation finds the libraries; a wheel contains them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or (version == "editable" and os.environ.get(APART)):
            return
        for name, folder, target in (("page", "dist", "page"), ("guide", "guide", "docs")):
            if version != "editable" and not (Path(self.root) / "service" / "web" / folder / "index.html").exists():
                self.app.display_warning(
                    f"The package lacks the {name}, which is not built: `make {target}` builds it."
                )
        native = _load(Path(self.root) / "gatelab/scan/native/build.py")
        try:
            libraries = native.build()
        except native.NotBuilt as reason:
            self.app.display_warning(str(reason))
            return
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in libraries]
        build_data["pure_python"] = False
        # The engine is loaded through its C interface, so one wheel serves every Python 3.
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gatelab_native_build", path)
    assert spec is not None, "a path to a Python file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
