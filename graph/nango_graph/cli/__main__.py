"""`python -m nango_graph.cli`."""

from nango_graph.cli.main import main

main()
