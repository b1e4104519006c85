import pytest

from nango_tools import Access, classify

READ, WRITE, DESTRUCTIVE = Access.READ, Access.WRITE, Access.DESTRUCTIVE


def judge(name: str, method: str | None = None) -> Access:
    return classify(name, "", method).access


def test_access_is_ordered_by_what_it_can_do() -> None:
    assert READ < WRITE < DESTRUCTIVE
    assert max(WRITE, READ, DESTRUCTIVE) is DESTRUCTIVE
    assert READ <= WRITE >= READ
    assert not WRITE < READ
    assert sorted([DESTRUCTIVE, READ, WRITE]) == [READ, WRITE, DESTRUCTIVE]
    assert [str(access) for access in Access] == ["read", "write", "destructive"]


@pytest.mark.parametrize(
    "name",
    [
        "list-issues list_issues listIssues ListHTTPLogs LIST_ISSUES",
        "get-order get-invoice get-payment list-refunds get-refund list-orders get-issue-comment",
        "search-contacts find-user fetch-transcripts retrieve-file lookup-user-by-email count-users describe-table",
        "batch-get-values bulk-get whoami read-record download-file compare-commits is-member has-access",
        "users_list v2-users-get crm.contacts.list contacts.list users/list user:get HTTPGet user-get",
        "get-publish-status list-connect-configurations get-upload get-send-as-alias get-import-history",
        "get-download-url list-tokens get-next-page list-items get-opportunities-deleted list-deleted-users",
        "getUsersAndGroups list-users-and-orders search-read-records ping ping-api",
    ],
)
def test_a_known_reading_verb_reads_where_nothing_in_the_name_contradicts(name: str) -> None:
    for one in name.split():
        assert judge(one) is READ, one


@pytest.mark.parametrize(
    "names",
    [
        "frobnicate users users-scrubber conversation folder-content mailing-list contact-list purchase-order-get",
        "prune-list-x kontakt-anlegen 获取用户 getandread 123 ---",
    ],
)
def test_what_no_known_verb_reads_is_no_read(names: str) -> None:
    for name in [*names.split(), "", " "]:
        assert judge(name) is not READ, name


@pytest.mark.parametrize(
    "names",
    [
        "check-domain test-webhook validate-code verify-email export-users generate-token render-video run-report",
        "ask answer-question resolve-ticket sync-contacts request-access track-order order-item void-x",
        "calc-x poll-x translate-x enrich-contact extract-x monitor-x scrape-page generate-auth-link",
        "post-message call-contact message-user share-file",
    ],
)
def test_a_two_faced_verb_is_no_read(names: str) -> None:
    for name in names.split():
        assert judge(name) is not READ, name


def test_get_makes_a_read_of_things_and_of_what_looks_as_a_rule() -> None:
    for name in ("users", "account-balance", "widgets", "check-status", "export-users", "validate-address"):
        assert judge(name) is WRITE
        assert judge(name, "GET") is READ, name
        assert judge(name, " get ") is READ
        assert judge(name, "HEAD") is READ
        assert judge(name, "POST") is WRITE
    for name in ("frobnicate", "ring", "获取用户", "kontakte", "honk-users", "users-honk", "wake-on-lan", "activation"):
        assert judge(name, "GET") is WRITE, name  # an unknown word may be a verb
    for name in ("run-job", "verify-code", "use-coupon", "evaluate-script", "collect-items"):
        assert judge(name, "GET") is WRITE, name
    for name in ("create-issue", "check-in", "check-out", "sign-in", "post-message", "get-or-create", "get-upload-url"):
        assert judge(name, "GET") is WRITE, name
    for name in ("delete-issue", "issue-delete", "void-invoice", "pay-bill", "eliminar_factura", "删除用户"):
        assert judge(name, "GET") is DESTRUCTIVE, name


@pytest.mark.parametrize(
    ("name", "method", "access"),
    [
        ("search-issues", "POST", READ),
        ("list-issues", "PUT", WRITE),
        ("list-issues", "PATCH", WRITE),
        ("list-issues", "DELETE", DESTRUCTIVE),
        ("create-issue", "delete", DESTRUCTIVE),
        ("delete-issue", "PATCH", DESTRUCTIVE),
    ],
)
def test_the_method_raises_and_post_says_nothing(name: str, method: str, access: Access) -> None:
    assert judge(name, method) is access


@pytest.mark.parametrize(
    "names",
    [
        "get-or-create-contact find-or-create lookup-or-create-user getOrCreateUser get-and-frobnicate fetch-and-archive",
        "list-and-archive search-and-replace get2post get-user-and-order get-then-close",
    ],
)
def test_after_and_or_or_comes_a_verb_again(names: str) -> None:
    for name in names.split():
        assert judge(name) is WRITE, name


@pytest.mark.parametrize(
    "names",
    [
        "get-upload-url get-signed-url get-login-link get-access-token get-new-token get-token fetch-otp",
        "get-authorization-url retrieve-invite-link get-session-token get-verification-code",
        "get-next-job fetch-next-message get-next-lead",
        "read-notifications read-all-messages view-notifications",
        "list-item list-item-for-sale list-property",
    ],
)
def test_a_reading_verb_of_something_that_is_made_taken_marked_or_offered_by_it_writes(names: str) -> None:
    for name in names.split():
        assert judge(name) is WRITE, name


@pytest.mark.parametrize(
    ("names", "access"),
    [
        ("unarchive undelete-user untrash unsuspend unmute unlock-x unban-x undo-change reopen resend", WRITE),
        ("unfollow unlike-post unassign-role untag unpin unshare unsubscribe unlink unregister unenroll", DESTRUCTIVE),
    ],
)
def test_un_turns_around_what_a_verb_does(names: str, access: Access) -> None:
    for name in names.split():
        assert judge(name) is access, name


@pytest.mark.parametrize(
    ("names", "access"),
    [
        (
            "create-refund issue-refund process-payout request-deletion create-user-deletion-job submit-cancellation",
            DESTRUCTIVE,
        ),
        ("update-refund tag-charge", WRITE),
        ("get-user-deletion-jobs list-payouts get-refund", READ),
        ("capture-payment pay-bill merge-contacts block-user leave-channel contact-block transfer-funds", DESTRUCTIVE),
        ("create-block create-leave-request add-capture", WRITE),
        ("sign-out-user log-out shut-down-server roll-back take-down-page get-rid-of-user", DESTRUCTIVE),
    ],
)
def test_nouns_count_where_making_one_is_the_deed_and_verbs_where_verbs_stand(names: str, access: Access) -> None:
    for name in names.split():
        assert judge(name) is access, name


@pytest.mark.parametrize(
    "names",
    [
        "kontakt-loeschen kontakt-löschen rechnung_stornieren supprimer-contact annuler-commande eliminar_factura",
        "borrar-usuario excluir-cliente apagar_arquivo cancellare-ordine rimuovi-utente verwijder-contact",
        "radera-kund usuń-kontakt удалить_контакт ユーザー削除 删除用户 연락처삭제 rembourser-client pagar-factura",
    ],
)
def test_other_languages_destroy_too(names: str) -> None:
    for name in names.split():
        assert judge(name) is DESTRUCTIVE, name
        assert judge(name, "GET") is DESTRUCTIVE, name


def test_some_verbs_of_other_languages_read_when_they_stand_alone() -> None:
    assert judge("obtener_factura") is READ
    assert judge("kontakte-auflisten") is READ
    assert judge("listar-y-archivar") is WRITE
    assert judge("listar-create") is WRITE


@pytest.mark.parametrize(
    "name",
    [
        "getAndDELETEUser", "getDELETEuser", "get2delete", "get-dElEtE", "get-deleteuser", "getdelete-user", "DELETEuser",
        "get_Remove_user", "deletesUser", "deleting-user", "get-d\u0435lete", "get-\u200bdelete", "\uff44\uff45\uff4c\uff45\uff54\uff45-user", "de\u200blete",
        "deléte-user", "api.v2.users.delete", "users/delete", "batch-delete", "do-delete",
    ],
)  # fmt: skip
def test_a_destructive_verb_is_found_however_it_is_written(name: str) -> None:
    assert judge(name) is DESTRUCTIVE, name
    assert judge(name, "GET") is DESTRUCTIVE, name


@pytest.mark.parametrize(
    "name", ["g\u0435t-user", "get-us\u0435r", "get\u200b-user", "get-user\u202e", "get\x00user", "get-用户"]
)
def test_a_name_in_disguise_is_no_read(name: str) -> None:
    verdict = classify(name, "", "GET")
    assert verdict.access is WRITE
    assert "its name has" in verdict.reason


def test_a_scope_for_writing_takes_away_what_get_would_have_given() -> None:
    assert classify("issues", "", "GET", ["issues:read"]).access is READ
    assert classify("issues", "", "GET", ["issues:write"]).access is WRITE
    assert classify("list-issues", "", None, ["issues:write"]).access is READ


def test_a_verdict_says_why() -> None:
    assert classify("remove-tag", "", None).reason == '"remove" in its name'
    assert classify("list-tags", "", "DELETE").reason == "declared as DELETE"
    assert "nothing says" in classify("users", "", None).reason
    assert classify("check-x", "", None).reason == '"check" in its name, which does not always only read'
    assert 'the scope "issues:write"' in classify("issues", "", "GET", ["issues:write"]).reason
    assert classify("list-tags", "Deletes them.", None).reason == 'its description begins with "deletes"'
    assert '"list"' in classify("list-tags", "", None).reason


@pytest.mark.parametrize(
    ("names", "access"),
    [
        ("list-merge list-members-ban search-index-flush view-lock list-orders-refund list-users-block", DESTRUCTIVE),
        ("list-members-move compute-disks-resize query-run search-export list-copy download-retry view-share", WRITE),
        ("search-alert-off list-alerts-on look-on search-index-rebuild list-reorder get-rerun", WRITE),
        ("view-order query-record list-system-log list-subtasks-for-task download-file list-sales-order-lines", READ),
        ("list-unlist-product get-unpair get-unfriend", DESTRUCTIVE),
        ("get-unread list-returns get-return search-research list-requests", READ),
    ],
)
def test_behind_a_verb_that_is_also_a_thing_the_last_word_is_judged_too(names: str, access: Access) -> None:
    for name in names.split():
        assert judge(name) is access, name


@pytest.mark.parametrize(
    ("names", "access"),
    [
        ("get-cancellation-policy list-cancellations get-purge-policy get-remove-background-result", READ),
        ("list-sync-jobs list-send-times list-push-tokens get-approve-rules get-sync-cursor get-check-in-times", READ),
        ("get-policy-purge list-purge-policy purge-policy get-user-delete-policy delete-cancellation", DESTRUCTIVE),
        ("create-sync-jobs sync-jobs", WRITE),
        ("domain-search email-count preview-email estimate-price explain-plan", READ),
        ("frob-search mail-count job-honk-search", WRITE),
    ],
)
def test_records_about_a_deed_are_read_behind_get_and_list(names: str, access: Access) -> None:
    for name in names.split():
        assert judge(name) is access, name


@pytest.mark.parametrize(
    ("names", "access"),
    [
        ("send-money make-payment place-order collect-payment-for-invoice buy-domain sell-crypto donate", DESTRUCTIVE),
        (
            "unfriend unpair-device zero-out-stock writeoff-invoice close-account cut-access release-address",
            DESTRUCTIVE,
        ),
        ("force-push-branch brick-device burn-secret eval-script poweroff de-lete-user get-de-lete", DESTRUCTIVE),
        ("send-payment-reminder close-issue release-version make-page place-pin", WRITE),
        ("list-payments get-order get-burn-rate view-account", READ),
        ("get-envoyer listar-enviar lister-creer get-erstellen get-publicar", WRITE),
        ("get-share-link get-public-link get-payment-link get-sas-url get-jwt get-new-key", WRITE),
        ("list-share-links get-access-key get-session get-checkout-session", READ),
    ],
)
def test_money_access_and_other_languages(names: str, access: Access) -> None:
    for name in names.split():
        assert judge(name) is access, name
