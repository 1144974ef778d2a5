"""What a word is, and when it is there."""

import random

import pytest

from incidents.models.search import BLOCK, pack, unpack
from incidents.search.words import asked, grams, initial_grams, marked, person_grams, usual_initials


@pytest.mark.parametrize(
    ("question", "text", "there"),
    [
        ("鱼塘", "村东鱼塘漏水", True),
        ("鱼塘", "鱼在塘里", False),
        ("塘", "村东鱼塘", True),
        ("３号楼", "3号楼路灯", True),
        ("3号楼", "13号楼", False),
        ("ABC", "见abc表", True),
        ("bc", "abc", False),
        ("0003", "20261123-0003", True),
        ("20261123-0003", "20261123-0003", True),
        ("李", "李某", True),
    ],
)
def test_word_stands_in_a_text(question, text, there):
    (word,) = asked(question)
    assert word.stands_in(text) is there
    if there:  # the index proposes whatever is there
        assert any(needed <= grams(text) for needed in word.anywhere)


@pytest.mark.parametrize(
    ("letters", "name", "fits"),
    [
        ("zs", "张三", True), ("ZS", "张三", True), ("zsf", "张三丰", True), ("sf", "张三丰", True), ("zf", "张三丰", False),
        ("sy", "单一", True), ("dy", "单一", True), ("zg", "曾国", True), ("cg", "曾国", True), ("z", "张三", False),
        ("qy", "仇一", True), ("xy", "解一", True), ("jy", "解一", True), ("yt", "村东鱼塘", True),
    ],
)  # fmt: skip
def test_pinyin_initials_in_every_reading(letters, name, fits):
    (word,) = asked(letters)
    assert word.abbreviates(name) is fits
    if fits:
        assert any(needed <= initial_grams(name) for needed in word.anywhere)


@pytest.mark.parametrize(
    ("name", "letters"), [("龙田村一组", "ltcyz"), ("徐庄镇", "xzz"), ("重庆路3号", "cql3h")]
)
def test_usual_initials_are_what_people_type(name, letters):
    assert usual_initials(name) == letters


@pytest.mark.parametrize(
    ("digits", "phone", "fits"),
    [
        ("5678", "138 1234 5678", True),
        ("45678", "13812345678", True),
        ("13812345678", "138-1234-5678", True),
        ("678", "13812345678", False),
        ("1234", "13812345678", False),
        ("3812345678", "13812345678", True),
    ],
)
def test_end_of_a_phone_number(digits, phone, fits):
    (word,) = asked(digits)
    assert word.ends(phone) is fits
    assert any(needed <= person_grams("", phone) for needed in word.person) is fits


@pytest.mark.parametrize("nothing", ["", "  ", "。,!", "\0", "%_'"])
def test_no_word_asks_for_nothing(nothing):
    assert asked(nothing) == []


def test_many_words_are_cut():
    assert len(asked("一 二 三 四 五 六 七 八")) == 6


def test_found_words_are_marked():
    words = asked("鱼塘 李")
    assert marked("村东鱼塘,李某", words) == [
        ("村东", False),
        ("鱼塘", True),
        (",", False),
        ("李", True),
        ("某", False),
    ]
    assert marked("", words) == []
    assert marked("<b>鱼塘", asked("鱼塘")) == [("<b>", False), ("鱼塘", True)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, BLOCK])
def test_block_is_packed_and_unpacked(size):
    places = random.Random(size).sample(range(BLOCK), size)
    matters = sum(1 << place for place in places)
    packed = pack(matters)
    assert len(packed) <= 512
    assert unpack(packed) == unpack(memoryview(packed)) == matters
