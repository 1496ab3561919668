//! Colours, by the theme of the page. An image has its own background, since its page need not follow the system's theme.

struct Theme {
    page: &'static str,
    text: &'static str,
    grid: &'static str,
    none: &'static str,
    native: &'static str,
    ours: &'static str,
}

const LIGHT: Theme = Theme {
    page: "#ffffff",
    text: "#1f2328",
    grid: "#d8dee4",
    none: "#6b7280",
    native: "#b45309",
    ours: "#1d4ed8",
};
const DARK: Theme = Theme {
    page: "#0d1117",
    text: "#e6edf3",
    grid: "#30363d",
    none: "#9ca3af",
    native: "#f59e0b",
    ours: "#60a5fa",
};

pub fn css() -> String {
    format!(
        ".line{{fill:none;stroke-width:2}}.grid{{fill:none;stroke-width:1}}.marker{{stroke-width:2}}{}\
         @media (prefers-color-scheme: dark){{{}}}",
        LIGHT.css(),
        DARK.css()
    )
}

impl Theme {
    fn css(&self) -> String {
        let Theme {
            page,
            text,
            grid,
            none,
            native,
            ours,
        } = self;
        let curves = [("none", none), ("native", native), ("ours", ours)].map(|(class, colour)| {
            format!(".{class}{{stroke:{colour}}}.{class}.marker{{fill:{colour}}}")
        });
        format!(
            ".page{{fill:{page}}}.text{{fill:{text}}}.grid{{stroke:{grid}}}{}.marker.refused{{fill:{page}}}",
            curves.concat()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let channel = |index: usize| {
            let value = u8::from_str_radix(&colour[index..index + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(luminance);
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_and_curves_are_readable_in_both_themes() {
        for theme in [&LIGHT, &DARK] {
            assert!(contrast(theme.text, theme.page) >= 7.0);
            for curve in [theme.none, theme.native, theme.ours] {
                assert!(
                    contrast(curve, theme.page) >= 4.5,
                    "{curve} on {}",
                    theme.page
                );
            }
        }
        let css = css();
        let (light, dark) = css
            .split_once("@media (prefers-color-scheme: dark)")
            .unwrap();
        assert!(
            light.contains(LIGHT.text) && dark.contains(DARK.text),
            "{css}"
        );
    }
}
