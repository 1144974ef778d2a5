"""The only place that writes people, posts and grants."""

from members.actions.grants import DEFAULT_ROLES, change_role, create_roles, sync_grants
from members.actions.inbox import mark_read, tell, withdraw
from members.actions.leave import end_leave, take_leave
from members.actions.posts import (
    NewPerson,
    appoint,
    appoint_many,
    create_departments,
    create_people,
    create_posts,
    employ,
    end_appointment,
    follow_succession,
    responsibility_changed,
)

__all__ = [
    "DEFAULT_ROLES",
    "NewPerson",
    "appoint",
    "appoint_many",
    "change_role",
    "create_departments",
    "create_people",
    "create_posts",
    "create_roles",
    "employ",
    "end_appointment",
    "end_leave",
    "follow_succession",
    "mark_read",
    "responsibility_changed",
    "sync_grants",
    "take_leave",
    "tell",
    "withdraw",
]
