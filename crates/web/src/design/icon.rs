//! The icons, drawn on a grid of 20 with lines of 1.6.

use leptos::prelude::*;

/// What an icon means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Play,
    Stop,
    ToStart,
    Loop,
    Metronome,
    Plus,
    Minus,
    Fit,
    Magnet,
    Close,
    Check,
    Info,
    Warning,
    Cloud,
    CloudOff,
    More,
    Grip,
    Up,
    Down,
    Bin,
    Pencil,
    Import,
    Share,
    Sliders,
    Lanes,
    LogOut,
    Follow,
    Undo,
    Redo,
    Download,
    History,
    Eye,
    Flag,
    Split,
    Duplicate,
}

impl Icon {
    /// What is drawn as lines, and what is filled.
    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Icon::Play => {
                ("", "M6 3.6v12.8c0 .8.9 1.3 1.6.8l9.2-6.4a1 1 0 0 0 0-1.6L7.6 2.8C6.900 2.300 6 2.800 6 3.600z")
            }
            Icon::Stop => (
                "",
                "M5.500 4h9A1.500 1.500 0 0 1 16 5.500v9a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 4 14.500v-9A1.500 1.500 0 0 1 5.500 4z",
            ),
            Icon::ToStart => (
                "M4.500 4v12",
                "M15.500 4.500v11c0 .7-.8 1-1.300.6l-6.700-5.500a.8.8 0 0 1 0-1.200l6.700-5.500c.5-.4 1.300-.1 1.300.6z",
            ),
            Icon::Loop => (
                "M13 3l2.500 2.500L13 8M4 9.500V8.500a3 3 0 0 1 3-3h8.500M7 17l-2.500-2.500L7 12M16 10.500v1a3 3 0 0 1-3 3H4.500",
                "",
            ),
            Icon::Metronome => ("M7.500 3.500h5l3 13h-11zM10 12l5.500-7M6 12.500h8", ""),
            Icon::Download => ("M10 3v9M6.500 8.500L10 12l3.500-3.500M4 15.500h12", ""),
            Icon::Plus => ("M10 4v12M4 10h12", ""),
            Icon::Minus => ("M4 10h12", ""),
            Icon::Fit => ("M3 5v10M17 5v10M6 10h8M8.500 7.500L6 10l2.500 2.500M11.500 7.500L14 10l-2.500 2.500", ""),
            Icon::Magnet => ("M4 4v6a6 6 0 0 0 12 0V4h-3.500v6a2.500 2.500 0 0 1-5 0V4zM4 7h3.500M12.500 7H16", ""),
            Icon::Close => ("M5.500 5.500l9 9M14.500 5.500l-9 9", ""),
            Icon::Check => ("M4.500 10.500l3.500 3.500 7.500-8", ""),
            Icon::Info => ("M10 9v5M10 6.200v.1M10 2.500a7.500 7.500 0 1 0 0 15 7.500 7.500 0 0 0 0-15z", ""),
            Icon::Warning => (
                "M10 7.500v3.500M10 13.800v.1M8.800 3.700L2.700 14.500c-.5.9.1 2 1.200 2h12.200c1.100 0 1.700-1.100 1.200-2L11.200 3.700a1.400 1.400 0 0 0-2.400 0z",
                "",
            ),
            Icon::Cloud => ("M6 15.500a3.500 3.500 0 0 1-.5-7 4.800 4.800 0 0 1 9.200 1A3 3 0 0 1 14.500 15.500z", ""),
            Icon::CloudOff => (
                "M3 3l14 14M8.500 5.200a4.800 4.800 0 0 1 6.200 4.300 3 3 0 0 1 2 4.400M5.500 8.500a3.500 3.500 0 0 0 .5 7h8",
                "",
            ),
            Icon::More => (
                "",
                "M4.500 8.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM10 8.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3zM15.500 8.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3z",
            ),
            Icon::Grip => (
                "",
                "M7 4a1.200 1.200 0 1 1 0 2.400A1.200 1.200 0 0 1 7 4zM13 4a1.200 1.200 0 1 1 0 2.400A1.200 1.200 0 0 1 13 4zM7 8.800a1.200 1.200 0 1 1 0 2.400 1.200 1.200 0 0 1 0-2.400zM13 8.800a1.200 1.200 0 1 1 0 2.400 1.200 1.200 0 0 1 0-2.400zM7 13.600a1.200 1.200 0 1 1 0 2.400 1.200 1.200 0 0 1 0-2.400zM13 13.600a1.200 1.200 0 1 1 0 2.400 1.200 1.200 0 0 1 0-2.400z",
            ),
            Icon::Up => ("M10 16V4.500M5 9.500l5-5 5 5", ""),
            Icon::Down => ("M10 4v11.500M5 10.500l5 5 5-5", ""),
            Icon::Bin => {
                ("M3.500 5.500h13M8 5V3.500h4V5M5.500 5.500l.7 11h7.600l.7-11M8.500 9v4.500M11.500 9v4.500", "")
            }
            Icon::Pencil => {
                ("M4 16l.7-3.300L13 4.400a1.500 1.500 0 0 1 2.100 0l.5.500a1.500 1.500 0 0 1 0 2.100L7.300 15.300z", "")
            }
            Icon::Import => (
                "M10 3v8.500M6.500 8.500L10 12l3.500-3.500M3.500 12.500v2.500a1.500 1.500 0 0 0 1.500 1.500h10a1.500 1.500 0 0 0 1.500-1.500v-2.500",
                "",
            ),
            Icon::Share => (
                "M8 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 16.500c.5-2.800 2.700-4.500 5.500-4.500s5 1.700 5.500 4.500M15.500 6v5M13 8.500h5",
                "",
            ),
            Icon::Sliders => ("M5 3v5M5 12v5M10 3v8M10 15v2M15 3v2M15 9v8M3 10h4M8 13h4M13 7h4", ""),
            Icon::Lanes => ("M3 5.500h7M3 10h12M7 14.500h10", ""),
            Icon::LogOut => (
                "M8 3.500H5A1.500 1.500 0 0 0 3.500 5v10A1.500 1.500 0 0 0 5 16.500h3M12.500 6.500L16 10l-3.500 3.500M16 10H8",
                "",
            ),
            Icon::Follow => ("M10 3v14M13 7l3 3-3 3M3.500 10H16", ""),
            Icon::Undo => ("M7 4L3.500 7.500 7 11M3.500 7.500H12a4.300 4.300 0 0 1 0 8.600H8", ""),
            Icon::History => {
                ("M3.500 10a6.500 6.500 0 1 0 2-4.700M3.500 3.500v3.300h3.300M10 6.500V10l2.600 1.800", "")
            }
            Icon::Eye => (
                "M2.500 10S5.200 5 10 5s7.500 5 7.500 5-2.700 5-7.500 5-7.500-5-7.500-5zM10 12.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400z",
                "",
            ),
            Icon::Flag => ("M5.500 17.500V3.500h9.500l-2.500 3.700 2.500 3.800H5.500", ""),
            Icon::Split => ("M10 3v14M6.500 7L3.500 10l3 3M13.500 7l3 3-3 3", ""),
            Icon::Duplicate => ("M7.500 7.500h9v9h-9zM12.500 7.500v-4h-9v9h4", ""),
            Icon::Redo => ("M13 4l3.500 3.500L13 11M16.500 7.500H8a4.300 4.300 0 0 0 0 8.600h4", ""),
        }
    }
}

/// The icon as inline SVG, in the colour of its text; hidden from screen readers, since the control has a name.
pub(crate) fn icon(icon: Icon) -> impl IntoView {
    let (line, fill) = icon.paths();
    view! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
            {(!line.is_empty()).then(|| view! { <path class="icon-line" d=line /> })}
            {(!fill.is_empty()).then(|| view! { <path class="icon-fill" d=fill /> })}
        </svg>
    }
}
