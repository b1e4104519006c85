"""`python -m nango_sandbox`."""

import sys

from nango_sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
