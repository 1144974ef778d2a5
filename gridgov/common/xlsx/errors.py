"""What can be wrong with a file that comes in, or with values that go out."""

from gridgov.common.errors import DomainError, Invalid


class BadWorkbook(Invalid):
    """A file that cannot be imported. Codes: file_too_large, not_a_workbook, old_or_protected, damaged,
    unpacks_too_large, too_many_rows, too_many_columns, no_header, missing_columns, duplicate_columns.
    """

    code = "bad_workbook"


class Unwritable(DomainError):
    """Values that Excel cannot hold. Codes: cell_too_long, number_not_finite, too_many_rows."""

    code = "unwritable"
