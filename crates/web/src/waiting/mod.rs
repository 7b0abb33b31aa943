//! What the server has not confirmed yet: what waits, why, and what can be done about it (CL2, CL3).

mod list;
mod log_in;
mod log_out;
mod panel;

pub(crate) use list::WaitingList;
pub(crate) use log_in::LogInAgain;
pub(crate) use log_out::LogOut;
pub(crate) use panel::WaitingPanel;

/// "1 edit", "7 edits".
pub(crate) fn edits(count: usize) -> String {
    if count == 1 { "1 edit".to_owned() } else { format!("{count} edits") }
}

/// "1 edit waits", "7 edits wait".
pub(crate) fn edits_wait(count: usize) -> String {
    format!("{} {}", edits(count), if count == 1 { "waits" } else { "wait" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl3_one_edit_is_no_plural() {
        assert_eq!((edits(1).as_str(), edits(0).as_str()), ("1 edit", "0 edits"));
        assert_eq!((edits_wait(1).as_str(), edits_wait(2).as_str()), ("1 edit waits", "2 edits wait"));
    }
}
