"""Compare: which method is better over seeds, is that more than luck, and what does it cost?"""

from typing import cast

import streamlit as st

from core.actions.seed_groups import Split
from core.errors import UserError
from core.formats import plain
from core.store.engine import Store
from core.views.compare_choices import state_of
from pages.compare import empty
from pages.compare.access import show_access
from pages.compare.choice import Chosen, choose
from pages.compare.cost import show_cost
from pages.compare.courses import show_courses
from pages.compare.left_out import show_left_out
from pages.compare.notes import show_notes
from pages.compare.pairs import show_pairs
from pages.compare.pickers import pick
from pages.compare.result import compared
from pages.compare.seeds import show_seeds
from pages.compare.settings import show_settings
from pages.compare.summary import show_summary
from pages.compare.watch import watch
from pages.parts.store import open_store


def show(store: Store, chosen: Chosen) -> None:
    """The page for what the address names."""
    pick(chosen)
    if chosen.notices:
        st.warning("  \n".join(map(plain, chosen.notices)), icon=":material/link_off:")
    state = state_of(store, chosen.wanted)
    if any(one.at_work for one in chosen.wanted):
        watch(chosen.wanted, state)
    if not chosen.wanted:
        empty.nothing_chosen()
    elif not chosen.ready:
        empty.nothing_ready()
    else:
        _show_comparison(chosen, state)


def _show_comparison(chosen: Chosen, state: tuple[object, ...]) -> None:
    try:
        found = compared(tuple(chosen.ready), cast(Split, chosen.split), state)
    except UserError as error:
        st.warning(plain(str(error)), icon=":material/error:")
        return
    show_summary(found)
    if all(group.n == 1 for group in found.groups):
        empty.only_models()
    st.divider()
    show_seeds(found)
    show_pairs(found)
    show_courses(found)
    show_access(found)
    show_cost(found)
    show_left_out(found)
    show_settings(found)
    show_notes(found)


st.title("Compare", anchor=False)
the_store = open_store()
the_choice = choose(the_store)
if the_choice.groups or the_choice.runs:
    show(the_store, the_choice)
else:
    empty.no_runs()
