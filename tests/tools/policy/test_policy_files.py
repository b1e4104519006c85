"""The policy file: what it says is read, and whatever can't be meant is refused with file and line."""

import time
from pathlib import Path

import pytest

from nango_tools import Access, SettingsError
from nango_tools.policy import USER, Action, Effect, Policy, PolicyError, Subject

HEAD = "version: 1\nrules:\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def _error(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(PolicyError) as refused:
        Policy.load(file)
    return str(refused.value).replace(str(file), "policy.yaml")


def test_a_file_is_read_with_all_that_it_says(file: Path) -> None:
    file.write_text("""
version: 1
definitions: warn
access:
  - tool: acme/fetch-*
    is: destructive
    because: it captures payments
  - integration: acme
    tool: [fetch-quote, fetch-rate]
    is: read
rules:
  - name: no deletes
    effect: deny
    integration: [github, gitlab-*]
    tool: delete-*
    because: nothing is deleted here.
  - name: reports
    effect: allow
    access: write
    account: "*@acme.com"
    connection: c1
    arguments: "channel == 'reports'"
    from_integration: [user, github]
""")
    policy = Policy.load(file)
    assert policy.definitions == "warn"
    verdict = policy.access_rule("acme", "fetch-invoice")
    assert verdict is not None
    assert verdict.access is Access.DESTRUCTIVE
    assert verdict.reason == f"the policy says so ({file}:5): it captures payments"
    assert policy.access_rule("other", "fetch-invoice") is None
    ruling = policy.judge(Action(Subject("gitlab-eu", "delete-repo", Access.READ), {}))
    assert (ruling.effect, ruling.rule, ruling.where) == (Effect.DENY, "no deletes", f"{file}:12")
    assert ruling.reason == "The rule “no deletes” denies it: nothing is deleted here."
    post = Subject("slack", "post", Access.WRITE, account="ada@acme.com", connection_id="c1")
    allowed = policy.judge(Action(post, {"channel": "reports"}, frozenset({USER, "github"})))
    assert (allowed.effect, allowed.rule) == (Effect.ALLOW, "reports")
    assert policy.judge(Action(post, {"channel": "reports"}, frozenset({USER, "gmail"}))).effect is Effect.ASK


def test_of_several_sayings_about_access_the_worst_counts_in_any_order(file: Path) -> None:
    sayings = ["  - {tool: acme/*, is: read}\n", "  - {tool: acme/fetch-*, is: destructive}\n"]
    for ordered in (sayings, sayings[::-1]):
        file.write_text("version: 1\naccess:\n" + "".join(ordered))
        verdict = Policy.load(file).access_rule("acme", "fetch-x")
        assert verdict is not None
        assert verdict.access is Access.DESTRUCTIVE


@pytest.mark.parametrize("text", ["version: 1\n", "version: 1\nrules: []\naccess: []\n"])
def test_a_file_that_says_its_version_alone_has_no_rules(file: Path, text: str) -> None:
    file.write_text(text)
    policy = Policy.load(file)
    assert policy.rules == ()
    assert policy.definitions == "hold"
    assert policy.judge(Action(Subject("a", "b", Access.READ), {})).effect is Effect.ALLOW
    assert policy.judge(Action(Subject("a", "b", Access.WRITE), {})).effect is Effect.ASK


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.yaml can't be read: No such file.*NANGO_AGENT_POLICY"):
        Policy.load(tmp_path / "nowhere.yaml")
    with pytest.raises(SettingsError, match="can't be read"):
        Policy.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "says nothing: write `version: 1` alone for no rules"),
        ("# nothing yet\n", 1, "says nothing"),
        ("null\n", 1, "says nothing"),
        ("# head\n---\n", 3, "says nothing"),
        ("version: 1.0\n", 1, "must say `version: 1`"),
        ("version: 1\nrules:\n", 2, "must stand a list"),
        ("version: 1\naccess:\nrules: []\n", 2, "must stand a list"),
        ("rules: []\n", 1, "must say `version: 1`"),
        ("version: 2\n", 1, "must say `version: 1`"),
        ("version: true\n", 1, "must say `version: 1`"),
        ("version: 1\nrule: []\n", 2, "no `rule` in a policy; perhaps `rules`"),
        ("version: 1\nrules: none\n", 2, "must stand a list"),
        ("- version: 1\n", 1, "must stand `key: value` lines"),
        ("just text", 1, "must stand `key: value` lines"),
        ("version: 1\ndefinitions: holt\n", 2, "`holt` can't stand here; perhaps `hold`"),
        (HEAD + "  - effect: deny\n    tool: x\n", 3, "`name` is missing"),
        (HEAD + "  - name: a\n    tool: x\n", 3, "`effect` is missing"),
        (HEAD + "  - name: a\n    effect: dny\n", 4, "`dny` can't stand here; perhaps `deny`"),
        (HEAD + "  - name: a\n    effect: no\n", 4, "could be read in two ways"),
        (HEAD + "  - name: a\n    effect: [deny]\n", 4, "can't stand here"),
        (HEAD + "  - name: a\n    effect: deny\n    tools: x\n", 5, "no `tools` in a rule; perhaps `tool`"),
        (HEAD + "  - name: a\n    effect: deny\n    when: x\n", 5, "there are `name`, `effect`"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: []\n", 5, "the list is empty"),
        (HEAD + "  - name: a\n    effect: deny\n    tool:\n      - x\n      - ''\n", 7, "is no pattern"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: github/\n", 5, "is no pattern"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: 'a\\nb'\n    integration: \"a\\nb\"\n", 6, "is no pattern"),
        (HEAD + f"  - name: a\n    effect: deny\n    tool: {'x' * 300}\n", 5, "longer than 200"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: [x, github/repos/delete]\n", 5, "has two slashes"),
        (HEAD + "  - name: a\n    effect: deny\n    integration: github/delete-repo\n", 5, "stand in `tool`"),
        (HEAD + "  - name: a\n    effect: deny\n    from_integration: github/x\n", 5, "stand in `tool`"),
        (HEAD + "  - name: a\n    effect: deny\n    integration: github\n    tool:\n      - x\n      - slack/*\n", 8, "`slack/*` can match nothing"),
        (HEAD + "  - name: a\n    effect: deny\n    integration: git*\n    tool: slack/*\n", 6, "can match nothing"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: git*/x\n    integration: [slack, jira]\n", 5, "can match nothing"),
        (HEAD + "  - name: a\n    effect: deny\n    from_integration: [gmail, User]\n", 5, "are `user`, in small letters"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: 'sla\u0441k/*'\n", 5, "'sla\\u0441k' can be no integration"),
        (HEAD + "  - name: a\n    effect: deny\n    integration: 'gmail,slack'\n", 5, "can be no integration"),
        ("version: 1\naccess:\n  - tool: slack/*\n    integration: github\n    is: read\n", 3, "can match nothing"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: 12\n", 5, "put in quotes"),
        (HEAD + "  - name: a\n    effect: deny\n    access: [reads]\n", 5, "`reads` can't stand here; perhaps `read`"),
        (HEAD + "  - name: a\n    effect: deny\n    because: 1\n", 5, "must stand a text"),
        (HEAD + "  - name: a\n    effect: deny\n  - name: b\n    effect: ask\n  - name: a\n    effect: ask\n", 7, "line 3 has the name 'a'"),
        (HEAD + "  - name: ''\n    effect: deny\n", 3, "a text on one line, of 1 to 80"),
        (HEAD + '  - name: "a\\u202eb"\n    effect: deny\n', 3, "a text on one line"),
        (HEAD + f"  - name: {'n' * 81}\n    effect: deny\n", 3, "1 to 80 characters"),
        (HEAD + "  - name: a\n    name: b\n    effect: deny\n", 4, "`name` stands in line 3 already"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: 'amount >'\n", 5, "is not JMESPath"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: amount\n", 5, "is no question"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: 'amounts(a) == `1`'\n", 5, "calls amounts(), which"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: 'contains(a)'\n", 5, "gives contains() 1 arguments; it takes 2"),
        (HEAD + f"  - name: a\n    effect: deny\n    arguments: '{'!' * 490}a'\n", 5, "too complex"),
        (HEAD + f"  - name: a\n    effect: deny\n    arguments: \"'{'x' * 600}' == a\"\n", 5, "longer than 500"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: true\n", 5, "put in quotes"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments: {}\n", 5, "says nothing"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments:\n      properties:\n        to:\n          pattern: (a+)+\n", 8, "`pattern` can't stand"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments:\n      $ref: http://127.0.0.1:9/x\n", 6, "`$ref` can't stand"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments:\n      minProperties: many\n", 6, "no JSON Schema"),
        (HEAD + "  - name: a\n    effect: deny\n    arguments:\n      properties: [a]\n", 6, "no JSON Schema"),
        ("version: 1\naccess:\n  - is: read\n", 3, "`tool` is missing"),
        ("version: 1\naccess:\n  - tool: a\n    is: safe\n", 4, "there are `read`, `write`, `destructive`"),
        ("version: 1\nrules: [\n", 3, "no YAML"),
        ("version: 1\n\tx: 1\n", 2, "no YAML"),
        ("version: 1\n---\nversion: 1\n", 2, "no YAML"),
        ("version: 1\nx: \x07\n", 2, "no YAML"),
        ("version: 1\nx: &a 1\n", 2, "anchors and aliases"),
        ("version: 1\nrules: *a\n", 2, "anchors and aliases"),
        (HEAD + "  - name: a\n    effect: deny\n    tool: *\n", 5, "no YAML"),
        ("version: !!python/object:os.system 1\n", 1, "tags (!)"),
        ("version: ! 1\n", 1, "tags (!)"),
        ("<<: {a: 1}\n", 1, "key must be a text"),
        ("1: 2\n", 1, "key must be a text"),
        ("version: 0o1\n", 1, "must say `version: 1`"),
        ("version: 01\n", 1, "two ways"),
        ("version: 2024-01-01\n", 1, "two ways"),
        ("version: .inf\n", 1, "two ways"),
        ("version: 1" + "0" * 5000 + "\n", 1, "two ways"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(file: Path, text: str, line: int, says: str) -> None:
    told = _error(file, text)
    assert told.startswith(f"policy.yaml:{line}: "), told
    assert says in told


def test_text_that_is_not_utf_8_is_refused_with_its_line(file: Path) -> None:
    file.write_bytes(b"version: 1\n# \xff\n")
    with pytest.raises(PolicyError, match=r"policy\.yaml:2: this is not UTF-8"):
        Policy.load(file)
    file.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert Policy.load(file).rules == ()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 100_000,
        "{a: " * 100_000,
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "x" * 400_000,
        "version: 1\n" + "# x\n" * 400_000,
    ],
)
def test_a_file_that_is_made_to_be_slow_is_refused_soon(file: Path, text: str) -> None:
    started = time.thread_time()
    assert _error(file, text).startswith("policy.yaml:1: ")
    assert time.thread_time() - started < 5


def test_a_pattern_that_may_match_with_what_stands_beside_it_is_read(file: Path) -> None:
    for tool, integration in (
        ("git*/x", "github"),
        ("github/x", "*hub"),
        ("git*/x", "*hub"),
        ("x", "jira"),
        ("a b/x", "a ?"),
    ):
        file.write_text(HEAD + f"  - {{name: a, effect: deny, tool: '{tool}', integration: '{integration}'}}\n")
        assert Policy.load(file).rules
