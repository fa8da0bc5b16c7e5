import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.openbis.barcodes import (
    ALPHABET,
    Barcodes,
    barcode,
    barcode_number,
    check_character,
    is_barcode,
)

PROJECTS = st.text(alphabet=ALPHABET, min_size=4, max_size=4).map("Q".__add__)
NUMBERS = st.integers(min_value=1, max_value=999 * 24)

PUBLISHED = (
    "QABCD001A0",
    "QABCD002A8",
    "QTEST001AL",
    "QMFPJ007AU",
    "QMFPJ005AE",
    "QABCD999AB",
    "QABCD001B9",
    "QHCCB120C3",
    "QAAAA001A8",
)


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_have_our_check_character(code: str) -> None:
    assert check_character(code[:9]) == code[9]
    assert is_barcode(code)


@pytest.mark.parametrize("code", ["QABCD001AB", "QABCD002AC", "qabcd002a8", "QABCD002A", ""])
def test_wrong_codes_are_refused(code: str) -> None:
    assert not is_barcode(code)


def test_the_counter_turns_into_the_next_letter() -> None:
    assert barcode("QABCD", 999) == "QABCD999AB"
    assert barcode("QABCD", 1000) == "QABCD001B9"


@given(project=PROJECTS, number=NUMBERS)
def test_every_barcode_is_valid(project: str, number: int) -> None:
    code = barcode(project, number)
    assert is_barcode(code)
    assert code.startswith(project)


@given(project=PROJECTS, number=NUMBERS, place=st.integers(0, 9), other=st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_seen(
    project: str, number: int, place: int, other: str
) -> None:
    code = barcode(project, number)
    if other == code[place]:
        return
    # places 1 to 9 weigh at most 9, and two characters differ by at most 40, so the sum can only
    # stay the same modulo 34 if the product is a multiple of 34
    step = (place + 1) * (ord(other) - ord(code[place])) if place < 9 else 1
    assert is_barcode(code[:place] + other + code[place + 1 :]) is False or step % 34 == 0


@given(project=PROJECTS, first=NUMBERS, second=NUMBERS)
def test_numbers_and_barcodes_correspond(project: str, first: int, second: int) -> None:
    assert (first == second) == (barcode(project, first) == barcode(project, second))


def test_allocation_begins_at_two_as_the_wizard_does() -> None:
    codes = Barcodes("QABCD")
    assert codes.take() == "QABCD002A8"
    assert codes.take().startswith("QABCD003A")


@pytest.mark.parametrize("number", [0, 999 * 24 + 1])
def test_a_project_runs_out_of_barcodes(number: int) -> None:
    with pytest.raises(ValueError, match="used up"):
        barcode("QABCD", number)


@given(project=PROJECTS, number=NUMBERS)
def test_a_barcode_tells_its_number(project: str, number: int) -> None:
    assert barcode_number(barcode(project, number)) == number


@pytest.mark.parametrize("code", ["QABCD001AB", "QABCD000A", "QABCDENTITY-1", ""])
def test_other_codes_have_no_number(code: str) -> None:
    assert barcode_number(code) is None
