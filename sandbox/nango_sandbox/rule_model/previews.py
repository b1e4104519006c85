"""The preview of a result as data: JSON, which may be followed by a note that it was shortened or cut."""

import json
import re
from dataclasses import dataclass
from typing import Any

_NOTE = re.compile(r" \((?:shortened|cut)[:;][^()]*\)$")


@dataclass(frozen=True)
class Preview:
    """`whole` is False when more was there than is shown. What was cut in the middle is no data, `value` is None then."""

    value: Any = None
    whole: bool = True


def read_preview(text: str) -> Preview:
    shown = _NOTE.sub("", text)
    try:
        return Preview(json.loads(shown), whole=shown == text)
    except ValueError:
        return Preview(whole=False)
