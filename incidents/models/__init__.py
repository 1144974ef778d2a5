"""Tables of the incidents room."""

from incidents.models.assisting import AssistTask, AssistTold
from incidents.models.catalogue import Category, Procedure, ProcedureDraft
from incidents.models.exchange import Delivery, PublicRequest, ServiceKey, WebhookTarget
from incidents.models.history import CopiedNotice, Transition
from incidents.models.incident import Incident, NumberSeries, Part, Upload
from incidents.models.mediation import Mediation, MediationSeries
from incidents.models.orders import OrderMapping
from incidents.models.oversight import ExtensionRequest, Supervision
from incidents.models.people import Party, Requester, Reveal
from incidents.models.search import SearchBlock, SearchEntry
from incidents.models.time import ClockEvent, Escalation, Stage
from incidents.models.urgent import UrgentCall
from incidents.models.voice import FeedbackRequest

__all__ = [
    "AssistTask",
    "AssistTold",
    "Category",
    "ClockEvent",
    "CopiedNotice",
    "Delivery",
    "Escalation",
    "ExtensionRequest",
    "FeedbackRequest",
    "Incident",
    "Mediation",
    "MediationSeries",
    "NumberSeries",
    "OrderMapping",
    "Part",
    "Party",
    "Procedure",
    "ProcedureDraft",
    "PublicRequest",
    "Requester",
    "Reveal",
    "SearchBlock",
    "SearchEntry",
    "ServiceKey",
    "Stage",
    "Supervision",
    "Transition",
    "Upload",
    "UrgentCall",
    "WebhookTarget",
]
