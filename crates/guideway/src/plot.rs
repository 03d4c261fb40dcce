//! Plots as SVG: loss and metric curves, precision–recall, confusion.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::{Error, ErrorKind};

/// Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
    RGBColor(0, 0, 0),
];

/// Up to so many points of a line are marked.
const FEW_POINTS: usize = 12;

/// A named line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points (x, y), x ascending. Points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// A band around them: x, lower end, upper end. May be empty.
    pub band: Vec<(f64, f64, f64)>,
}

/// A line plot.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Title.
    pub title: String,
    /// Name and unit of the x axis.
    pub x_label: String,
    /// Name and unit of the y axis.
    pub y_label: String,
    /// Fixed y range; from the data when `None`.
    pub y_range: Option<(f64, f64)>,
    /// The lines.
    pub series: Vec<Series>,
}

impl LinePlot {
    /// The plot as an SVG document.
    pub fn to_svg(&self) -> Result<String, Error> {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (760, 440)).into_drawing_area();
            self.draw(&root).map_err(|message| ErrorKind::Plot {
                title: self.title.clone(),
                message,
            })?;
        }
        Ok(svg)
    }

    fn draw(&self, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), String> {
        let text = |err: DrawingAreaErrorKind<std::io::Error>| err.to_string();
        root.fill(&WHITE).map_err(text)?;
        let finite = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points
                .iter()
                .copied()
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .collect()
        };
        let mut all: Vec<(f64, f64)> = self.series.iter().flat_map(|series| finite(&series.points)).collect();
        for (x, lower, upper) in self.series.iter().flat_map(|series| &series.band) {
            all.extend(finite(&[(*x, *lower), (*x, *upper)]));
        }
        let (x_min, x_max) = span(all.iter().map(|p| p.0), 0.0);
        let (y_min, y_max) = self.y_range.unwrap_or_else(|| span(all.iter().map(|p| p.1), 0.05));
        let mut chart = ChartBuilder::on(root)
            .caption(&self.title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(x_min..x_max, y_min..y_max)
            .map_err(text)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .draw()
            .map_err(text)?;
        for (index, series) in self.series.iter().enumerate() {
            let color = PALETTE[index % PALETTE.len()];
            let points = finite(&series.points);
            let (below, above): (Vec<_>, Vec<_>) = series
                .band
                .iter()
                .map(|(x, low, high)| ((*x, *low), (*x, *high)))
                .unzip();
            let mut around = finite(&above);
            around.extend(finite(&below).into_iter().rev());
            if around.len() > 3 {
                let area = Polygon::new(around, color.mix(0.15).filled());
                chart.draw_series(std::iter::once(area)).map_err(text)?;
            }
            let drawn = chart
                .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))
                .map_err(text)?;
            drawn
                .label(&series.name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
            if points.len() <= FEW_POINTS {
                chart
                    .draw_series(points.iter().map(|p| Circle::new(*p, 3, color.filled())))
                    .map_err(text)?;
            }
        }
        if self.series.len() > 1 || self.series.iter().any(|series| !series.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.free_corner((x_min, x_max), (y_min, y_max)))
                .background_style(WHITE.mix(0.85))
                .border_style(BLACK.mix(0.2))
                .label_font(("sans-serif", 13))
                .draw()
                .map_err(text)?;
        }
        root.present().map_err(text)
    }

    /// The corner for the legend: where it covers least of the lines.
    fn free_corner(&self, x: (f64, f64), y: (f64, f64)) -> SeriesLabelPosition {
        let part = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        // Points along the lines, as parts of the axes.
        let mut along: Vec<(f64, f64)> = Vec::new();
        for pair in self.series.iter().flat_map(|series| series.points.windows(2)) {
            let steps = 20;
            along.extend((0..=steps).map(|step| {
                let t = f64::from(step) / f64::from(steps);
                let between = |a: f64, b: f64| a + t * (b - a);
                (
                    part(between(pair[0].0, pair[1].0), x),
                    part(between(pair[0].1, pair[1].1), y),
                )
            }));
        }
        let covered = |right: bool, upper: bool| {
            let inside = along
                .iter()
                .filter(|(x, y)| if right { *x > 0.7 } else { *x < 0.3 } && if upper { *y > 0.7 } else { *y < 0.3 });
            inside.count()
        };
        let corners = [
            (SeriesLabelPosition::UpperRight, covered(true, true)),
            (SeriesLabelPosition::LowerRight, covered(true, false)),
            (SeriesLabelPosition::UpperLeft, covered(false, true)),
            (SeriesLabelPosition::LowerLeft, covered(false, false)),
        ];
        let free = corners.into_iter().min_by_key(|(_, covered)| *covered);
        free.map_or(SeriesLabelPosition::UpperRight, |(corner, _)| corner)
    }
}

/// A confusion matrix: rows are labels, columns are predictions, the last of each is "background".
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionPlot {
    /// Title.
    pub title: String,
    /// Names of rows and columns.
    pub names: Vec<String>,
    /// Counts, row-major, `names.len()` squared.
    pub counts: Vec<u64>,
}

impl ConfusionPlot {
    /// The plot as an SVG document. Colours are shares of the row.
    pub fn to_svg(&self) -> Result<String, Error> {
        let cells = self.names.len();
        let cell = if cells <= 12 { 56 } else { 26 };
        let left = 30 + 8 * self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as i32;
        let (top, size) = (70, cell * cells as i32);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, ((left + size + 20) as u32, (top + size + left) as u32))
                .into_drawing_area();
            self.draw(&root, cell, left, top).map_err(|err| ErrorKind::Plot {
                title: self.title.clone(),
                message: err.to_string(),
            })?;
        }
        Ok(svg)
    }

    fn draw(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        cell: i32,
        left: i32,
        top: i32,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        use plotters::style::text_anchor::{HPos, Pos, VPos};
        let cells = self.names.len();
        let font = |size: f64| ("sans-serif", size).into_font();
        let right = Pos::new(HPos::Right, VPos::Center);
        let center = Pos::new(HPos::Center, VPos::Center);
        root.fill(&WHITE)?;
        root.draw(&Text::new(self.title.clone(), (left, 12), font(18.0)))?;
        root.draw(&Text::new("rows: labels, columns: predictions", (left, 38), font(13.0)))?;
        for row in 0..cells {
            let total: u64 = self.counts[row * cells..(row + 1) * cells].iter().sum();
            let y = top + cell * row as i32;
            root.draw(&Text::new(
                self.names[row].clone(),
                (left - 8, y + cell / 2),
                TextStyle::from(font(13.0)).pos(right),
            ))?;
            for column in 0..cells {
                let count = self.counts[row * cells + column];
                let share = if total > 0 { count as f64 / total as f64 } else { 0.0 };
                let x = left + cell * column as i32;
                let shade = |full: u8| (255.0 - (255.0 - f64::from(full)) * share) as u8;
                let fill = RGBColor(shade(0), shade(114), shade(178));
                root.draw(&Rectangle::new([(x, y), (x + cell - 1, y + cell - 1)], fill.filled()))?;
                root.draw(&Rectangle::new([(x, y), (x + cell - 1, y + cell - 1)], BLACK.mix(0.15)))?;
                if count > 0 {
                    let ink = if share > 0.55 { WHITE } else { BLACK };
                    let style = TextStyle::from(font(if cell > 40 { 14.0 } else { 9.0 }))
                        .color(&ink)
                        .pos(center);
                    root.draw(&Text::new(count.to_string(), (x + cell / 2, y + cell / 2), style))?;
                }
            }
        }
        for (column, name) in self.names.iter().enumerate() {
            let x = left + cell * column as i32 + cell / 2;
            let style = TextStyle::from(font(13.0).transform(FontTransform::Rotate270)).pos(right);
            root.draw(&Text::new(name.clone(), (x, top + cell * cells as i32 + 8), style))?;
        }
        root.present()
    }
}

/// Horizontal bars with intervals, from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPlot {
    /// Title.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// Name, value, and lower and upper end of its interval.
    pub bars: Vec<(String, f64, [f64; 2])>,
}

impl BarPlot {
    /// The plot as an SVG document.
    pub fn to_svg(&self) -> Result<String, Error> {
        let mut svg = String::new();
        {
            let height = 74 + 26 * self.bars.len() as u32;
            let root = SVGBackend::with_string(&mut svg, (760, height)).into_drawing_area();
            self.draw(&root).map_err(|err| ErrorKind::Plot {
                title: self.title.clone(),
                message: err.to_string(),
            })?;
        }
        Ok(svg)
    }

    fn draw(&self, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        use plotters::style::text_anchor::{HPos, Pos, VPos};
        let longest = self
            .bars
            .iter()
            .map(|(name, ..)| name.chars().count())
            .max()
            .unwrap_or(0);
        let (left, right, top) = (24 + 8 * longest as i32, 660, 44);
        let most = self.bars.iter().map(|(.., [_, upper])| *upper).fold(0.0, f64::max);
        let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        let x = |value: f64| left + (f64::from(right - left) * (value / most).clamp(0.0, 1.0)) as i32;
        let font = |size: f64| ("sans-serif", size).into_font();
        let aligned = |horizontal| TextStyle::from(font(13.0)).pos(Pos::new(horizontal, VPos::Center));
        root.fill(&WHITE)?;
        root.draw(&Text::new(self.title.clone(), (14, 12), font(18.0)))?;
        for (row, (name, value, [lower, upper])) in self.bars.iter().enumerate() {
            let y = top + 26 * row as i32 + 13;
            root.draw(&Text::new(name.clone(), (left - 8, y), aligned(HPos::Right)))?;
            root.draw(&Rectangle::new(
                [(left, y - 8), (x(*value), y + 8)],
                PALETTE[0].mix(0.75).filled(),
            ))?;
            root.draw(&PathElement::new(
                vec![(x(*lower), y), (x(*upper), y)],
                BLACK.stroke_width(2),
            ))?;
            for end in [lower, upper] {
                root.draw(&PathElement::new(
                    vec![(x(*end), y - 5), (x(*end), y + 5)],
                    BLACK.stroke_width(2),
                ))?;
            }
            let text = format!("{value:.1} {}", self.unit);
            root.draw(&Text::new(text, (x(*upper) + 8, y), aligned(HPos::Left)))?;
        }
        root.present()
    }
}

/// Smallest and largest value with a margin; never empty.
fn span(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| {
        (min.min(v), max.max(v))
    });
    if min > max {
        return (0.0, 1.0);
    }
    let pad = if max > min {
        (max - min) * margin
    } else {
        min.abs().max(1.0) * 0.5
    };
    (min - pad, max + pad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_plot_survives_nan_and_nothing() {
        let mut plot = LinePlot {
            title: "Loss".to_owned(),
            x_label: "step".to_owned(),
            y_label: "loss".to_owned(),
            y_range: None,
            series: vec![],
        };
        assert!(plot.to_svg().unwrap().starts_with("<svg"));
        plot.series.push(Series {
            name: "a".to_owned(),
            points: vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5)],
            band: vec![(0.0, 0.9, 1.1), (2.0, 0.4, f64::NAN)],
        });
        assert!(plot.to_svg().unwrap().contains("polyline"));
    }

    #[test]
    fn bars_stay_inside_whatever_their_values() {
        let mut plot = BarPlot {
            title: "Rates".to_owned(),
            unit: "1/h".to_owned(),
            bars: vec![],
        };
        assert!(plot.to_svg().unwrap().starts_with("<svg"));
        plot.bars.push(("all".to_owned(), 0.0, [0.0, f64::INFINITY]));
        plot.bars.push(("class=car".to_owned(), 12.0, [8.0, 20.0]));
        let svg = plot.to_svg().unwrap();
        assert!(svg.contains("class=car") && svg.contains("12.0 1/h"));
    }

    #[test]
    fn confusion_shows_counts() {
        let plot = ConfusionPlot {
            title: "Confusion".to_owned(),
            names: vec!["car".to_owned(), "background".to_owned()],
            counts: vec![17, 3, 4, 0],
        };
        let svg = plot.to_svg().unwrap();
        assert!(svg.contains("17") && svg.contains("background"));
    }
}
