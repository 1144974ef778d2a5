"""Forms of matters: the report, one form per action, one for several matters at once."""

from incidents.forms.acting import ActionForm, BulkForm, NoticeForm
from incidents.forms.choices import by_village
from incidents.forms.fields import YES_NO, in_drop
from incidents.forms.report import ReportForm, UploadForm

__all__ = [
    "YES_NO",
    "ActionForm",
    "BulkForm",
    "NoticeForm",
    "ReportForm",
    "UploadForm",
    "by_village",
    "in_drop",
]
