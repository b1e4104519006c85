"""The nodes of the workflow: one file each, named as the node is. `workflow.py` puts them together."""
