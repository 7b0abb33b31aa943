//! A change in the list: who did what and when, and each of its gestures by itself once it is opened.

use leptos::prelude::*;
use model::Timestamp;

use super::History;
use super::groups::{Group, LINES_SHOWN, Step};
use super::moment_words::exact;
use crate::design::{Icon, icon};
use crate::door::history::Author;
use crate::door::past::Moment;
use crate::people::initials;
use crate::projects::when::ago;

/// What the state after an entry is called, if it has a name.
fn name_of(history: History, seq: u64) -> Option<String> {
    history.versions.with(|versions| versions.iter().find(|version| version.seq == seq).map(|it| it.name.clone()))
}

#[component]
pub(super) fn PlainChange(group: Group, clock: RwSignal<Timestamp>) -> impl IntoView {
    let history = expect_context::<History>();
    let door = history.door;
    let oldest = group.oldest();
    let Group { author, seq, time, lines, steps_back, restores, steps, .. } = group;
    let restored = move |seq| match name_of(history, seq) {
        Some(name) => format!("Restored “{name}”"),
        None => "Restored an earlier state".to_owned(),
    };
    let is_opened = move || history.opened.with(|opened| opened.contains(&oldest));
    let more = lines.len().saturating_sub(LINES_SHOWN);
    // One more line takes no more room than the button that would hide it.
    let more = if more > 1 { more } else { 0 };
    let count = steps.len();
    let closed = match (count > 1, more > 0) {
        (true, _) => Some(format!("{count} steps")),
        (false, true) => Some(format!("{more} more")),
        (false, false) => None,
    };
    let seqs: Vec<u64> = steps.iter().map(|step| step.seq).collect();
    let is_shown =
        move || door.moment().with(|moment| moment.as_ref().is_some_and(|moment| seqs.contains(&moment.seq)));
    let is_coming = move || history.looking_for.get() == Some(seq);
    let shown = move || match (is_opened(), count > 1) {
        (true, true) => steps.iter().cloned().map(|step| view! { <OneStep step /> }.into_any()).collect_view(),
        (is_opened, _) => {
            let shown = if more > 0 && !is_opened { LINES_SHOWN } else { usize::MAX };
            lines.iter().take(shown).cloned().map(|line| view! { <li>{line}</li> }.into_any()).collect_view()
        }
    };
    let name = author.name.clone().unwrap_or_else(|| "Somebody who left".to_owned());
    view! {
        <li class="change" class:is-shown=is_shown class:is-coming=is_coming data-testid="change" data-seq=seq.to_string()>
            <Who author />
            <div class="change-main">
                <p class="change-head">
                    <strong>{name}</strong>
                    {steps_back.then(|| view! { <span class="tag">"Undo or redo"</span> })}
                    <time class="change-when" title=exact(time)>{move || ago(time, clock.get())}</time>
                </p>
                {restores.map(|seq| view! { <p class="change-restored" data-testid="restored">{move || restored(seq)}</p> })}
                <ul class="change-lines">{shown}</ul>
                {closed.map(|closed| view! {
                    <button type="button" class="change-more" data-testid="open-change" aria-expanded=move || is_opened().to_string() on:click=move |_| history.open_or_close(oldest)>
                        {move || if is_opened() { "Less".to_owned() } else { closed.clone() }}
                    </button>
                })}
            </div>
            <div class="change-keys">
                <button type="button" class="icon-button small" data-testid="look" aria-label="Look at the song after this change"
                    title="Look at the song after this change" on:click=move |_| history.look(Moment { seq, time, name: None })>{icon(Icon::Eye)}</button>
            </div>
        </li>
    }
}

/// One gesture of an opened change.
#[component]
fn OneStep(step: Step) -> impl IntoView {
    let history = expect_context::<History>();
    let Step { seq, time, lines } = step;
    let is_shown = move || history.door.moment().with(|moment| moment.as_ref().is_some_and(|moment| moment.seq == seq));
    let is_coming = move || history.looking_for.get() == Some(seq);
    let label = format!("Look at the song after this step: {}", lines.join(", "));
    let said = lines.into_iter().map(|line| view! { <p>{line}</p> }).collect_view();
    view! {
        <li class="change-step" class:is-shown=is_shown class:is-coming=is_coming data-testid="step" data-seq=seq.to_string()>
            <div title=exact(time)>{said}</div>
            <button type="button" class="icon-button small" data-testid="look-at-step" aria-label=label aria-pressed=move || is_shown().to_string()
                title="Look at the song after this step" on:click=move |_| history.look(Moment { seq, time, name: None })>{icon(Icon::Eye)}</button>
        </li>
    }
}

#[component]
fn Who(author: Author) -> impl IntoView {
    let letters = author.name.as_deref().map(initials).unwrap_or_else(|| "?".to_owned());
    view! { <span class="face" style:--face=author.colour aria-hidden="true">{letters}</span> }
}
