"""The only place that writes people, posts and grants."""

from members.actions.channels import deliver_notice, forget_channels, pass_on, send_test_notice
from members.actions.grants import DEFAULT_ROLES, change_role, create_roles, sync_grants
from members.actions.inbox import mark_read, post, tell, withdraw
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
from members.actions.roster import LONGEST_ROSTER, NewShift, change_duty, enter_roster, enter_shifts

__all__ = [
    "DEFAULT_ROLES",
    "LONGEST_ROSTER",
    "NewPerson",
    "NewShift",
    "appoint",
    "appoint_many",
    "change_duty",
    "change_role",
    "create_departments",
    "create_people",
    "create_posts",
    "create_roles",
    "deliver_notice",
    "employ",
    "end_appointment",
    "end_leave",
    "enter_roster",
    "enter_shifts",
    "follow_succession",
    "forget_channels",
    "mark_read",
    "pass_on",
    "post",
    "responsibility_changed",
    "send_test_notice",
    "sync_grants",
    "take_leave",
    "tell",
    "withdraw",
]
