"""What became of a step, as lines of a block: a shape and a preview, each on a line of its own. `selected` is the step's own
expression, where the preview shows what that found and not the beginning of the output.
"""

from nango_graph.planning.signatures import one_line
from nango_graph.prompts.blocks import as_data
from nango_graph.state import Result


def result_lines(result: Result) -> str:
    lines = [f"{result['step']} {result['tool']} {as_data(result.get('arguments', {}))} -> {result['status']}"]
    if "shape" in result:
        lines.append(f"shape: {one_line(result['shape'], 1000)}")
    if size := result.get("size"):
        lines.append(f"size: {_in_words(size)} as JSON; a part is shown, references see the whole")
    if "selected" in result:
        lines.append(f"selected: {one_line(result['selected'], 500)}")
    if "preview" in result:
        lines.append(f"preview: {result['preview']}")
    if "error" in result:
        lines.append(f"error: {one_line(result['error'], 600)}")
    return "\n".join(lines)


def _in_words(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1000))} kB"
