"""The notation of signatures and shapes, as the prompt writes them."""

import pytest

from nango_sandbox.rule_model.previews import Preview, read_preview
from nango_sandbox.rule_model.prompt import read_integrations, read_results, read_tools
from nango_sandbox.rule_model.shapes import ANY, Field, NotationError, Shape, read_shape, read_signature

STRING, INTEGER = Shape("string"), Shape("integer")


def test_a_signature_is_read_with_its_parameters_and_result() -> None:
    name, parameters, result = read_signature(
        'a/b(c: string, d?: "x"|"y", e?: [integer]) -> {f: [{g: integer, h?: string|null}]}'
    )
    assert name == "a/b"
    assert parameters == (
        Field("c", STRING),
        Field("d", Shape("string", choices=("x", "y")), required=False),
        Field("e", Shape("array", items=INTEGER), required=False),
    )
    item = Shape("object", fields=(Field("g", INTEGER), Field("h", Shape("string", nullable=True), required=False)))
    assert result == Shape("object", fields=(Field("f", Shape("array", items=item)),))


def test_a_signature_without_parameters_or_result_is_read() -> None:
    assert read_signature("a/b()") == ("a/b", (), ANY)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("any", ANY),
        ("string|null", Shape("string", nullable=True)),
        ("number|string", STRING),
        ("1|2", Shape("integer", choices=(1, 2))),
        ('"say \\"hi\\""', Shape("string", choices=('say "hi"',))),
        ("[{a: string}|null]", Shape("array", items=Shape("object", fields=(Field("a", STRING),), nullable=True))),
        ('{"odd key": string, ...}', Shape("object", fields=(Field("odd key", STRING),))),
        ("[]", Shape("array", items=ANY)),
        ("{broken", ANY),
        ("", ANY),
    ],
)
def test_a_shape_is_read_and_what_cannot_be_read_may_be_anything(text: str, shape: Shape) -> None:
    assert read_shape(text) == shape


@pytest.mark.parametrize("text", ["", "no signature", "a/b(c", "a/b(c string)", "tool(c: string)"])
def test_what_is_no_signature_is_an_error(text: str) -> None:
    with pytest.raises(NotationError):
        read_signature(text)


def test_tools_have_access_description_and_parameter_notes() -> None:
    (tool,) = read_tools(
        "a/b(c: string)\n  [destructive] Delete: for good.\n  c: What to delete: its name.\nnot a tool at all"
    )
    assert (tool.access, tool.description) == ("destructive", "Delete: for good.")
    assert tool.parameters[0].description == "What to delete: its name."


def test_integrations_are_read_with_their_tools() -> None:
    (one,) = read_integrations("google-mail — Gmail: list-messages, send-message, …")
    assert (one.key, one.display, [tool.key for tool in one.tools]) == (
        "google-mail",
        "Gmail",
        ["google-mail/list-messages", "google-mail/send-message"],
    )


def test_results_are_read_with_arguments_that_hold_arrows_and_colons() -> None:
    ran, failed = read_results(
        's1 a/b {"x":"y -> z: succeeded"} -> succeeded\nshape: {n: integer}\npreview: {"n":1}\ns2 a/c {} -> failed\nerror: no: such thing'
    )
    assert (ran.arguments, ran.succeeded, ran.shape, ran.preview) == (
        {"x": "y -> z: succeeded"},
        True,
        Shape("object", fields=(Field("n", INTEGER),)),
        '{"n":1}',
    )
    assert (failed.succeeded, failed.error) == (False, "no: such thing")


@pytest.mark.parametrize(
    ("text", "preview"),
    [
        ('{"a":[1,2]}', Preview({"a": [1, 2]})),
        ('{"a":"x (cut; y)"}', Preview({"a": "x (cut; y)"})),
        ('{"a":[1]} (shortened: lists to 1 items, texts to 20 characters)', Preview({"a": [1]}, whole=False)),
        ('"{"a":[1,{"b…" (cut; 9000 characters in all)', Preview(whole=False)),
        ("nothing like it", Preview(whole=False)),
    ],
)
def test_a_preview_is_data_and_says_whether_it_is_all(text: str, preview: Preview) -> None:
    assert read_preview(text) == preview


def test_a_shape_tells_how_long_a_list_is() -> None:
    shape = read_shape("{issues: [{number: integer, labels: [string] (2), assignees: [] (0)}] (5), …}")
    issues = shape.fields[0].shape
    assert (issues.count, issues.items and [one.shape.count for one in issues.items.fields]) == (5, [None, 2, 0])


def test_of_calls_for_each_item_the_arguments_that_all_share_are_the_step_s() -> None:
    (ran,) = read_results('s1 a/b [{"repo":"w","n":1},{"repo":"w","n":2}] -> succeeded')
    assert (ran.arguments, ran.calls) == ({"repo": "w"}, ({"repo": "w", "n": 1}, {"repo": "w", "n": 2}))
