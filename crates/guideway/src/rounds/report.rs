//! Reports that people open: one page as HTML with its plots inside, and as Markdown with its plots beside.

use std::path::{Path, PathBuf};

use guideway_core::BBox;
use guideway_ingest::media::MediaReader;
use guideway_label::{Currency, Money};
use guideway_schema::{LabelRow, SelectionRow};
use image::{Rgb, RgbImage};

use super::file::LoopFile;
use super::{LoopReport, Round};
use crate::atomic::write_atomic;
use crate::dataset::ids;
use crate::error::Error;
use crate::plot::{LinePlot, Series};
use crate::workspace::{Workspace, quote};

/// Pictures shown of each round.
const PICTURES: usize = 6;
/// Their width, px.
const PICTURE_WIDTH: u32 = 320;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:1040px;margin:2em auto;padding:0 1em;color:#222}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;margin:.8em 0}\
th,td{padding:.25em .8em;text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}\
th{border-bottom:2px solid #999}figure{display:inline-block;margin:.4em .8em .4em 0;vertical-align:top}\
figcaption{font-size:12px;color:#555;max-width:320px}img{max-width:320px}svg{max-width:100%;height:auto}";

/// A part of a page.
#[derive(Debug, Clone)]
enum Block {
    Heading(String),
    Text(String),
    Table(Vec<String>, Vec<Vec<String>>),
    Plot { file: String, title: String, svg: String },
    Pictures(Vec<(String, String)>),
}

/// A report page: headings, text, tables, plots and pictures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    title: String,
    blocks: Vec<Block>,
}

impl Page {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub(crate) fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        self.blocks.push(Block::Table(head, rows));
    }

    /// A plot, also kept as a file of its own.
    pub(crate) fn plot(&mut self, file: &str, plot: &LinePlot) -> Result<(), Error> {
        self.blocks.push(Block::Plot {
            file: file.to_owned(),
            title: plot.title.clone(),
            svg: plot.to_svg()?,
        });
        Ok(())
    }

    /// Pictures that lie beside the page: file and caption.
    pub(crate) fn pictures(&mut self, pictures: Vec<(String, String)>) {
        if !pictures.is_empty() {
            self.blocks.push(Block::Pictures(pictures));
        }
    }

    fn html(&self) -> String {
        let row = |tag: &str, cells: &[String]| {
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)))
                .collect();
            format!("<tr>{}</tr>\n", cells.concat())
        };
        let mut parts = vec![format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style></head>\n\
             <body>\n<h1>{0}</h1>\n",
            escape(&self.title)
        )];
        for block in &self.blocks {
            match block {
                Block::Heading(text) => parts.push(format!("<h2>{}</h2>\n", escape(text))),
                Block::Text(text) => parts.push(format!("<p>{}</p>\n", escape(text))),
                Block::Table(head, rows) => {
                    parts.push("<table>".to_owned());
                    parts.push(row("th", head));
                    parts.extend(rows.iter().map(|cells| row("td", cells)));
                    parts.push("</table>\n".to_owned());
                }
                Block::Plot { svg, .. } => parts.push(format!("<p>{svg}</p>\n")),
                Block::Pictures(pictures) => parts.extend(pictures.iter().map(|(file, caption)| {
                    let (file, caption) = (escape(file), escape(caption));
                    format!(
                        "<figure><img src=\"{file}\" alt=\"{caption}\"><figcaption>{caption}</figcaption></figure>\n"
                    )
                })),
            }
        }
        parts.push("</body></html>\n".to_owned());
        parts.concat()
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut parts = vec![format!("# {}\n", self.title)];
        for block in &self.blocks {
            parts.push("\n".to_owned());
            match block {
                Block::Heading(text) => parts.push(format!("## {text}\n")),
                Block::Text(text) => parts.push(format!("{text}\n")),
                Block::Table(head, rows) => {
                    let rule = (0..head.len()).map(|at| if at == 0 { "---" } else { "---:" }.to_owned());
                    parts.push(line(head));
                    parts.push(line(&rule.collect::<Vec<String>>()));
                    parts.extend(rows.iter().map(|cells| line(cells)));
                }
                Block::Plot { file, title, .. } => parts.push(format!("![{title}]({file})\n")),
                Block::Pictures(pictures) => {
                    parts.extend(pictures.iter().map(|(file, caption)| format!("![{caption}]({file})\n")));
                }
            }
        }
        parts.concat()
    }

    /// Writes `index.html`, `report.md` and the plots; the first two are returned.
    pub(crate) fn write(&self, dir: &Path) -> Result<Vec<PathBuf>, Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error::io("make the folder", dir, source))?;
        for block in &self.blocks {
            if let Block::Plot { file, svg, .. } = block {
                write_atomic(&dir.join(file), svg.as_bytes())?;
            }
        }
        let (html, markdown) = (dir.join("index.html"), dir.join("report.md"));
        write_atomic(&html, self.html().as_bytes())?;
        write_atomic(&markdown, self.markdown().as_bytes())?;
        Ok(vec![html, markdown])
    }
}

/// Text that means itself in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number with four digits, or a dash.
pub(crate) fn digits(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

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
        page.write(&dir)
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
            // A picture of another kind, or whose log is gone by now, is not shown, and is no reason to have no report.
            let Some(image) = media
                .fetch(frame)
                .ok()
                .and_then(|found| image::load_from_memory(&found.bytes).ok())
            else {
                continue;
            };
            let scale = f64::from(PICTURE_WIDTH) / f64::from(image.width().max(1));
            let height = (f64::from(image.height()) * scale).round().max(1.0) as u32;
            let mut small = image
                .resize_exact(PICTURE_WIDTH, height, image::imageops::FilterType::Triangle)
                .to_rgb8();
            let drawn = labels.iter().filter(|label| label.frame_id == row.frame_id);
            for label in drawn.filter(|label| classes.is_empty() || classes.contains(&label.class)) {
                if let [Some(x_min), Some(y_min), Some(x_max), Some(y_max)] =
                    [label.x_min, label.y_min, label.x_max, label.y_max]
                {
                    let bbox = BBox::new(x_min * scale, y_min * scale, x_max * scale, y_max * scale);
                    frame_box(&mut small, bbox);
                }
            }
            let name = format!("{}.jpg", row.frame_id.get(..16).unwrap_or(&row.frame_id));
            let path = folder.join(&name);
            let mut bytes = std::io::Cursor::new(Vec::new());
            if small.write_to(&mut bytes, image::ImageFormat::Jpeg).is_ok() {
                write_atomic(&path, bytes.get_ref())?;
                pictures.push((format!("pictures/{name}"), caption(&row)));
            }
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

/// Draws the outline of a box.
fn frame_box(image: &mut RgbImage, b: BBox) {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let b = b.clip(width - 1.0, height - 1.0);
    let [x0, y0, x1, y1] = [b.x_min, b.y_min, b.x_max, b.y_max].map(|v| v.max(0.0) as u32);
    for x in x0..=x1 {
        image.put_pixel(x, y0, Rgb([255, 200, 40]));
        image.put_pixel(x, y1, Rgb([255, 200, 40]));
    }
    for y in y0..=y1 {
        image.put_pixel(x0, y, Rgb([255, 200, 40]));
        image.put_pixel(x1, y, Rgb([255, 200, 40]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_in_html_and_markdown() {
        let mut page = Page::new("A & B");
        page.text("x < y");
        page.table(&["round", "KPI"], vec![vec!["0".to_owned(), digits(None)]]);
        let (html, markdown) = (page.html(), page.markdown());
        assert!(
            html.contains("<h1>A &amp; B</h1>") && html.contains("x &lt; y"),
            "{html}"
        );
        assert!(html.contains("<td>0</td><td>–</td>"), "{html}");
        assert!(
            markdown.contains("| round | KPI |\n| --- | ---: |\n| 0 | – |"),
            "{markdown}"
        );
    }

    #[test]
    fn outlines_stay_inside() {
        let mut image = RgbImage::new(8, 4);
        frame_box(&mut image, BBox::new(-5.0, 1.0, 100.0, 100.0));
        assert_eq!(image.get_pixel(7, 3), &Rgb([255, 200, 40]));
        assert_eq!(image.get_pixel(3, 2), &Rgb([0, 0, 0]));
    }
}
