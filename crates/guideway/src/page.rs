//! Reports that people open: one page as HTML with its plots inside, and as Markdown with its plots beside.

use std::path::{Path, PathBuf};

use guideway_core::BBox;
use image::{Rgb, RgbImage};

use crate::atomic::write_atomic;
use crate::error::Error;
use crate::plot::LinePlot;

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
    Pictures(Vec<Picture>),
}

/// A picture that lies beside a page.
#[derive(Debug, Clone)]
struct Picture {
    file: String,
    caption: String,
    /// Where it leads.
    link: Option<String>,
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

    /// A drawing, also kept as a file of its own.
    pub(crate) fn svg(&mut self, file: &str, title: &str, svg: String) {
        self.blocks.push(Block::Plot {
            file: file.to_owned(),
            title: title.to_owned(),
            svg,
        });
    }

    /// Pictures that lie beside the page: file and caption.
    pub(crate) fn pictures(&mut self, pictures: Vec<(String, String)>) {
        let pictures = pictures.into_iter().map(|(file, caption)| Picture {
            file,
            caption,
            link: None,
        });
        self.push_pictures(pictures.collect());
    }

    /// The same with where each leads: file, caption and link.
    pub(crate) fn linked_pictures(&mut self, pictures: Vec<(String, String, String)>) {
        let pictures = pictures.into_iter().map(|(file, caption, link)| Picture {
            file,
            caption,
            link: Some(link),
        });
        self.push_pictures(pictures.collect());
    }

    fn push_pictures(&mut self, pictures: Vec<Picture>) {
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
                Block::Pictures(pictures) => parts.extend(pictures.iter().map(|picture| {
                    let (file, caption) = (escape(&picture.file), escape(&picture.caption));
                    let image = format!("<img src=\"{file}\" alt=\"{caption}\">");
                    let image = match &picture.link {
                        Some(link) => format!("<a href=\"{}\">{image}</a>", escape(link)),
                        None => image,
                    };
                    format!("<figure>{image}<figcaption>{caption}</figcaption></figure>\n")
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
                    parts.extend(pictures.iter().map(|Picture { file, caption, link }| match link {
                        Some(link) => format!("[![{caption}]({file})]({link})\n"),
                        None => format!("![{caption}]({file})\n"),
                    }));
                }
            }
        }
        parts.concat()
    }

    /// Writes `index.html`, `report.md` and the plots; the first two are returned.
    pub(crate) fn write(&self, dir: &Path) -> Result<[PathBuf; 2], Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error::io("make the folder", dir, source))?;
        for block in &self.blocks {
            if let Block::Plot { file, svg, .. } = block {
                write_atomic(&dir.join(file), svg.as_bytes())?;
            }
        }
        let (html, markdown) = (dir.join("index.html"), dir.join("report.md"));
        write_atomic(&html, self.html().as_bytes())?;
        write_atomic(&markdown, self.markdown().as_bytes())?;
        Ok([html, markdown])
    }
}

/// Text that means itself in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number with four digits, or a dash.
pub(crate) fn digits(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

/// A picture made small as JPEG, with the outlines of boxes (px of the picture as it was); `None` for what is no picture.
pub(crate) fn thumbnail(bytes: &[u8], boxes: &[BBox], width: u32) -> Option<Vec<u8>> {
    let image = image::load_from_memory(bytes).ok()?;
    let scale = f64::from(width) / f64::from(image.width().max(1));
    let height = (f64::from(image.height()) * scale).round().max(1.0) as u32;
    let mut small = image
        .resize_exact(width, height, image::imageops::FilterType::Triangle)
        .to_rgb8();
    for b in boxes {
        let b = BBox::new(b.x_min * scale, b.y_min * scale, b.x_max * scale, b.y_max * scale);
        frame_box(&mut small, b);
    }
    let mut jpeg = std::io::Cursor::new(Vec::new());
    small.write_to(&mut jpeg, image::ImageFormat::Jpeg).ok()?;
    Some(jpeg.into_inner())
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
