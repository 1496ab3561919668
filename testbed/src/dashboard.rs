//! A picture of the Grafana dashboard, drawn from its JSON for the docs: the panels in their places, with their descriptions, series, units and
//! thresholds. The registries from which the tests install tools do not have Grafana.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::Value;
use textwrap::{Options, WrapAlgorithm};

/// The size of Grafana's grid unit, in pixels: 24 columns.
const COLUMN: u64 = 42;
const LINE: u64 = 21;
/// The space around each panel.
const GAP: u64 = 4;
/// The mean width of a character of the small text.
const CHARACTER: u64 = 6;

/// The colours of series and thresholds, the same in the light and the dark form of the picture.
const COLORS: [(&str, &str); 6] = [
    ("green", "#56a64b"),
    ("yellow", "#d9a300"),
    ("orange", "#e0752d"),
    ("red", "#d44a3a"),
    ("purple", "#8f5bd6"),
    ("blue", "#3274d9"),
];

const STYLE: &str = "text{font:11px sans-serif;fill:#5a5f66}.t{font-weight:bold;font-size:12px;fill:#24292f}.b{fill:#f4f5f5}\
    .p{fill:#fff;stroke:#d5d7da}\
    @media (prefers-color-scheme:dark){text{fill:#9da5ae}.t{fill:#e6e8eb}.b{fill:#111217}.p{fill:#181b1f;stroke:#33373d}}";

/// Draws a dashboard as SVG, in light colours, or in dark ones if the reader prefers them.
pub fn svg(dashboard: &Value) -> String {
    let panels: Vec<&Value> = dashboard["panels"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let mut body = String::new();
    // Grafana moves up the rows below a collapsed row, so each row starts where the panels before it end.
    let mut bottom = 0;
    for panel in panels {
        let is_row = panel["type"] == "row";
        let at = Place::of(panel, if is_row { Some(bottom) } else { None });
        bottom = bottom.max(at.y + at.height);
        if is_row {
            draw_row(&mut body, panel, &at);
        } else {
            draw_panel(&mut body, panel, &at);
        }
    }
    let (width, height) = (24 * COLUMN + GAP, bottom + GAP);
    let title = escaped(dashboard["title"].as_str().unwrap_or_default());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>The dashboard {title}: its panels, their series, units and thresholds</title>\n<style>{STYLE}</style>\n\
         <rect class=\"b\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// The place of a panel in pixels.
struct Place {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
}

impl Place {
    fn of(panel: &Value, y: Option<u64>) -> Place {
        let grid = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_default();
        Place {
            x: grid("x") * COLUMN,
            y: y.unwrap_or(grid("y") * LINE),
            width: grid("w") * COLUMN,
            height: grid("h") * LINE,
        }
    }

    /// The number of characters that fit.
    fn characters(&self) -> usize {
        usize::try_from((self.width - 6 * GAP) / CHARACTER).unwrap_or_default()
    }
}

fn draw_row(to: &mut String, row: &Value, at: &Place) {
    let is_collapsed = row["collapsed"] == true;
    let mark = if is_collapsed { "▸" } else { "▾" };
    let title = row["title"].as_str().unwrap_or_default();
    let count = row["panels"].as_array().map_or(0, Vec::len);
    let note = if is_collapsed {
        format!(" ({count} panels)")
    } else {
        String::new()
    };
    text(
        to,
        "t",
        at.x + 2 * GAP,
        at.y + LINE - 5,
        &format!("{mark} {title}{note}"),
    );
}

fn draw_panel(to: &mut String, panel: &Value, at: &Place) {
    let (x, y) = (at.x + GAP, at.y + GAP);
    let (width, height) = (at.width - GAP, at.height - GAP);
    _ = writeln!(
        to,
        "<rect class=\"p\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\"/>"
    );
    let title = panel["title"].as_str().unwrap_or_default();
    let mut line = y + 16;
    // Bold characters are wider.
    for words in wrapped(title, at.characters() * 6 / 7) {
        text(to, "t", x + 2 * GAP, line, &words);
        line += 14;
    }
    let unit = unit(panel);
    if panel["type"] == "stat" {
        let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
        for step in steps.into_iter().flatten() {
            let from = step["value"]
                .as_f64()
                .map(|value| format!("from {}", quantity(value, unit)));
            swatch(to, x + 2 * GAP, line, step["color"].as_str());
            text(
                to,
                "",
                x + 6 * GAP,
                line,
                &from.unwrap_or_else(|| unit.to_owned()),
            );
            line += 14;
        }
        return;
    }
    for words in wrapped(
        panel["description"].as_str().unwrap_or_default(),
        at.characters(),
    ) {
        text(to, "", x + 2 * GAP, line, &words);
        line += 14;
    }
    text(to, "", x + 2 * GAP, line + 4, &format!("Unit: {unit}"));
    // Series are at the bottom, as in Grafana's legends.
    let mut bottom = y + height - 8;
    for (color, name) in series(panel).into_iter().rev() {
        swatch(to, x + 2 * GAP, bottom, color);
        text(to, "", x + 6 * GAP, bottom, &name);
        bottom -= 14;
    }
}

/// The series as colours and names: the legends, then the name patterns that have a colour of their own.
fn series(panel: &Value) -> Vec<(Option<&str>, String)> {
    let overrides = || {
        panel["fieldConfig"]["overrides"]
            .as_array()
            .into_iter()
            .flatten()
    };
    let mut all = Vec::new();
    for target in panel["targets"].as_array().into_iter().flatten() {
        let legend = target["legendFormat"].as_str().unwrap_or_default();
        let own = overrides().find(|own| own["matcher"]["options"] == legend);
        let default = &panel["fieldConfig"]["defaults"]["color"]["fixedColor"];
        let color = own.map_or(default, |own| &own["properties"][0]["value"]["fixedColor"]);
        let name = legend.replace("{{", "‹").replace("}}", "›");
        all.push((color.as_str().or(Some("blue")), name));
    }
    for own in overrides().filter(|own| own["matcher"]["id"] == "byRegexp") {
        let color = own["properties"][0]["value"]["fixedColor"].as_str();
        let names = own["matcher"]["options"].as_str().unwrap_or_default();
        let names = names
            .trim_start_matches(".*")
            .replace('|', ", ")
            .replace(".*", "…");
        all.push((color, shortened(&names, 44)));
    }
    all
}

fn unit(panel: &Value) -> &str {
    match panel["fieldConfig"]["defaults"]["unit"]
        .as_str()
        .unwrap_or_default()
    {
        "reqps" => "requests/s",
        "ops" => "1/s",
        "percentunit" | "percent" => "%",
        "short" => "number",
        "s" => "seconds",
        "µs" => "µs",
        other => other,
    }
}

/// A threshold in its unit.
fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{} %", value * 100.0),
        "seconds" => format!("{} h", value / 3600.0),
        "µs" => format!("{} ms", value / 1000.0),
        _ => value.to_string(),
    }
}

fn swatch(to: &mut String, x: u64, baseline: u64, color: Option<&str>) {
    let known = COLORS.iter().find(|(name, _)| Some(*name) == color);
    let code = known.map_or("#8e8e8e", |(_, code)| code);
    let y = baseline - 9;
    _ = writeln!(
        to,
        "<rect x=\"{x}\" y=\"{y}\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{code}\"/>"
    );
}

fn text(to: &mut String, class: &str, x: u64, y: u64, text: &str) {
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    _ = writeln!(
        to,
        "<text{class} x=\"{x}\" y=\"{y}\">{}</text>",
        escaped(text)
    );
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    // The default depends on the features that other crates enable.
    let options = Options::new(width.max(1)).wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(text, options)
        .into_iter()
        .map(Cow::into_owned)
        .collect()
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let start: String = text.chars().take(longest - 1).collect();
    format!("{start}…")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
