"""Names in other languages than English: what deletes, cancels or pays, by how such words begin, and a few that read.

Stems, as most languages inflect: `supprim` is supprimer, supprime and supprimez. No stem begins an English word that only
reads. Reading verbs are in it where they are never said of anything else, and only as a whole word.
"""

import re

from nango_tools.access.verbs import vocabulary

# German, French, Spanish and Portuguese, Italian, Dutch, Scandinavian, Polish, Finnish, Turkish. Without accents.
_DESTROYS = re.compile(
    r"""
    loesch|losch|entfern|stornier|kuendig|kundig|widerruf|vernicht|sperr|bezahl|ueberweis|uberweis|erstatt|zuruecksetz
    |zurucksetz|abbrech|deaktivier|austrag
    |supprim|effac|enlev|annul|revoqu|resili|detrui|rembours|desactiv|desinscri|desabonn|bloqu
    |elimin|borra|quita|suprim|anul|destru|pagar|reembols|vacia|rechaz
    |exclui|apaga|apagar|deletar|revog|estorn|desativ|esvazi
    |cancell|rimuov|revoc|svuot|pagare|rimbors|disattiv|blocc|distrugg
    |verwijder|wissen|annuleer|intrek|betaal|betalen|terugbetal|blokk|opzeg
    |radera|slette|fjern|avbryt|betala
    |usun|usuw|skasuj|anuluj|zablok|zaplac|wyczysc
    |poista|peruuta|silme|kaldir|iptal
    """,
    re.VERBOSE,
)
_ELSEWHERE_DESTROYS = re.compile(
    "удал|отмен|стере|очист|оплат|блокир|видал|скасув|διαγρ|ακυρ"
    "|删除|刪除|移除|取消|清空|撤销|撤銷|支付|付款|退款|转账|轉賬|注销|註銷|作废|作廢"
    "|削除|解約|消去|支払|返金|삭제|취소|제거|환불|결제|지불|حذف|الغاء|מחק|हटा|ลบ|xoá"
)
# Those that make, change and send. They end in -en, -er, -ar, -ir, -are, so that no English thing is among them.
_WRITES = re.compile(
    r"""
    (?:anleg|erstell|schreib|send|versend|aender|ander|aktualisier|hinzufueg|hinzufug|speicher|veroeffentlich|bestell)en?$
    |(?:envoy|cre|ajout|publi|enregistr|partag|command)er$
    |(?:cre|envi|agreg|actualiz|modific|public|guard|edit|compart|adicion|atualiz|salv)ar$|anadir$|escribir$
    |(?:cre|invi|aggiung|modific|pubblic|salv|aggiorn)(?:are|ere)$|aanmaken$|verzend$|verzenden$|versturen$|toevoegen$
    """,
    re.VERBOSE,
)
_READS = vocabulary("""
    auflisten abrufen suchen lister obtenir rechercher listar obtener obter pesquisar elencare ottenere ophalen zoeken
    """)


def destroys_elsewhere(word: str) -> bool:
    """Whether a word of a name is one that takes away or pays, in another language. Small letters, without accents."""
    return bool(_DESTROYS.match(word) or (not word.isascii() and _ELSEWHERE_DESTROYS.search(word)))


def reads_elsewhere(word: str) -> bool:
    return word in _READS


def writes_elsewhere(word: str) -> bool:
    """Whether it is a verb, in another language, for making, changing or sending. Small letters, without accents."""
    return bool(_WRITES.match(word))
