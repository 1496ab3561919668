//! Axes: where a value is drawn, and which values are labelled.

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Logarithmic,
    /// A linear scale that starts at zero.
    FromZero,
}

pub struct Axis {
    scale: Scale,
    /// The least and the greatest value that is drawn.
    range: [f64; 2],
    /// Their positions.
    ends: [f64; 2],
}

impl Axis {
    /// An axis that contains these values.
    pub fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone, ends: [f64; 2]) -> Axis {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(f64::NEG_INFINITY, f64::max);
        let range = match scale {
            Scale::Logarithmic => [least, greatest],
            Scale::FromZero => [0.0, greatest],
        };
        Axis { scale, range, ends }
    }

    pub fn position(&self, value: f64) -> f64 {
        let along = |value: f64| match self.scale {
            Scale::Logarithmic => value.log10(),
            Scale::FromZero => value,
        };
        let [least, greatest] = self.range.map(along);
        let share = (along(value) - least) / (greatest - least);
        let [from, to] = self.ends;
        from + share * (to - from)
    }

    /// Returns the values that are labelled: 1, 2 or 5 times a power of ten.
    pub fn ticks(&self) -> Vec<f64> {
        let [least, greatest] = self.range;
        match self.scale {
            Scale::Logarithmic => {
                let powers = least.log10().floor() as i32..=greatest.log10().ceil() as i32;
                let all =
                    powers.flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
                let inside: Vec<f64> = all
                    .filter(|tick| (least..=greatest).contains(tick))
                    .collect();
                if inside.len() <= MOST_TICKS {
                    return inside;
                }
                let is_power = |tick: &f64| tick.log10().fract().abs() < 1e-9;
                inside.into_iter().filter(is_power).collect()
            }
            Scale::FromZero => {
                let rough = greatest / MOST_TICKS as f64;
                let power = 10_f64.powf(rough.log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
                let step = steps.into_iter().find(|step| *step >= rough);
                let step = step.unwrap_or(10.0 * power);
                let count = (greatest / step).floor() as u32;
                (0..=count).map(|index| f64::from(index) * step).collect()
            }
        }
    }
}

const MOST_TICKS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axis_has_equal_steps_for_equal_ratios() {
        let axis = Axis::new(Scale::Logarithmic, [10.0, 1000.0].into_iter(), [0.0, 200.0]);
        let positions = [10.0, 100.0, 1000.0].map(|value| axis.position(value).round());
        assert_eq!(positions, [0.0, 100.0, 200.0]);
        assert_eq!(
            axis.ticks(),
            [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        );
        let long = Axis::new(Scale::Logarithmic, [10.0, 1e6].into_iter(), [0.0, 1.0]);
        assert_eq!(long.ticks(), [1e1, 1e2, 1e3, 1e4, 1e5, 1e6]);
    }

    #[test]
    fn linear_axis_starts_at_zero_and_has_round_ticks() {
        let axis = Axis::new(Scale::FromZero, [120.0, 380.0].into_iter(), [300.0, 0.0]);
        assert_eq!(axis.position(0.0), 300.0);
        assert_eq!(axis.position(380.0), 0.0);
        assert_eq!(
            axis.ticks(),
            [0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0]
        );
    }
}
