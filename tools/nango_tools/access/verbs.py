"""The verbs of programming interfaces, by what they do to an account. How they were chosen: README.md.

Only `READS` can make a read, so a verb that is missing here is asked for and never slips through as a read.
"""

from nango_tools.access.levels import Access


def vocabulary(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = vocabulary("""
    autocomplete browse calculate compare compute count describe download estimate explain fetch filter find get has
    inspect is list look lookup parse preview query read retrieve search view whoami
""")
"""They look at what is there or compute with what they are given, whatever stands behind them."""

READS_OR_WRITES = vocabulary("""
    aggregate analyse analyze ask assess audit check classify collect convert crawl debug detect diagnose diff
    discover enrich evaluate explore export extract forecast generate load locate measure monitor
    obtain peek ping poll predict probe profile pull recommend render request resolve run sample scan scrape
    select show simulate stream suggest summarise summarize test trace track transcribe translate use validate
    verify visit
""")
"""One service only looks; another stores a result, starts a job, uses up a code, sends or shows something to others."""

LOOKS_IF_GET = vocabulary("""
    aggregate analyse analyze check detect diff discover export forecast locate peek predict profile recommend sample scan
    show suggest summarise summarize trace validate
""")
"""Those of `READS_OR_WRITES` that a declared GET settles. To run, use, verify or collect is done by GET too."""

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
    advance alert answer archive arrange award back batch bid bill book bookmark boost broadcast build call change
    charter chat claim clip clock close comment commit complete copy correct credit crop cut dial draft drive embed
    enter exchange extend favorite favourite file fill fix flag follow fork format free freeze fund gift grant group
    handle host include index install invest issue label lend lift like link log login loop mail map message mirror
    mount move note offer open order park patch pin place plan play plug poke post print process prompt punch
    purchase queue quote rate record redirect refer refresh release renew rent repeat reply report repost reserve
    resize retry retweet revert review roll route scale schedule seed setup share shift ship sign signup skip
    sort split stage stake star step stock store supply swap switch tag take task text thank ticket trade train
    transform transition trigger turn tweet type vote waive watch work wrap
""")
"""They change something where they are verbs, and are as often nouns: to order, an order."""

DESTROYS = vocabulary("""
    abandon abort annihilate anonymise anonymize banish blacklist cancel clean cleanse cleanup clear deactivate
    deallocate deauthorise deauthorize decline decommission deduct del delete deny denylist deprecate deprovision
    deregister destroy detach disable disallow disassociate disburse discard disconnect dismantle dismiss dispose
    dissociate donate downvote drop eject eliminate empty erase eval evict exclude exec execute expel expire exterminate forfeit
    invalidate kick kill logoff logout nuke nullify obliterate offboard oust overwrite poweroff prune purge redact refuse
    reimburse reject relinquish remit remove rescind reset retract revoke rm rollback rotate scrub shred shutdown
    signoff signout strip suspend terminate trash truncate undeploy uninstall unregister unset void wipe withdraw
    writeoff zap
""")
"""They delete, take away, cancel, invalidate, lock out or pay, and are hardly ever the name of a thing."""

DESTROYS_OR_NOUNS = vocabulary("""
    ban block brick burn buy capture charge debit destruct drain dump eat end exit fire flush force forget leave liquidate lock
    merge pay payout penalize quit recall refund retire reverse sell settle sink spend sunset tip transfer wire
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
        ("zero", "out"),
        ("power", "off"),
        ("force", "push"),
    }
)
"""Verbs of two words that end, take away or pay."""

MONEY = vocabulary("money payment payments funds order orders donation donations")
HANDED_OVER = vocabulary("send make place collect submit")
"""Who sends money, makes a payment or places an order spends."""

CUT_OFF = {
    "close": vocabulary("account accounts"),
    "cut": vocabulary("access"),
    "release": vocabulary("access address addresses authorization number"),
    "take": vocabulary("access"),
}
"""Verbs that take away only some things."""

NOUN_HEADS = vocabulary("list view search query compute filter download count look lookup compare preview estimate")
"""Those of `READS` that name a thing as often: a list, a search index. What is last may then be the verb."""

MOSTLY_THINGS = vocabulary("""
    alert answer award bid bill book bookmark call change charge charter chat clip comment commit credit draft drive file
    flag fund gift grant group host index issue label log login loop mail map message note offer order patch place plan
    play plug post process prompt purchase queue quote rate record refund release report review route schedule seed setup
    shift stage step stock store supply tag task text ticket trade transfer tweet type vote work payout tip wire request
    audit profile sample trace test diff forecast aggregate
""")
"""Of the verbs that are also things, those that are things wherever they end a name of two words: view-order."""

PREPOSITIONS = vocabulary(
    "for by of in with from per to at on as within under about via between since before after during"
)

THINGS = vocabulary("""
    account activity address agent agreement album app application appointment article asset attachment attendee balance
    board brand branch bucket budget calendar campaign candidate card cart case catalog category channel city client
    cluster collection column company contact content contract conversation country course currency customer dashboard
    data database dataset deal department device directory document domain employee entity environment event exchange expense
    export feature feed field folder forecast form geocode goal guest history holiday identity image incident industry
    info information insight integration inventory invoice item job key keyword language lead ledger lesson license line
    list location matter media meeting member membership merchant metadata metric milestone model module movie name
    namespace network news notification number object opportunity organisation organization owner page participant
    partner patient payment people permission person phone photo pipeline playlist policy portfolio position price pricing
    product profile project property quota quote recipient region repository reservation resource response result role
    room row sale schema score secret section segment sender server service setting shipment shop site sku snapshot song
    source space sprint staff state statistic stats status story subscriber subscription survey table tax team template
    tenant thread time timeline timezone topic track transaction transcript trip unit usage user value variant vehicle
    vendor version video visitor volume wallet warehouse weather website word workflow workspace year zone my current all
    latest recent details
""")
"""What interfaces are about. None of them is a verb of interfaces."""

_GIVEN_BACK = vocabulary(
    "archive ban block cancel delete do dismiss expire freeze hide hold ignore lock mark merge mute pause quarantine "
    "redact reject remove reserve retire revoke snooze stop suspend trash void"
)


_NOT_UNDONE = vocabulary("unread unlisted unpaid unit until")
_NOT_REPEATED = vocabulary("return research remark resign resort resin retrace")
_MATES = vocabulary("pair friend bundle couple equip")


def judged(word: str) -> Access | None:
    """What an unmistakable verb does; None of others. `un` turns around what follows it, `re` does it once more."""
    if word in DESTROYS:
        return Access.DESTRUCTIVE
    if word in WRITES:
        return Access.WRITE
    if word.startswith("un") and word not in _NOT_UNDONE:
        undone = word[2:]
        if undone in _GIVEN_BACK:
            return Access.WRITE
        if undone in _UNDONE:
            return Access.DESTRUCTIVE
    if word.startswith("re") and word not in _NOT_REPEATED and word not in _ALSO_NOUNS:
        again = word[2:]
        if again in _DESTROYS_AGAIN:
            return Access.DESTRUCTIVE
        return Access.WRITE if again in _AGAIN else None
    return None


_UNDONE = WRITES | WRITES_OR_NOUNS | READS | READS_OR_WRITES | DESTROYS_OR_NOUNS | _MATES
_AGAIN = WRITES | WRITES_OR_NOUNS | READS | READS_OR_WRITES | vocabulary("do connect")
_DESTROYS_AGAIN = DESTROYS | DESTROYS_OR_NOUNS
_ALSO_NOUNS = READS | READS_OR_WRITES | WRITES_OR_NOUNS | DESTROYS_OR_NOUNS
