//! The report of a loop.

use std::path::{Path, PathBuf};

use guideway_core::BBox;
use guideway_ingest::media::MediaReader;
use guideway_label::{Currency, Money};
use guideway_schema::{LabelRow, SelectionRow};

use super::file::LoopFile;
use super::{LoopReport, Round};
use crate::atomic::write_atomic;
use crate::dataset::ids;
use crate::error::Error;
use crate::page::{Page, digits, thumbnail};
use crate::plot::{LinePlot, Series};
use crate::workspace::{Workspace, quote};

/// Pictures shown of each round.
const PICTURES: usize = 6;
/// Their width, px.
const PICTURE_WIDTH: u32 = 320;

impl Workspace {
    /// Writes a loop's report into `reports/loops/NAME`.
    pub(super) fn write_loop_report(
        &self,
        file: &LoopFile,
        report: &LoopReport,
        (currency, labelers): (Currency, &[String]),
    ) -> Result<Vec<PathBuf>, Error> {
        let dir = self.report_dir("loops", &report.name);
        // Exact: computing for a round may cost less than the smallest coin.
        let price = |amount: Money| amount.to_string();
        let mut page = Page::new(format!("Loop {}", report.name));
        page.text(format!(
            "{} rounds with the strategy {}; it ended because {}. The KPI is the {} on the test set, the mean over {}{}.",
            report.rounds.len().saturating_sub(1),
            file.strategy.name(),
            report.ended.in_words(),
            report.kpi,
            match (file.model.members(0), file.model.members(1)) {
                (1, 1) => "one model".to_owned(),
                (first, later) if first == later => format!("{first} models"),
                (first, later) => format!("{first} models in round 0 and {later} later"),
            },
            report
                .goal
                .map(|goal| format!("; the goal is {goal}"))
                .unwrap_or_default(),
        ));
        if let Some((round, model)) = &report.best {
            page.text(format!(
                "The best round is {round}, and the model to go on with {model}: the best on this test set, on which it was chosen."
            ));
        }
        let mut curve = Series {
            name: "KPI".to_owned(),
            points: Vec::new(),
            band: Vec::new(),
        };
        for round in &report.rounds {
            let cost = round.spent.labels(currency).to_f64();
            curve.points.extend(round.kpi.map(|kpi| (cost, kpi)));
        }
        let mut series = vec![curve];
        if let (Some(goal), Some(first), Some(last)) = (report.goal, report.rounds.first(), report.rounds.last()) {
            let at = |round: &Round| round.spent.labels(currency).to_f64();
            series.push(Series {
                name: "goal".to_owned(),
                points: vec![(at(first), goal), (at(last), goal)],
                band: Vec::new(),
            });
        }
        page.plot(
            "kpi.svg",
            &LinePlot {
                title: format!("{} against the cost of labels", report.kpi),
                x_label: format!("labels paid, {}", currency.code()),
                y_label: file.stop.kpi.metric.name().to_owned(),
                y_range: None,
                series,
            },
        )?;
        page.heading("Rounds");
        let mut head = vec!["round", "labelled", "boxes", "learnt from", "KPI"];
        let classes: Vec<String> = report
            .rounds
            .first()
            .map(|round| round.by_class.iter().map(|(class, _)| class.clone()).collect())
            .unwrap_or_default();
        head.extend(classes.iter().map(String::as_str));
        let rows = report.rounds.iter().map(|round| {
            let mut row = vec![
                round.round.to_string(),
                round.frames.to_string(),
                round.boxes.to_string(),
                round.train_frames.to_string(),
                digits(round.kpi),
            ];
            row.extend(round.by_class.iter().map(|(_, value)| digits(*value)));
            row
        });
        page.table(&head, rows.collect());
        page.heading("Ledger");
        page.text("Labels as they were paid; computing by the image, at the loop's prices.");
        let mut rows: Vec<Vec<String>> = report
            .rounds
            .iter()
            .map(|round| {
                vec![
                    round.round.to_string(),
                    price(round.cost.labels(currency)),
                    round.work.trained.to_string(),
                    round.work.predicted.to_string(),
                    price(round.cost.compute(currency)),
                    price(round.spent.total(currency)),
                ]
            })
            .collect();
        let [labels, compute, total] = [
            report.cost.labels(currency),
            report.cost.compute(currency),
            report.cost.total(currency),
        ]
        .map(price);
        let (trained, predicted) = report.rounds.iter().fold((0, 0), |sum, round| {
            (sum.0 + round.work.trained, sum.1 + round.work.predicted)
        });
        rows.push(vec![
            "all".to_owned(),
            labels,
            trained.to_string(),
            predicted.to_string(),
            compute,
            total,
        ]);
        page.table(
            &[
                "round",
                "labels",
                "images trained on",
                "images looked at",
                "computing",
                "spent so far",
            ],
            rows,
        );
        page.heading("What was picked, and why");
        for round in &report.rounds {
            page.text(if round.round == 0 {
                format!("Round 0: {} frames by lot.", round.frames)
            } else {
                format!(
                    "Round {}: {} frames, {} refused.",
                    round.round, round.frames, round.refused
                )
            });
            page.pictures(self.pictures(&dir, &round.selection, (&file.labels.classes, labelers))?);
        }
        Ok(page.write(&dir)?.to_vec())
    }

    /// The first pictures of a selection with the labels that were drawn, into the folder `pictures`: file and caption.
    pub(crate) fn pictures(
        &self,
        dir: &Path,
        selection: &str,
        (classes, labelers): (&[String], &[String]),
    ) -> Result<Vec<(String, String)>, Error> {
        let rows: Vec<SelectionRow> = self.rows(&format!(
            "SELECT * FROM selections WHERE selection = {} AND rank < {PICTURES} ORDER BY rank",
            quote(selection)
        ))?;
        let frames = self.frames_by_id(rows.iter().map(|row| row.frame_id.as_str()))?;
        let labels: Vec<LabelRow> = self.rows(&format!(
            "SELECT l.* FROM labels l WHERE l.source_uri LIKE 'run:%' AND l.labeler IN ({}) AND l.frame_id IN ({}) ORDER BY l.label_id",
            ids(labelers.iter().map(String::as_str)),
            ids(rows.iter().map(|row| row.frame_id.as_str()))
        ))?;
        let folder = dir.join("pictures");
        std::fs::create_dir_all(&folder).map_err(|source| Error::io("make the folder", &folder, source))?;
        let mut media = MediaReader::default();
        let mut pictures = Vec::new();
        for row in rows {
            let Some(frame) = frames.get(&row.frame_id) else {
                continue;
            };
            let drawn = labels.iter().filter(|label| label.frame_id == row.frame_id);
            let boxes: Vec<BBox> = drawn
                .filter(|label| classes.is_empty() || classes.contains(&label.class))
                .filter_map(|label| Some(BBox::new(label.x_min?, label.y_min?, label.x_max?, label.y_max?)))
                .collect();
            // A picture of another kind, or whose log is gone by now, is not shown, and is no reason to have no report.
            let Some(jpeg) = media
                .fetch(frame)
                .ok()
                .and_then(|found| thumbnail(&found.bytes, &boxes, PICTURE_WIDTH))
            else {
                continue;
            };
            let name = format!("{}.jpg", row.frame_id.get(..16).unwrap_or(&row.frame_id));
            let path = folder.join(&name);
            write_atomic(&path, &jpeg)?;
            pictures.push((format!("pictures/{name}"), caption(&row)));
        }
        Ok(pictures)
    }
}

fn caption(row: &SelectionRow) -> String {
    match (&row.class, row.reason.is_some()) {
        (Some(class), true) => format!("{}. wanted for {class}, score {:.3}", row.rank + 1, row.score),
        (Some(class), false) => format!("{}. {class} seen", row.rank + 1),
        (None, _) => format!("{}. by lot", row.rank + 1),
    }
}
