//! Plots of curves as SVG, readable on a light and on a dark page, and without colours.

mod axis;
mod style;

use std::fmt::Write as _;

use axis::{Axis, Scale};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
/// The area of the curves.
const LEFT: f64 = 92.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = HEIGHT - 76.0;
const Y_LABEL: &str = "µs of Envoy's CPU per request";

/// What a curve measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Native,
    Ours,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::None, Kind::Native, Kind::Ours];

    pub fn name(self) -> &'static str {
        match self {
            Kind::None => "no filter",
            Kind::Native => "native chain",
            Kind::Ours => "ours",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Kind::None => "none",
            Kind::Native => "native",
            Kind::Ours => "ours",
        }
    }

    /// A marker of its own shape, so that curves can be told apart without colours.
    fn marker(self, x: f64, y: f64) -> String {
        match self {
            Kind::None => {
                let (left, top) = (x - 4.0, y - 4.0);
                format!(r#"rect x="{left:.1}" y="{top:.1}" width="8" height="8""#)
            }
            Kind::Native => {
                let (left, right, top, bottom) = (x - 5.0, x + 5.0, y - 5.0, y + 4.0);
                format!(
                    r#"polygon points="{left:.1},{bottom:.1} {right:.1},{bottom:.1} {x:.1},{top:.1}""#
                )
            }
            Kind::Ours => format!(r#"circle cx="{x:.1}" cy="{y:.1}" r="4.5""#),
        }
    }
}

/// The unit of the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
}

impl Unit {
    pub fn text(self, value: f64) -> String {
        match self {
            Unit::Count => grouped(value),
            Unit::Bytes if value >= 1e6 => format!("{} MB", value / 1e6),
            Unit::Bytes => format!("{} KB", value / 1e3),
        }
    }
}

pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Whether the request is refused, which is drawn as an empty marker.
    pub is_refused: bool,
}

pub struct Curve {
    pub kind: Kind,
    pub points: Vec<Point>,
}

pub struct Plot<'a> {
    pub title: &'a str,
    pub x_label: &'a str,
    pub x_unit: Unit,
    /// The horizontal axis is always logarithmic.
    pub is_y_logarithmic: bool,
    pub curves: Vec<Curve>,
    /// The machine and the versions.
    pub source: &'a str,
}

impl Plot<'_> {
    pub fn to_svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let x = Axis::new(
            Scale::Logarithmic,
            points().map(|point| point.x),
            [LEFT + 16.0, RIGHT - 16.0],
        );
        let y_scale = if self.is_y_logarithmic {
            Scale::Logarithmic
        } else {
            Scale::FromZero
        };
        let y = Axis::new(y_scale, points().map(|point| point.y), [BOTTOM, TOP]);
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>{}</title>
<style>{}</style>
<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>
"#,
            escaped(self.title),
            style::css()
        );
        svg.push_str(&text(
            LEFT,
            26.0,
            "start",
            r#" font-size="15" font-weight="600""#,
            self.title,
        ));
        self.legend(&mut svg);
        self.grid(&mut svg, &x, &y);
        for curve in &self.curves {
            self.curve(&mut svg, curve, &x, &y);
        }
        svg.push_str(&text(
            RIGHT,
            HEIGHT - 14.0,
            "end",
            r#" font-size="11""#,
            self.source,
        ));
        svg.push_str("</svg>\n");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let mut left = LEFT;
        let mut add = |svg: &mut String, kind: Kind, is_refused: bool, label: &str| {
            let class = kind.class();
            let fill = if is_refused { " refused" } else { "" };
            let _ = writeln!(
                svg,
                r#"<{} class="{class} marker{fill}"/>"#,
                kind.marker(left + 5.0, 52.0)
            );
            svg.push_str(&text(left + 16.0, 56.5, "start", "", label));
            left += 40.0 + 7.2 * label.len() as f64;
        };
        for curve in &self.curves {
            add(svg, curve.kind, false, curve.kind.name());
        }
        let mut refused = self.curves.iter().filter(|curve| {
            let mut points = curve.points.iter();
            points.any(|point| point.is_refused)
        });
        if let Some(curve) = refused.next_back() {
            add(svg, curve.kind, true, "refused: longer than the limit");
        }
    }

    fn grid(&self, svg: &mut String, x: &Axis, y: &Axis) {
        for value in y.ticks() {
            let at = y.position(value);
            let _ = writeln!(svg, r#"<path class="grid" d="M{LEFT} {at:.1}H{RIGHT}"/>"#);
            svg.push_str(&text(LEFT - 8.0, at + 4.5, "end", "", &grouped(value)));
        }
        let first = self.curves.first().map(|curve| &curve.points);
        for point in first.into_iter().flatten() {
            let at = x.position(point.x);
            let _ = writeln!(svg, r#"<path class="grid" d="M{at:.1} {TOP}V{BOTTOM}"/>"#);
            svg.push_str(&text(
                at,
                BOTTOM + 20.0,
                "middle",
                "",
                &self.x_unit.text(point.x),
            ));
        }
        let middle = (LEFT + RIGHT) / 2.0;
        svg.push_str(&text(middle, BOTTOM + 42.0, "middle", "", self.x_label));
        let rotation = format!(r#" transform="rotate(-90 18 {0})""#, (TOP + BOTTOM) / 2.0);
        svg.push_str(&text(
            18.0,
            (TOP + BOTTOM) / 2.0,
            "middle",
            &rotation,
            Y_LABEL,
        ));
    }

    fn curve(&self, svg: &mut String, curve: &Curve, x: &Axis, y: &Axis) {
        let class = curve.kind.class();
        // No line leads to a refused request, whose cost is not comparable.
        let line: Vec<String> = curve
            .points
            .iter()
            .filter(|point| !point.is_refused)
            .map(|point| format!("{:.1},{:.1}", x.position(point.x), y.position(point.y)))
            .collect();
        let _ = writeln!(
            svg,
            r#"<polyline class="{class} line" points="{}"/>"#,
            line.join(" ")
        );
        for point in &curve.points {
            let marker = curve.kind.marker(x.position(point.x), y.position(point.y));
            let (element, _) = marker.split_once(' ').unwrap_or_default();
            let refused = if point.is_refused { " refused" } else { "" };
            let (at, value) = (self.x_unit.text(point.x), grouped(point.y.round()));
            let _ = writeln!(
                svg,
                r#"<{marker} class="{class} marker{refused}"><title>{}, {at}: {value} µs</title></{element}>"#,
                curve.kind.name(),
            );
        }
    }
}

fn text(x: f64, y: f64, anchor: &str, attributes: &str, content: &str) -> String {
    let content = escaped(content);
    format!(
        "<text class=\"text\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{attributes}>{content}</text>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A number with commas between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value}");
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(is_y_logarithmic: bool) -> String {
        let point = |x, y, is_refused| Point { x, y, is_refused };
        let curve = |kind, factor: f64| Curve {
            kind,
            points: vec![
                point(10.0, 20.0 * factor, false),
                point(1000.0, 2_000.0 * factor, false),
                point(10_000.0, 30.0, kind == Kind::Ours),
            ],
        };
        let plot = Plot {
            title: "Events & <more>",
            x_label: "events",
            x_unit: Unit::Count,
            is_y_logarithmic,
            curves: vec![curve(Kind::Native, 1.0), curve(Kind::Ours, 2.0)],
            source: "a machine",
        };
        plot.to_svg()
    }

    /// The vertical positions of a curve's points.
    fn heights(svg: &str, class: &str) -> Vec<f64> {
        let start = format!("<polyline class=\"{class} line\" points=\"");
        let (_, points) = svg.split_once(&start).unwrap();
        let (points, _) = points.split_once('"').unwrap();
        points
            .split(' ')
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect()
    }

    #[test]
    fn larger_value_is_higher_and_refused_point_is_not_connected() {
        for is_y_logarithmic in [true, false] {
            let svg = plot(is_y_logarithmic);
            let (native, ours) = (heights(&svg, "native"), heights(&svg, "ours"));
            assert_eq!((native.len(), ours.len()), (3, 2), "{svg}");
            assert!(ours[1] < native[1] && native[1] < native[0], "{svg}");
            assert!(
                native
                    .iter()
                    .chain(&ours)
                    .all(|y| (TOP..=BOTTOM).contains(y))
            );
            assert_eq!(svg.matches("marker refused").count(), 2, "{svg}");
            assert!(svg.contains("<title>ours, 1,000: 4,000 µs</title></circle>"));
        }
    }

    #[test]
    fn plot_is_well_formed_xml() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), plot(true)).unwrap();
        let check = "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])";
        let python = std::process::Command::new("python3")
            .args(["-c", check])
            .arg(file.path())
            .status();
        assert!(python.unwrap().success(), "{}", plot(true));
    }

    #[test]
    fn numbers_are_written_with_units_and_commas() {
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(grouped(0.5), "0.5");
        assert_eq!(Unit::Bytes.text(1_000.0), "1 KB");
        assert_eq!(Unit::Bytes.text(10_000_000.0), "10 MB");
    }
}
