//! A figure as SVG: axes, a grid, lines with names.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 420.0;
/// Left, top, right and bottom of what is drawn in.
const FRAME: [f64; 4] = [66.0, 44.0, 846.0, 376.0];
const COLOURS: [&str; 9] =
    ["#3b6fd4", "#d4533b", "#2f9e6e", "#a24fc4", "#c78a1b", "#1f9bb3", "#c44f86", "#6b7280", "#7a9e2f"];

/// How numbers become places.
#[derive(Clone, Copy)]
pub(crate) enum Scale {
    Linear(f64, f64),
    /// By equal ratios.
    Logarithmic(f64, f64),
}

impl Scale {
    /// 0 to 1 within the ends.
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Linear(from, to) => (value - from) / (to - from),
            Scale::Logarithmic(from, to) => libm::log(value / from) / libm::log(to / from),
        }
    }

    /// Where lines of the grid are.
    fn ticks(self) -> Vec<f64> {
        match self {
            Scale::Linear(from, to) => {
                let rough = (to - from) / 8.0;
                let decade = libm::pow(10.0, libm::log10(rough).floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * decade).into_iter().find(|step| *step >= rough);
                let step = step.unwrap_or(rough);
                let first = (from / step).ceil() as i64;
                (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= to + 1e-9 * step).collect()
            }
            Scale::Logarithmic(from, to) => {
                let decades = (libm::log10(from).floor() as i32)..=(libm::log10(to).ceil() as i32);
                let ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * libm::pow(10.0, f64::from(decade))));
                ticks.filter(|tick| (from * 0.999..=to * 1.001).contains(tick)).collect()
            }
        }
    }
}

/// A figure.
pub(crate) struct Figure {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    /// What to look for in it.
    pub(crate) caption: &'static str,
    x: (&'static str, Scale),
    y: (&'static str, Scale),
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Figure {
    pub(crate) fn new(
        file: &'static str,
        title: &'static str,
        caption: &'static str,
        x: (&'static str, Scale),
        y: (&'static str, Scale),
    ) -> Self {
        Self { file, title, caption, x, y, lines: Vec::new() }
    }

    /// Draws a line.
    pub(crate) fn line(&mut self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) {
        self.lines.push((name.into(), points.into_iter().collect()));
    }

    pub(crate) fn svg(&self) -> String {
        let [left, top, right, bottom] = FRAME;
        let at = |(x, y): (f64, f64)| {
            let x = left + self.x.1.place(x) * (right - left);
            let y = bottom - self.y.1.place(y).clamp(-0.05, 1.05) * (bottom - top);
            (x, y)
        };
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="11">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{left}" y="20" font-size="15" font-weight="600">{}</text>
<clipPath id="frame"><rect x="{left}" y="{top}" width="{}" height="{}"/></clipPath>"##,
            self.title,
            right - left,
            bottom - top
        );
        for tick in self.x.1.ticks() {
            let (x, _) = at((tick, 0.0));
            let _ = writeln!(
                svg,
                r##"<path d="M{x:.1} {top}V{bottom}" stroke="#e3e5ea"/><text x="{x:.1}" y="{}" text-anchor="middle" fill="#555">{}</text>"##,
                bottom + 15.0,
                number(tick)
            );
        }
        for tick in self.y.1.ticks() {
            let (_, y) = at((self.x.1.ticks().first().copied().unwrap_or(1.0), tick));
            let _ = writeln!(
                svg,
                r##"<path d="M{left} {y:.1}H{right}" stroke="#e3e5ea"/><text x="{}" y="{:.1}" text-anchor="end" fill="#555">{}</text>"##,
                left - 6.0,
                y + 4.0,
                number(tick)
            );
        }
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="middle" fill="#333">{}</text><text x="14" y="{}" transform="rotate(-90 14 {3})" text-anchor="middle" fill="#333">{}</text>"##,
            left.midpoint(right),
            HEIGHT - 12.0,
            self.x.0,
            top.midpoint(bottom),
            self.y.0
        )
        .and_then(|()| writeln!(svg, r##"<g clip-path="url(#frame)" fill="none" stroke-width="1.6">"##));
        for ((_, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let mut path = String::new();
            for (index, point) in points.iter().enumerate() {
                let (x, y) = at(*point);
                let _ = write!(path, "{}{x:.2} {y:.2}", if index == 0 { 'M' } else { 'L' });
            }
            let _ = writeln!(svg, r#"<path d="{path}" stroke="{colour}"/>"#);
        }
        svg.push_str("</g>\n");
        for (index, ((name, _), colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let (x, y) = (left + 10.0 + 190.0 * (index % 4) as f64, 36.0 - 0.0 + 12.0 * (index / 4) as f64);
            let _ = writeln!(svg, r#"<text x="{x}" y="{y}" fill="{colour}" font-weight="600">{name}</text>"#);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        1_000.0.. if value % 100.0 == 0.0 => format!("{}k", value / 1_000.0),
        0.0 => "0".to_owned(),
        1e-3.. => format!("{}", (value * 1e4).round() / 1e4),
        _ => format!("{value:e}"),
    }
}
