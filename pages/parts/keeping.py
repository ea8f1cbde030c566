"""Deleting runs, with a way back that survives a reload; renaming one."""

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from core.actions.annotating import rename_run
from core.actions.deleting import Deleted, delete_run, find_deleted, list_deleted, remove_deleted, restore_run
from core.errors import UserError
from core.formats import age, counted, listed, megabytes, plain
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import now
from pages.parts.owners import why_not, why_not_runs
from pages.parts.saying import say
from pages.parts.store import open_store

UNDO_FOR = timedelta(minutes=10)
"""How long after a deletion its way back stands on top of Overview."""
MOST = 3
MOST_LISTED = 50
_HIDDEN = "undo-hidden"


def delete_button(runs: Sequence[tuple[str, str]], *, busy: bool, key: str) -> None:
    """Asks, then deletes these (id, name); cancels first what works on them. Draw Overview afterwards: it has the way back."""
    days = get_settings().deleted_days
    what = "this run" if len(runs) == 1 else f"these {len(runs)} runs"
    why = why_not_runs([run_id for run_id, _ in runs])
    with st.popover("Delete", icon=":material/delete:", key=f"{key}-box", disabled=why is not None, help=why):
        asked = f"Delete {what} with checkpoints, evaluations and diagnoses? It can be undone for {days:g} days."
        if busy:
            asked += " What works on it is cancelled first; a training saves where it is."
        st.markdown(asked)
        one = "Delete the run" if len(runs) == 1 else f"Delete {len(runs)} runs"
        st.button(
            f"Stop and {one[0].lower()}{one[1:]}" if busy else one,
            type="primary",
            key=key,
            on_click=_delete,
            args=([run_id for run_id, _ in runs], busy),
        )


def deleted_just_now() -> bool:
    """Whether `delete_button` has done its work in this very run of the page."""
    return bool(st.session_state.pop("deleted-just-now", False))


def _delete(run_ids: Sequence[str], cancel: bool) -> None:
    store = open_store()
    for run_id in run_ids:
        try:
            delete_run(store, queries.get_run(store, run_id), cancel=cancel)
        except UserError as error:
            say(plain(str(error)), icon=":material/error:")
        else:
            st.session_state["deleted-just-now"] = True
    st.rerun()  # the whole page, also where the button stands in a fragment; so below


def rename_box(run_id: str, name: str, *, key: str) -> None:
    """A button that opens the name for writing."""
    why = why_not_runs([run_id])
    with st.popover(
        "Rename", icon=":material/edit:", key=f"{key}-box-{hash(name)}", disabled=why is not None, help=why
    ):
        st.text_input("Name", value=name, max_chars=120, key=f"{key}-text-{hash(name)}")
        st.button(
            "Rename it", key=f"{key}-do", type="primary", on_click=_rename, args=(run_id, f"{key}-text-{hash(name)}")
        )


def _rename(run_id: str, key: str) -> None:
    store = open_store()
    try:
        rename_run(store, queries.get_run(store, run_id), st.session_state[key] or "")
    except UserError as error:
        say(plain(str(error)), icon=":material/error:")
    st.rerun()


# --- the way back ---


def show_undo(deleted: Sequence[Deleted]) -> None:
    """What was deleted some minutes ago, with its way back."""
    deleted_just_now()  # told herewith: no other page needs to lead here any more
    hidden = st.session_state.setdefault(_HIDDEN, set())
    lately = [one for one in deleted if now() - one.deleted_at < UNDO_FOR and (one.id, one.deleted_at) not in hidden]
    lately = [one for one in lately if why_not(one.owner) is None]
    if not lately:
        return
    # At the foot of the window, where it is seen wherever on the page one was.
    with st.bottom, st.container(border=True, horizontal=True, vertical_alignment="center", key="undo-bar"):
        names = [f"**{plain(one.name)}**" for one in lately]
        st.markdown(f":material/delete: Deleted {listed(names, MOST)}.", width="stretch")
        st.button(
            "Undo" if len(lately) == 1 else "Undo all",
            key="undo",
            type="primary",
            icon=":material/undo:",
            on_click=_restore,
            args=([one.id for one in lately],),
        )
        st.button(
            "Close",
            key="undo-close",
            type="tertiary",
            icon=":material/close:",
            help="They can still be brought back below the list of runs.",
            on_click=hidden.update,
            args=([(one.id, one.deleted_at) for one in lately],),
        )


def show_deleted(deleted: Sequence[Deleted]) -> None:
    """Every run that can still be brought back, behind a button."""
    if not deleted:
        return
    with st.popover(f"Deleted runs ({len(deleted):,})", icon=":material/restore_from_trash:", type="tertiary"):
        size = sum(one.bytes for one in deleted)
        held = f" They hold {megabytes(size)}." if size else ""
        st.caption(f"Kept for {get_settings().deleted_days:g} days, then removed for good with their files.{held}")
        for one in deleted[:MOST_LISTED]:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(one.name)} · deleted {age(one.deleted_at)}", width="stretch")
                why = why_not(one.owner)
                st.button(
                    "Bring back",
                    key=f"restore-{one.id}",
                    icon=":material/undo:",
                    on_click=_restore,
                    args=([one.id],),
                    disabled=why is not None,
                    help=why,
                )
        if len(deleted) > MOST_LISTED:
            st.caption(f"… and {counted(len(deleted) - MOST_LISTED, 'more run')}: python -m core run list --deleted")
        if mine := removable(deleted):
            remove_button(mine, key="remove-deleted")


def removable(deleted: Sequence[Deleted]) -> int:
    """How many of the deleted runs who is there may remove for good."""
    return sum(why_not(one.owner) is None for one in deleted)


def remove_button(number: int, *, key: str) -> None:
    """Removes for good every deleted run that who is there may remove."""
    st.button(
        f"Remove {'it' if number == 1 else f'all {number:,}'} for good",
        key=key,
        icon=":material/delete_forever:",
        help="Frees their disk space at once. There is no way back.",
        on_click=_remove,
    )


def _restore(run_ids: Sequence[str]) -> None:
    store = open_store()
    for run_id in reversed(run_ids):  # the first deleted first, so that each gets its own name where it can
        try:
            run = find_deleted(store, run_id)
            was = run.deleted_name
            back = restore_run(store, run)
        except UserError as error:
            say(plain(str(error)), icon=":material/error:")
            continue
        renamed = f"; it is now {plain(back.name)}, since its name was taken" if back.name != was else ""
        say(f"{plain(was or back.name)} is back{renamed}.", icon=":material/undo:")
    st.rerun()


def _remove() -> None:
    store = open_store()
    try:
        removed = remove_deleted(store, list_deleted(store, get_settings()))
    except UserError as error:
        say(plain(str(error)), icon=":material/error:")
    else:
        say(f"Removed {counted(removed, 'run')} for good.", icon=":material/delete_forever:")
    st.rerun()


def deleted_runs(store: Store) -> list[Deleted]:
    """What can be brought back."""
    return list_deleted(store, get_settings())
