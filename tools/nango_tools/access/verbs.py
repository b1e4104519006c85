"""The verbs of programming interfaces, by what they do to an account. How they were chosen: README.md.

Only `READS` can make a read, so a verb that is missing here is asked for and never slips through as a read.
"""

from nango_tools.access.levels import Access


def vocabulary(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = vocabulary("""
    autocomplete browse calculate compare compute count describe download fetch filter find get has inspect is list
    look lookup parse query read retrieve search view whoami
""")
"""They look at what is there or compute with what they are given, whatever stands behind them."""

READS_OR_WRITES = vocabulary("""
    aggregate analyse analyze ask assess audit check classify collect convert crawl debug detect diagnose diff
    discover enrich estimate evaluate explain explore export extract forecast generate load locate measure monitor
    obtain peek ping poll predict preview probe profile pull recommend render request resolve run sample scan scrape
    select show simulate stream suggest summarise summarize test trace track transcribe translate use validate
    verify visit
""")
"""One service only looks; another stores a result, starts a job, uses up a code, sends or shows something to others."""

WRITES = vocabulary("""
    accept ack acknowledge activate add adjust allocate allow amend annotate append apply approve assign associate
    attach authenticate authorize backfill begin bind categorize clone configure confirm connect construct consume
    convey create customize decrement deliver demote deploy deposit dequeue dispatch downgrade duplicate edit emit
    enable encrypt enlist enqueue enrol enroll ensure escalate finalise finalize finish forward fulfil fulfill give
    hide identify impersonate import increment ingest init initialise initialize initiate inject insert instantiate
    invite invoke join launch make mark migrate mint modify mute nominate notify nudge onboard pause perform persist
    pop populate postpone prepend prioritize proceed promote propose provision publish push put raise react
    reactivate receive reconcile reconnect recover redeem regenerate register remind rename reopen reorder replace
    reschedule resend respond restore resume save seek send set snooze solve start stop submit subscribe sync
    synchronise synchronize takeover toggle transmit update upgrade upload upsert withhold write
""")
"""They change something, and as they stand here are hardly ever the name of a thing."""

ALSO_THINGS = vocabulary("import install invite deposit insert publish sync update upload upgrade downgrade")
"""Those of `WRITES` that are things where a name ends with them: to get an upload."""

WRITES_OR_NOUNS = vocabulary("""
    advance alert answer archive arrange award back batch bid bill book bookmark boost broadcast buy call change
    charter chat claim clip clock close comment commit complete copy correct credit crop cut dial draft drive embed
    enter exchange extend favorite favourite file fill fix flag follow fork format free freeze fund gift grant group
    handle host include index install invest issue label lend lift like link log login loop mail map message mirror
    mount move note offer open order park patch pin place plan play plug poke post print process prompt punch
    purchase queue quote rate record redirect refer refresh release renew rent repeat reply report repost reserve
    resize retry retweet revert review roll route scale schedule seed sell setup share shift ship sign signup skip
    sort split stage stake star step stock store supply swap switch tag take task text thank ticket trade train
    transform transition trigger turn tweet type vote waive watch work wrap
""")
"""They change something where they are verbs, and are as often nouns: to order, an order."""

DESTROYS = vocabulary("""
    abandon abort annihilate anonymise anonymize banish blacklist cancel clean cleanse cleanup clear deactivate
    deallocate deauthorise deauthorize decline decommission deduct del delete deny denylist deprecate deprovision
    deregister destroy detach disable disallow disassociate disburse discard disconnect dismantle dismiss dispose
    dissociate downvote drop eject eliminate empty erase evict exclude exec execute expel expire exterminate forfeit
    invalidate kick kill logoff logout nuke nullify obliterate offboard oust overwrite prune purge redact refuse
    reimburse reject relinquish remit remove rescind reset retract revoke rm rollback rotate scrub shred shutdown
    signoff signout strip suspend terminate trash truncate undeploy uninstall unregister unset void wipe withdraw
    zap
""")
"""They delete, take away, cancel, invalidate, lock out or pay, and are hardly ever the name of a thing."""

DESTROYS_OR_NOUNS = vocabulary("""
    ban block capture charge debit destruct drain dump eat end exit fire flush force forget leave liquidate lock
    merge pay payout penalize quit recall refund retire reverse settle sink spend sunset tip transfer wire
""")
"""They take away or pay where they are verbs, and are as often nouns: to block, a block."""

DEEDS = vocabulary("""
    cancelation cancellation charge chargeback deactivation deletion destruction disbursement dismissal erasure
    eviction expulsion liquidation offboarding payout purge refund reimbursement rejection removal reversal
    revocation suspension termination transfer withdrawal
""")
"""What is done by making one: who creates a refund refunds, who requests a deletion deletes."""

ONLY_CHANGE = vocabulary("annotate change comment edit label mark modify move patch rename tag update")
"""Done to such a deed, they do not do it: to update a refund moves no money."""

JOINS = vocabulary("and or then else plus also if 2 n y e et und oder ou en of och og")
"""What follows them is a verb again. In several languages, as names are."""

PARTICLES = vocabulary("in out off on up down over back away through")
"""They change what a verb means: to check, to check in."""

ENDING_PAIRS = frozenset(
    {
        ("sign", "out"),
        ("sign", "off"),
        ("log", "out"),
        ("log", "off"),
        ("lock", "out"),
        ("kick", "out"),
        ("pay", "out"),
        ("pay", "off"),
        ("cash", "out"),
        ("write", "off"),
        ("lay", "off"),
        ("cut", "off"),
        ("shut", "down"),
        ("tear", "down"),
        ("take", "down"),
        ("roll", "back"),
        ("take", "away"),
        ("take", "back"),
        ("give", "away"),
        ("throw", "away"),
        ("get", "rid"),
        ("blank", "out"),
        ("call", "off"),
    }
)
"""Verbs of two words that end, take away or pay."""

_GIVEN_BACK = vocabulary(
    "archive ban block cancel delete do dismiss expire freeze hide hold ignore lock mark merge mute pause quarantine "
    "redact reject remove reserve retire revoke snooze stop suspend trash void"
)


def judged(word: str) -> Access | None:
    """What an unmistakable verb does; None of others. `un` turns around what follows it, `re` does it once more."""
    if word in DESTROYS:
        return Access.DESTRUCTIVE
    if word in WRITES:
        return Access.WRITE
    if word.startswith("un"):
        undone = word[2:]
        if undone in _GIVEN_BACK:
            return Access.WRITE
        if undone in WRITES or undone in WRITES_OR_NOUNS:
            return Access.DESTRUCTIVE
    return Access.WRITE if word.startswith("re") and word[2:] in WRITES else None
