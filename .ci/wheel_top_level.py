"""Fails unless the wheel's top level is exactly the three packages (and its own metadata)."""

import sys
import zipfile

EXPECTED = {"nango_graph", "nango_tools", "nango_sandbox"}

(path,) = sys.argv[1:]
found = {name.split("/")[0] for name in zipfile.ZipFile(path).namelist() if ".dist-info/" not in name}
if found != EXPECTED:
    sys.exit(f"{path} has {sorted(found)} at its top level; expected {sorted(EXPECTED)}")
print(f"{path}: {', '.join(sorted(found))}")
