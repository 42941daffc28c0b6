//! Curves as an SVG picture.

use plotters::prelude::*;

/// Points of a curve that are drawn; of more, the means of neighbours.
const POINTS: usize = 500;
const SIZE: (u32, u32) = (520, 300);
const COLOURS: [RGBColor; 2] = [RGBColor(31, 98, 171), RGBColor(208, 93, 32)];

/// A named curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// For the legend.
    pub name: String,
    /// Optimiser steps and values.
    pub points: Vec<(f64, f64)>,
}

/// How the vertical axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By powers of ten; values that are not positive are left out.
    Logarithmic,
}

/// The picture, unless there is nothing to draw.
pub fn svg(curves: &[Curve], scale: Scale) -> Option<String> {
    let value = |y: f64| match scale {
        Scale::Linear => Some(y),
        Scale::Logarithmic => (y > 0.0).then(|| y.log10()),
    };
    let usable = |curve: &Curve| -> Vec<(f64, f64)> {
        let points: Vec<(f64, f64)> = curve.points.iter().filter_map(|&(x, y)| Some((x, value(y)?))).filter(|p| p.1.is_finite()).collect();
        thinned(&points)
    };
    let curves: Vec<(&str, Vec<(f64, f64)>)> = curves.iter().map(|curve| (curve.name.as_str(), usable(curve))).collect();
    let points = || curves.iter().flat_map(|(_, points)| points);
    let end = points().map(|p| p.0).reduce(f64::max)?;
    let (low, high) = (points().map(|p| p.1).reduce(f64::min)?, points().map(|p| p.1).reduce(f64::max)?);
    let (low, high) = match scale {
        Scale::Linear => (low.min(0.0), if high > 0.0 { 1.05 * high } else { 1.0 }),
        Scale::Logarithmic => (low - 0.05, high + 0.05),
    };
    let mut text = String::new();
    draw(&mut text, &curves, (end, low..high), scale).expect("a text takes all that is drawn");
    Some(text)
}

fn draw(
    text: &mut String,
    curves: &[(&str, Vec<(f64, f64)>)],
    (end, range): (f64, std::ops::Range<f64>),
    scale: Scale,
) -> Result<(), Box<dyn std::error::Error>> {
    let label = |y: &f64| match scale {
        Scale::Linear => short(*y),
        Scale::Logarithmic => short(10f64.powf(*y)),
    };
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    let mut builder = ChartBuilder::on(&area);
    builder.margin(8).margin_right(24).x_label_area_size(38).y_label_area_size(58);
    let mut chart = builder.build_cartesian_2d(0.0..end.max(1.0), range)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12)).x_labels(6).y_labels(6);
    mesh.x_label_formatter(&|x| format!("{x:.0}")).y_label_formatter(&label).x_desc("optimiser step").draw()?;
    let drawn = || curves.iter().filter(|(_, points)| !points.is_empty());
    for ((name, points), colour) in drawn().zip(COLOURS.iter().cycle()) {
        let line = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        line.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    if drawn().count() > 1 {
        chart.configure_series_labels().position(SeriesLabelPosition::UpperRight).background_style(WHITE.mix(0.8)).draw()?;
    }
    area.present()?;
    Ok(())
}

/// Means of neighbours, so that at most [`POINTS`] remain.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mean = |part: &[(f64, f64)]| {
        let count = part.len() as f64;
        (part.iter().map(|p| p.0).sum::<f64>() / count, part.iter().map(|p| p.1).sum::<f64>() / count)
    };
    points.chunks(points.len().div_ceil(POINTS).max(1)).map(mean).collect()
}

/// Two or three figures.
fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        a if a < 1e-3 => format!("{x:.1e}"),
        a if a < 0.1 => format!("{x:.4}").trim_end_matches('0').to_owned(),
        a if a < 10.0 => format!("{x:.2}"),
        _ => format!("{x:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_become_few_and_mean_the_same() {
        let points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let few = thinned(&points);
        assert!(few.len() <= POINTS && few.iter().all(|p| (p.1 - 0.5).abs() < 1e-9));
        assert_eq!(thinned(&points[..7]), points[..7]);
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([0.0, 5e-4, 0.02, 0.25, 3.0, 71.6].map(short), ["0", "5.0e-4", "0.02", "0.25", "3.00", "72"]);
    }

    #[test]
    fn nothing_odd_breaks_a_picture() {
        let curve = |points: &[(f64, f64)]| [Curve { name: "<&>".into(), points: points.to_vec() }];
        assert_eq!(svg(&[], Scale::Linear), None);
        assert_eq!(svg(&curve(&[(1.0, 0.0), (2.0, -1.0)]), Scale::Logarithmic), None);
        for points in [&[(0.0, 0.0)][..], &[(10.0, 1e-30)], &[(10.0, f64::NAN), (20.0, 1.0)], &[(1.0, 1.0), (1.0, 1.0)]] {
            for scale in [Scale::Linear, Scale::Logarithmic] {
                assert!(svg(&curve(points), scale).is_none_or(|text| text.starts_with("<svg") && !text.contains("NaN")), "{points:?}");
            }
        }
    }
}
