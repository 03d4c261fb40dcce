//! How diverse many frames are: what is in them, how large, how far, how hidden, how bright, when.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Serialize;

use super::camera::FrameLabels;
use crate::WorldError;
use crate::params::SceneParams;
use crate::render::CameraFrame;

/// Counts of values between edges: `counts[0]` is below `edges[0]`, `counts[i]` from `edges[i − 1]` to below `edges[i]`, the
/// last at or above the last edge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Rising.
    pub edges: Vec<f64>,
    /// One more than edges.
    pub counts: Vec<u64>,
}

impl Histogram {
    fn new(edges: &[f64]) -> Self {
        Self {
            edges: edges.to_vec(),
            counts: vec![0; edges.len() + 1],
        }
    }

    fn add(&mut self, value: f64) {
        self.counts[self.edges.partition_point(|edge| *edge <= value)] += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// Names of the bins with their counts.
    fn rows(&self) -> Vec<(String, u64)> {
        (0..self.counts.len())
            .map(|i| {
                let name = match (i.checked_sub(1).and_then(|j| self.edges.get(j)), self.edges.get(i)) {
                    (None, Some(high)) => format!("< {high}"),
                    (Some(low), Some(high)) => format!("{low} – {high}"),
                    (Some(low), None) => format!("≥ {low}"),
                    (None, None) => String::new(),
                };
                (name, self.counts[i])
            })
            .collect()
    }
}

/// Counts of words.
type Words = BTreeMap<String, u64>;

/// What many frames hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiversityReport {
    /// Frames counted.
    pub frames: u64,
    /// Objects counted.
    pub objects: u64,
    /// Objects of each class.
    pub classes: Words,
    /// Objects of each class and kind, `car/sedan`.
    pub kinds: Words,
    /// What objects do.
    pub activities: Words,
    /// Frames in each weather.
    pub weather: Words,
    /// Frames at each time of day.
    pub time_of_day: Words,
    /// Frames on each kind of road.
    pub road: Words,
    /// Frames in each density of traffic.
    pub traffic: Words,
    /// States of the traffic lights in view.
    pub signals: Words,
    /// Objects in a frame.
    pub objects_per_frame: Histogram,
    /// Height of visible boxes, px.
    pub box_height_px: Histogram,
    /// Distance, m.
    pub distance_m: Histogram,
    /// Occlusion, fraction.
    pub occlusion: Histogram,
    /// Truncation, fraction.
    pub truncation: Histogram,
    /// Speed, m/s.
    pub speed_mps: Histogram,
    /// Mean of a frame's luma (ITU-R BT.709), 0 to 255.
    pub brightness: Histogram,
    /// Local solar time, h.
    pub hour: Histogram,
}

impl Default for DiversityReport {
    fn default() -> Self {
        let tenths: Vec<f64> = (1..10).map(|i| f64::from(i) / 10.0).collect();
        let mut shares = vec![0.001];
        shares.extend(&tenths);
        Self {
            frames: 0,
            objects: 0,
            classes: Words::new(),
            kinds: Words::new(),
            activities: Words::new(),
            weather: Words::new(),
            time_of_day: Words::new(),
            road: Words::new(),
            traffic: Words::new(),
            signals: Words::new(),
            objects_per_frame: Histogram::new(&[1.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0]),
            box_height_px: Histogram::new(&[4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0]),
            distance_m: Histogram::new(&[5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 200.0]),
            occlusion: Histogram::new(&shares),
            truncation: Histogram::new(&shares),
            speed_mps: Histogram::new(&[0.05, 1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 20.0, 30.0]),
            brightness: Histogram::new(&[10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 190.0]),
            hour: Histogram::new(&[2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0]),
        }
    }
}

impl DiversityReport {
    /// Counts a frame.
    pub fn add(&mut self, params: &SceneParams, frame: &CameraFrame, labels: &FrameLabels) {
        self.frames += 1;
        self.objects += labels.objects.len() as u64;
        let count = |words: &mut Words, word: &str| *words.entry(word.to_owned()).or_default() += 1;
        let scene = &labels.scene;
        count(&mut self.weather, scene.weather);
        count(&mut self.time_of_day, scene.time_of_day);
        count(&mut self.road, scene.road);
        count(&mut self.traffic, scene.traffic);
        for (_, state) in &labels.signals {
            count(&mut self.signals, super::things::signal_word(*state));
        }
        self.objects_per_frame.add(labels.objects.len() as f64);
        self.brightness.add(brightness(&frame.rgb));
        self.hour.add(params.time.hour);
        for object in &labels.objects {
            count(&mut self.classes, object.class.name());
            count(&mut self.kinds, &format!("{}/{}", object.class.name(), object.kind));
            if let Some(activity) = object.attributes.get("activity") {
                count(&mut self.activities, activity);
            }
            self.box_height_px.add(object.visible.height());
            self.distance_m.add(object.distance_m);
            self.occlusion.add(object.occlusion);
            self.truncation.add(object.truncation);
            let [x, y, z] = object.velocity;
            self.speed_mps.add((x * x + y * y + z * z).sqrt());
        }
    }

    /// Adds another report's counts.
    pub fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        self.objects += other.objects;
        for (mine, theirs) in self.words_mut().into_iter().zip(other.words()) {
            for (word, count) in theirs.1 {
                *mine.entry(word.clone()).or_default() += count;
            }
        }
        for (mine, theirs) in self.histograms_mut().into_iter().zip(other.histograms()) {
            mine.merge(theirs.1);
        }
    }

    fn words(&self) -> [(&'static str, &Words); 8] {
        [
            ("Objects by class", &self.classes),
            ("Objects by kind", &self.kinds),
            ("Objects by activity", &self.activities),
            ("Frames by weather", &self.weather),
            ("Frames by time of day", &self.time_of_day),
            ("Frames by road", &self.road),
            ("Frames by traffic", &self.traffic),
            ("Traffic lights by state", &self.signals),
        ]
    }

    fn words_mut(&mut self) -> [&mut Words; 8] {
        [
            &mut self.classes,
            &mut self.kinds,
            &mut self.activities,
            &mut self.weather,
            &mut self.time_of_day,
            &mut self.road,
            &mut self.traffic,
            &mut self.signals,
        ]
    }

    fn histograms(&self) -> [(&'static str, &Histogram); 8] {
        [
            ("Objects in a frame", &self.objects_per_frame),
            ("Height of visible box, px", &self.box_height_px),
            ("Distance, m", &self.distance_m),
            ("Occlusion", &self.occlusion),
            ("Truncation", &self.truncation),
            ("Speed, m/s", &self.speed_mps),
            ("Mean brightness of frame, 0–255", &self.brightness),
            ("Solar time of frame, h", &self.hour),
        ]
    }

    fn histograms_mut(&mut self) -> [&mut Histogram; 8] {
        [
            &mut self.objects_per_frame,
            &mut self.box_height_px,
            &mut self.distance_m,
            &mut self.occlusion,
            &mut self.truncation,
            &mut self.speed_mps,
            &mut self.brightness,
            &mut self.hour,
        ]
    }

    /// The counts as JSON.
    ///
    /// # Errors
    /// None in practice: counts always serialise.
    pub fn to_json(&self) -> Result<String, WorldError> {
        serde_json::to_string_pretty(self).map_err(|err| plot_error(&err))
    }

    /// All counts as bars, one SVG document.
    ///
    /// # Errors
    /// [`WorldError::Syntax`] when the drawing backend fails.
    pub fn to_svg(&self) -> Result<String, WorldError> {
        let mut panels: Vec<(&str, Vec<(String, u64)>)> = Vec::new();
        for (title, words) in self.words() {
            let mut rows: Vec<(String, u64)> = words.iter().map(|(word, count)| (word.clone(), *count)).collect();
            rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            if rows.len() > MOST_ROWS {
                let rest: u64 = rows[MOST_ROWS - 1..].iter().map(|(_, count)| count).sum();
                let others = rows.len() - (MOST_ROWS - 1);
                rows.truncate(MOST_ROWS - 1);
                rows.push((format!("{others} others"), rest));
            }
            panels.push((title, rows));
        }
        panels.extend(self.histograms().map(|(title, histogram)| (title, histogram.rows())));
        let heights: Vec<i32> = panels
            .chunks(COLUMNS)
            .map(|row| row.iter().map(|(_, rows)| panel_height(rows.len())).max().unwrap_or(0))
            .collect();
        let size = (PANEL_W * COLUMNS as i32 + 20, HEADER + heights.iter().sum::<i32>());
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (size.0 as u32, size.1 as u32)).into_drawing_area();
            self.draw(&root, &panels, &heights).map_err(|err| plot_error(&err))?;
        }
        Ok(svg)
    }

    fn draw(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        panels: &[(&str, Vec<(String, u64)>)],
        heights: &[i32],
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        root.fill(&WHITE)?;
        let title = format!("{} frames, {} objects", self.frames, self.objects);
        root.draw(&Text::new(title, (14, 12), ("sans-serif", 20).into_font()))?;
        let mut top = HEADER;
        for (row, height) in panels.chunks(COLUMNS).zip(heights) {
            for (column, (title, rows)) in row.iter().enumerate() {
                draw_panel(root, (14 + PANEL_W * column as i32, top), title, rows)?;
            }
            top += height;
        }
        root.present()
    }
}

const COLUMNS: usize = 4;
const MOST_ROWS: usize = 24;
const PANEL_W: i32 = 330;
const ROW_H: i32 = 17;
const HEADER: i32 = 46;
const LABEL_W: i32 = 130;
const BAR: RGBColor = RGBColor(0, 114, 178);

fn panel_height(rows: usize) -> i32 {
    40 + ROW_H * rows.max(1) as i32
}

fn draw_panel(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    (left, top): (i32, i32),
    title: &str,
    rows: &[(String, u64)],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let font = |size: f64| ("sans-serif", size).into_font();
    root.draw(&Text::new(title.to_owned(), (left, top), font(18.0)))?;
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let full = PANEL_W - LABEL_W - 70;
    for (i, (name, count)) in rows.iter().enumerate() {
        let y = top + 22 + ROW_H * i as i32;
        let length = (count * full as u64).div_ceil(most) as i32;
        let right = TextStyle::from(font(14.5)).pos(Pos::new(HPos::Right, VPos::Center));
        let start = TextStyle::from(font(14.5)).pos(Pos::new(HPos::Left, VPos::Center));
        let middle = y + ROW_H / 2;
        root.draw(&Text::new(name.clone(), (left + LABEL_W - 6, middle), right))?;
        root.draw(&Rectangle::new(
            [(left + LABEL_W, y + 2), (left + LABEL_W + length, y + ROW_H - 3)],
            BAR.filled(),
        ))?;
        let after = (left + LABEL_W + length + 5, middle);
        root.draw(&Text::new(count.to_string(), after, start))?;
    }
    Ok(())
}

fn plot_error(err: &dyn std::error::Error) -> WorldError {
    WorldError::Syntax {
        origin: "diversity report".to_owned(),
        problem: err.to_string(),
        hint: WorldError::OUR_FAULT,
    }
}

/// Mean luma (ITU-R BT.709) of an image, 0 to 255.
fn brightness(rgb: &[u8]) -> f64 {
    let mut sum = [0_u64; 3];
    for pixel in rgb.as_chunks::<3>().0 {
        for (total, value) in sum.iter_mut().zip(pixel) {
            *total += u64::from(*value);
        }
    }
    let pixels = (rgb.len() / 3).max(1) as f64;
    (0.2126 * sum[0] as f64 + 0.7152 * sum[1] as f64 + 0.0722 * sum[2] as f64) / pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_what_lies_between_their_edges() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.99, 2.0, 7.0, f64::INFINITY] {
            histogram.add(value);
        }
        assert_eq!(histogram.counts, [1, 2, 3]);
        assert_eq!(histogram.rows()[1], ("1 – 2".to_owned(), 2));
    }

    #[test]
    fn a_report_without_frames_can_be_drawn_and_merged() {
        let mut report = DiversityReport::default();
        report.classes.insert("car".to_owned(), 3);
        report.hour.add(12.5);
        let mut sum = DiversityReport::default();
        sum.merge(&report);
        sum.merge(&report);
        assert_eq!(sum.classes["car"], 6);
        assert_eq!(sum.hour.counts.iter().sum::<u64>(), 2);
        assert!(sum.to_svg().unwrap().contains("Distance, m"));
        assert!(sum.to_json().unwrap().contains("\"car\": 6"));
    }

    #[test]
    fn brightness_of_white_is_255() {
        assert!((brightness(&[255; 300]) - 255.0).abs() < 1e-9);
        assert_eq!(brightness(&[]), 0.0);
    }
}
