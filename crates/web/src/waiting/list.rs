//! The edits that wait, one below the other.

use leptos::prelude::*;
use model::{Id, Timestamp};

use crate::door::{Listed, now};
use crate::projects::ago;

/// Lines that are shown; the rest is a number.
const SHOWN_MAX: usize = 200;

/// Edits in a row that the user knows as the same, as one line.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    what: String,
    made: Timestamp,
    edits: Vec<Listed>,
}

impl Line {
    fn is_parked(&self) -> bool {
        self.edits.iter().any(|edit| edit.is_parked)
    }

    fn is_unkept(&self) -> bool {
        self.edits.iter().any(|edit| edit.place.is_none())
    }

    fn key(&self) -> (Option<Id>, usize, bool) {
        (self.edits.first().map(|edit| edit.tx_id.clone()), self.edits.len(), self.is_parked())
    }
}

fn lines(edits: Vec<Listed>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for edit in edits {
        let what = if edit.what.is_empty() { "An edit".to_owned() } else { edit.what.clone() };
        match lines.last_mut() {
            Some(last) if last.what == what && last.edits[0].is_parked == edit.is_parked => {
                last.made = edit.made;
                last.edits.push(edit);
            }
            _ => lines.push(Line { what, made: edit.made, edits: vec![edit] }),
        }
    }
    lines
}

/// The list. `discard` gives edits up.
#[component]
pub(crate) fn WaitingList(
    /// In their order.
    #[prop(into)]
    edits: Signal<Vec<Listed>>,
    /// Gives these up.
    discard: Callback<Vec<Listed>>,
) -> impl IntoView {
    let all = Memo::new(move |_| lines(edits.get()));
    let shown = move || all.with(|all| all.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>());
    let more = move || all.with(|all| all.iter().skip(SHOWN_MAX).map(|line| line.edits.len()).sum::<usize>());
    let is_cut = move || more() > 0;
    view! {
        <ul class="waiting-list" data-testid="waiting-list">
            <For each=shown key=Line::key let:line>
                <WaitingLine line discard />
            </For>
        </ul>
        <Show when=is_cut>
            <p class="hint">{move || format!("And {} more.", more())}</p>
        </Show>
    }
}

#[component]
fn WaitingLine(line: Line, discard: Callback<Vec<Listed>>) -> impl IntoView {
    let asks = RwSignal::new(false);
    let count = line.edits.len();
    let state = match (line.is_parked(), line.is_unkept()) {
        (true, _) => Some("Set aside: the server has failed on it several times."),
        (false, true) => Some("Only in this tab: closing it would lose it."),
        (false, false) => None,
    };
    let name = format!("Discard {}", line.what);
    let edits = StoredValue::new(line.edits.clone());
    view! {
        <li class="waiting-line" class:is-parked=line.is_parked() data-testid="waiting-edit">
            <div class="waiting-what">
                <strong>{line.what.clone()} {(count > 1).then(|| view! { <span class="unsaved-count">{format!(" × {count}")}</span> })}</strong>
                <small>{ago(line.made, now())}</small>
                {state.map(|state| view! { <small class="waiting-why">{state}</small> })}
            </div>
            <Show when=move || asks.get() fallback=move || view! {
                <button type="button" class="button quiet small" aria-label=name.clone() on:click=move |_| asks.set(true)>"Discard"</button>
            }>
                <button type="button" class="button danger small" data-testid="discard" on:click=move |_| discard.run(edits.get_value())>"Discard for good"</button>
            </Show>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(n: u8, what: &str, is_parked: bool) -> Listed {
        let id = |text: &str| Id::new(text).unwrap();
        Listed {
            place: Some(u64::from(n)),
            project: id("p"),
            tx_id: id(&format!("t{n}")),
            what: what.to_owned(),
            made: Timestamp(i64::from(n)),
            is_parked,
        }
    }

    #[test]
    fn cl2_what_is_the_same_in_a_row_is_one_line_and_what_is_set_aside_another() {
        let edits =
            vec![edit(1, "Move clip", false), edit(2, "Move clip", false), edit(3, "", false), edit(4, "", true)];
        let lines = lines(edits);
        let seen: Vec<_> = lines.iter().map(|line| (line.what.as_str(), line.edits.len(), line.is_parked())).collect();
        assert_eq!(seen, [("Move clip", 2, false), ("An edit", 1, false), ("An edit", 1, true)]);
        assert_eq!(lines[0].made, Timestamp(2));
    }
}
