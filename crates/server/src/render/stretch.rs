//! `--range` and `--tail`, as they are typed.

use mixdown::{Stretch, StretchUnit};

use super::Tail;

/// `FROM..TO` in beats, or with an `s` behind each in seconds.
pub(super) fn parse(text: &str) -> Result<Stretch, String> {
    let wrong = || "it is FROM..TO in beats, like 4..12, or in seconds, like 1.5s..20s".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (unit, from, to) = match (from.strip_suffix('s'), to.strip_suffix('s')) {
        (Some(from), Some(to)) => (StretchUnit::Seconds, from, to),
        (None, None) => (StretchUnit::Beats, from, to),
        _ => return Err(wrong()),
    };
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Ok(Stretch { unit, from: number(from)?, to: number(to)? })
}

/// Seconds, or `auto`.
pub(super) fn parse_tail(text: &str) -> Result<Tail, String> {
    match text {
        "auto" => Ok(Tail::Auto),
        _ => text.parse().map(Tail::Seconds).map_err(|_| "it is a number of seconds, or auto".to_owned()),
    }
}
