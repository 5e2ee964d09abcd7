"""How a text is cut into segments, as the stand-ins bill it (GSM 03.38, 3GPP TS 23.038)."""

import re
import unicodedata

GSM7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = set("\f^{}\\[~]|€")
E164 = re.compile(r"\+[1-9]\d{6,14}")


def is_gsm(body: str) -> bool:
    """Whether every character of a text has a place in GSM-7."""
    return set(unicodedata.normalize("NFC", body)) <= GSM7 | GSM7_EXTENSION


def segments(body: str, *, unicode: bool = False) -> int:
    """Segments of a text: 160 or 153 septets each, 70 or 67 code units where a character needs Unicode, or the sender
    asked for it."""
    text = unicodedata.normalize("NFC", body)
    if is_gsm(text) and not unicode:
        widths, alone, joined = [2 if char in GSM7_EXTENSION else 1 for char in text], 160, 153
    else:
        widths, alone, joined = [2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67
    if sum(widths) <= alone:
        return 1
    count, room = 1, joined
    for width in widths:  # a pair never straddles two segments
        if width > room:
            count, room = count + 1, joined
        room -= width
    return count
