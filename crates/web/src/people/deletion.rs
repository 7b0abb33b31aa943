//! A song that an owner deletes: asked twice, said to all who have it open, and brought back from there.

use leptos::prelude::*;
use model::{Id, Record, Role, Table};
use operations::{Operation, build};

use crate::controls::focus;
use crate::design::{Icon, icon};
use crate::door::Door;

/// What is lost, and when: so long the server keeps the recordings of a deleted song (its `DELETED_KEPT_MS`).
const KEPT: &str = "Its recordings are kept for 30 days; until then an owner can bring it back.";

/// Whether the song is deleted.
fn is_deleted(door: Door) -> Memo<bool> {
    Memo::new(move |_| {
        door.project().track();
        door.read_present(|records| records.project().is_some_and(Record::is_deleted))
    })
}

fn write(door: Door, what: &'static str, operation: fn(Table, &Id) -> Operation) {
    if let Some(project) = door.project().get_untracked() {
        door.dispatch(what, vec![operation(Table::Projects, &project.id)]);
    }
}

/// For owners, at the foot of the panel of people; nothing once the song is deleted.
#[component]
pub(super) fn DeleteSong() -> impl IntoView {
    let door = expect_context::<Door>();
    let (deleted, asking) = (is_deleted(door), RwSignal::new(false));
    let delete = move |_| {
        asking.set(false);
        focus::keep(None, &["[data-testid=people-panel]"]);
        write(door, "Delete song", build::delete);
    };
    view! {
        <Show when=move || !deleted.get()>
            <div class="people-foot delete-song">
                <button type="button" class="button quiet" data-testid="delete-song" disabled=move || !door.may_edit_now()
                    aria-expanded=move || asking.get().to_string() on:click=move |_| asking.update(|asking| *asking = !*asking)>
                    {icon(Icon::Bin)} "Delete the song"
                </button>
                <Show when=move || asking.get()>
                    <div class="member-ask" role="group" aria-label="Are you sure?">
                        <p>"It leaves everybody’s list at once, yours too. " {KEPT} " Keep its address: it opens there."</p>
                        <div class="member-ask-buttons">
                            <button type="button" class="button small" on:click=move |_| asking.set(false)>"Cancel"</button>
                            <button type="button" class="button small danger" data-testid="confirm-delete" on:click=delete>"Delete"</button>
                        </div>
                    </div>
                </Show>
            </div>
        </Show>
    }
}

/// Over the studio, while the song is deleted.
#[component]
pub(crate) fn DeletedSong() -> impl IntoView {
    let door = expect_context::<Door>();
    let deleted = is_deleted(door);
    let owns = move || door.role().get() == Some(Role::Owner);
    let bring_back = move |_| write(door, "Bring song back", build::restore);
    view! {
        <Show when=move || deleted.get()>
            <aside class="not-saved" role="status" data-testid="deleted">
                {icon(Icon::Bin)}
                <div>
                    <strong>"This song has been deleted"</strong>
                    <p>"It is in nobody’s list any more. " {KEPT} " What you change meanwhile comes back with it."</p>
                </div>
                <Show when=owns>
                    <button type="button" class="button small primary" data-testid="bring-song-back" disabled=move || !door.may_edit_now() on:click=bring_back>"Bring it back"</button>
                </Show>
            </aside>
        </Show>
    }
}
