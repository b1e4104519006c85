"""Names of integrations in a request, however they are spelled; what goes by one name is one."""

import pytest

from nango_graph.naming import called

KEYS = ["bill", "datadog-oauth", "google-docs", "google-mail", "one-drive", "pipelineCRM", "stripe", "stripe-api-key", "stripe-express"]  # fmt: skip


@pytest.mark.parametrize(
    ("request_text", "named"),
    [
        ("Put it into a new Google Doc", [["google-docs"]]),
        ("put it into my googledocs", [["google-docs"]]),
        ("What does Google know?", []),
        ("One letter each", []),
        ("the OneDrive's folder, then one drive more", [["one-drive"]]),
        ("Silence Datadog", [["datadog-oauth"]]),
        ("Save him in PipelineCRM", [["pipelineCRM"]]),
        ("Open Stripe bills", [["stripe", "stripe-api-key", "stripe-express"], ["bill"]]),
        ("StripeにあるDatadogの", [["stripe", "stripe-api-key", "stripe-express"], ["datadog-oauth"]]),
        ("stripes-of-bills", [["stripe", "stripe-api-key", "stripe-express"], ["bill"]]),
        ("", []),
    ],
)
def test_what_is_called_by_its_name_in_the_order_of_the_request(request_text: str, named: list[list[str]]) -> None:
    assert called(request_text, KEYS) == named


@pytest.mark.parametrize("key", ["", "123", "---", "api-key"])
def test_a_key_without_words_is_never_named(key: str) -> None:
    assert called("One and 123 --- of the stripes", [key, "stripe"]) == [["stripe"]]
