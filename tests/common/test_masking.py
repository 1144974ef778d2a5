import pytest

from gridgov.common.masking import mask_name, mask_phone


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三丰", "张**"),
        ("张三", "张*"),
        ("张", "*"),
        ("", ""),
        ("  李四 ", "李*"),
        ("买买提·吐尔逊", "买**"),
        ("John Smith", "J**"),
    ],
)
def test_mask_name_keeps_the_first_character_only(name, masked):
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13800001234", "138****1234"),
        (" 138 0000-1234 ", "138****1234"),
        ("+86 138 0000 1234", "138****1234"),
        ("8613800001234", "138****1234"),
        ("１３８00001234", "138****1234"),
        ("0516-83890000", "****000"),
        ("(0516) 8389 0000", "****000"),
    ],
)
def test_mask_phone_keeps_what_tells_numbers_apart(phone, masked):
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    "phone", ["110", "123456", "13800001234 转 2", "13800001234/13900005678", "张三丰", "１２", "-"]
)
def test_mask_phone_shows_nothing_of_what_it_does_not_understand(phone):
    assert mask_phone(phone) in ("", "****")


def test_mask_phone_of_nothing_is_nothing():
    assert mask_phone("") == ""
