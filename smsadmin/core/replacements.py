"""Characters outside GSM-7 and what looks like them inside it.

The table follows Twilio's Smart Encoding (its public list of replaced characters), except that: every space becomes
one space and not two, a tab becomes one as well, what cannot be seen is removed, small full-width letters are
treated as capital ones are, and combining marks stay as they are, because a loose "~" after a letter is not what
was meant.
"""

from collections.abc import Iterator

#: What a character becomes, and the code points that become it.
_ROWS = (
    ('"', "00AB 00BB 02BA 02EE 201C-201F 275D 275E 301D 301E FF02"),
    ("'", "0060 00B4 02B9 02BB-02BD 02C8 02CA 02CB 2018 2019 201B 275B 275C FE10 FE11 FF07"),
    ("/", "00F7 2044 2215 29F8 FF0F"),
    ("\\", "29F5 29F9 FE68 FF3C"),
    ("|", "2223 239C 239F 23B8 23B9 23D0 FF5C"),
    ("_", "2017 FF3F"),
    ("-", "2010 2013-2015 2022 2043 23BC 23BD FE63 FF0D"),
    ("@", "FE6B FF20"),
    ("$", "FE69 FF04"),
    ("!", "01C3 FE15 FE57 FF01"),
    ("!!", "203C"),
    ("#", "FE5F FF03"),
    ("%", "FE6A FF05"),
    ("&", "FE60 FF06"),
    (",", "201A 3001 FE50 FE51 FF0C FF64"),
    ("(", "2768 276A 27EE 2985 FE59 FF08"),
    (")", "2769 276B 27EF 2986 FE5A FF09"),
    ("*", "204E 2217 229B 2722-2725 2731-2733 273A-273D 2743 2749-274B 29C6 FE61 FF0A"),
    ("+", "02D6 FE62 FF0B"),
    (".", "3002 FE52 FF0E FF61"),
    ("...", "2026"),
    (":", "02D0 02F8 2982 A789 FE13 FF1A"),
    (";", "204F FE14 FE54 FF1B"),
    ("<", "2039 FE64 FF1C"),
    ("=", "A78A FE66 FF1D"),
    (">", "203A FE65 FF1E"),
    ("?", "FE16 FE56 FF1F"),
    ("^", "02C6 FF3E"),
    ("{", "2774 FE5B FF5B"),
    ("}", "2775 FE5C FF5D"),
    ("[", "FF3B"),
    ("]", "FF3D"),
    ("~", "02DC 02F7 223C FF5E"),
    ("1/4", "00BC"),
    ("1/2", "00BD"),
    ("3/4", "00BE"),
    (" ", "0009 00A0 2000-200A 2028 2029 202F 205F 3000"),
    # Not to be seen: control characters, soft hyphens, zero-width and text-direction marks, variation selectors
    ("", "0000-0008 000B 000E-001F 007F-009F 00AD 061C 180E 200B-200F 202A-202E 2060-2069 FE00-FE0F FEFF"),
)
#: Letter for letter: full-width digits and letters, and the small capitals that phonetics uses.
_ALPHABETS = (
    ("０１２３４５６７８９", "0123456789"),
    ("ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ", "abcdefghijklmnopqrstuvwxyz"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ"),
)


def _points(row: str) -> Iterator[int]:
    """The code points of a row of the table: "201C-201F" stands for four."""
    for each in row.split():
        first, _, last = each.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


#: Each character that has a look-alike in GSM-7, and that look-alike; "" where it is best removed.
LOOK_ALIKES: dict[str, str] = {chr(point): becomes for becomes, row in _ROWS for point in _points(row)} | {
    character: letter for pair in _ALPHABETS for character, letter in zip(*pair, strict=True)
}
