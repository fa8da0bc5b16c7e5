"""QBiC sample codes: their alphabet, their check character, and their allocation.

A barcode is the project's code, a counter from 001 to 999, a letter from A to X and a check
character, so 23,976 codes per project. The embedded studies and the sheet loader allocate theirs
here; the registration of real samples, which must not race, is the resolvers' business.
"""

from __future__ import annotations

import re

PROJECT_CODE = re.compile(r"Q[A-X0-9]{4}")
BARCODE = re.compile(r"Q[A-X0-9]{4}[0-9]{3}[A-X][A-X0-9]")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWX"
ALPHABET = "0123456789" + LETTERS
LAST_COUNTER = 999
STEM_LENGTH = 9


def check_character(stem: str) -> str:
    """Return the check character of a code's first nine characters.

    Example:
        >>> check_character("QABCD001A")
        '0'
    """
    if len(stem) != STEM_LENGTH:
        raise ValueError("the check character is computed from exactly nine characters")
    total = sum(place * ord(character) for place, character in enumerate(stem, start=1))
    return ALPHABET[total % len(ALPHABET)]


def barcode(project: str, number: int) -> str:
    """Return the `number`-th barcode of a project, counting from 1: 001A … 999A, 001B … 999X."""
    letter, counter = divmod(number - 1, LAST_COUNTER)
    if not PROJECT_CODE.fullmatch(project):
        raise ValueError("a project code is Q and four letters from A to X or digits")
    if not 0 <= letter < len(LETTERS):
        raise ValueError("a project has 23,976 barcodes, and they are used up")
    stem = f"{project}{counter + 1:03d}{LETTERS[letter]}"
    return stem + check_character(stem)


def barcode_number(code: str) -> int | None:
    """Return which of its project's barcodes a code is; None for what is no barcode."""
    if not is_barcode(code):
        return None
    counter, letter = int(code[5:8]), LETTERS.index(code[8])
    return letter * LAST_COUNTER + counter if counter else None


def is_barcode(code: str) -> bool:
    """Tell whether a text is a barcode with the right check character; case matters."""
    return bool(BARCODE.fullmatch(code)) and check_character(code[:STEM_LENGTH]) == code[-1]


class Barcodes:
    """Hands out the barcodes of one project in order, the first being 002A.

    The Project Wizard counts up before its first use, so 001A is never given; installations
    filled by it look like that, and so do the embedded ones.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._number = 1

    def take(self) -> str:
        """Return the next barcode."""
        self._number += 1
        return barcode(self._project, self._number)
