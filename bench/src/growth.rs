//! How the cost of a request grows with the number of events, the length of the prompt, the number of tokens and the number of
//! issuers: for our filter, the native chain and no filter. `make growth` draws the plots of docs/.

mod charts;
mod plot;

use std::{collections::HashSet, error::Error, fmt::Write as _, fs, time::Instant};

use testbed::envoy::workspace_root;

use crate::{
    measure, process,
    report::Samples,
    rows::Row,
    run::{rounds, versions},
    stage::Stage,
};
use charts::Chart;
use plot::{Curve, Plot};

const DEFAULT_ROUNDS: usize = 3;

/// A measured point of a curve.
struct Point {
    x: usize,
    row: Row,
}

/// Measures all charts and writes their plots.
pub async fn run() -> Result<bool, Box<dyn Error>> {
    let started = Instant::now();
    let rounds = rounds(DEFAULT_ROUNDS)?;
    println!("    signing tokens");
    let stage = Stage::start().await?;
    let charts = charts::all(&stage.entra);
    let listeners = charts::listeners(&stage.entra);
    println!("    starting Envoy");
    let envoy = stage.envoy(&listeners).await?;
    let rows = || charts.iter().flat_map(Chart::rows);
    let mut checked = HashSet::new();
    for row in rows() {
        // The first row of a listener shows how all its rows are verified.
        if checked.insert(row.listener) {
            let prepared = measure::prepare(&envoy, row).await;
            prepared.map_err(|error| format!("{}: {error}", row.name))?;
        }
    }
    let mut samples = Samples::default();
    for round in 1..=rounds {
        println!("    round {round} of {rounds}");
        for row in rows() {
            let sample = measure::sample(&envoy, row).await;
            let sample = sample.map_err(|error| format!("{}: {error}", row.name))?;
            samples.0.entry(row.name).or_default().push(sample);
        }
    }
    let source = format!("{}; {}", process::machine(), versions()?);
    for chart in &charts {
        let file = workspace_root().join(format!("docs/growth-{}.svg", chart.name));
        fs::write(&file, plot(chart, &samples, &source).to_svg())?;
        println!("{}", table(chart, &samples));
        println!("    wrote docs/growth-{}.svg", chart.name);
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("    took {minutes:.0} minutes");
    Ok(true)
}

fn plot<'a>(chart: &'a Chart, samples: &Samples, source: &'a str) -> Plot<'a> {
    let curve = |series: &charts::Series| {
        let points = series.points.iter();
        Curve {
            kind: series.kind,
            points: points.map(|point| point.measured(samples)).collect(),
        }
    };
    Plot {
        title: chart.title,
        x_label: chart.x_label,
        x_unit: chart.x_unit,
        is_y_logarithmic: chart.is_y_logarithmic,
        curves: chart.series.iter().map(curve).collect(),
        source,
    }
}

impl Point {
    fn measured(&self, samples: &Samples) -> plot::Point {
        plot::Point {
            x: self.x as f64,
            y: samples.cpu(self.row.name),
            is_refused: self.row.requests.status != 200,
        }
    }
}

/// Returns the measured values, with those of refused requests in parentheses.
fn table(chart: &Chart, samples: &Samples) -> String {
    let kinds: Vec<&str> = chart
        .series
        .iter()
        .map(|series| series.kind.name())
        .collect();
    let mut text = format!(
        "| {} | {} |\n|---|{}\n",
        chart.x_label,
        kinds.join(" | "),
        "---|".repeat(kinds.len())
    );
    let first = chart.series.first().map(|series| &series.points);
    for (index, point) in first.into_iter().flatten().enumerate() {
        let _ = write!(text, "| {} |", chart.x_unit.text(point.x as f64));
        for series in &chart.series {
            let measured = series.points[index].measured(samples);
            let _ = if measured.is_refused {
                write!(text, " ({:.0}) |", measured.y)
            } else {
                write!(text, " {:.0} |", measured.y)
            };
        }
        text.push('\n');
    }
    text
}
