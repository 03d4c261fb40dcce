//! A mistake as a page: HTML with everything in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guideway_core::{BBox, DVec3};
use guideway_eval::events::EventKind;
use guideway_ingest::media::Media;
use guideway_schema::{EventRow, FrameRow};
use image::{ImageFormat, Rgb, RgbImage};

use super::{Around, Moment, OpenedEvent};
use crate::error::Error;
use crate::page::escape;
use crate::plot::{LinePlot, Series};

/// Width and height of the view from above, px, and what it shows to each side, m.
const ABOVE_PX: u32 = 480;
const ABOVE_M: f64 = 60.0;
/// Objects in space have their names in a picture from this height on, px of 900 across.
const NAMED_PX: f64 = 40.0;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:1.2em auto;max-width:1280px;padding:0 1em;background:#16181c;color:#e6e6e6}\
h1{font-size:1.35em}table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}th{color:#9aa4b2;font-weight:500}\
section{display:none}section.on{display:flex;flex-wrap:wrap;gap:.6em}figure{margin:0;flex:1 1 400px;max-width:100%}section.one figure.camera{flex-basis:700px}\
figcaption{font-size:12px;color:#9aa4b2}svg{width:100%;height:auto;background:#000}.plot svg{background:#fff;max-width:760px}\
.bar{display:flex;gap:.8em;align-items:center;margin:.8em 0}input{flex:1}button{font:inherit;padding:.2em .9em}\
.key span{margin-right:1.2em}.key i{display:inline-block;width:1.1em;height:.7em;margin-right:.4em;border:2px solid}";

const SCRIPT: &str = "const all=[...document.querySelectorAll('section')],bar=document.getElementById('at'),play=document.getElementById('play');\
let timer=null;function show(i){all.forEach((s,k)=>s.classList.toggle('on',k==i));bar.value=i}\
bar.oninput=()=>show(+bar.value);play.onclick=()=>{if(timer){clearInterval(timer);timer=null;play.textContent='▶'}else{play.textContent='❚❚';\
timer=setInterval(()=>show((+bar.value+1)%all.length),STEP)}};\
document.onkeydown=e=>{const d={ArrowLeft:-1,ArrowRight:1}[e.key];if(d){show(Math.min(all.length-1,Math.max(0,+bar.value+d)));e.preventDefault()}};";

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        if write!($out, $($text)*).is_err() {
            unreachable!("a string takes all text");
        }
    };
}

pub(super) fn write(
    around: &Around,
    moments: &[Moment],
    media: &BTreeMap<usize, Media>,
    opened: &mut OpenedEvent,
) -> Result<String, Error> {
    let event = &around.detail.event;
    let what = event
        .class
        .as_deref()
        .or(event.predicted_class.as_deref())
        .unwrap_or("object");
    let title = format!("{}: {what}", event.kind.replace('_', " "));
    let mut html = String::new();
    put!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style>\
         <noscript><style>section{{display:flex}}</style></noscript></head>\n<body>\n<h1>{0}</h1>\n<table>\n",
        escape(&title)
    );
    for (name, value) in facts(around) {
        put!(html, "<tr><th>{name}</th><td>{}</td></tr>\n", escape(&value));
    }
    html.push_str(
        "</table>\n<p class=\"key\"><span><i style=\"border-color:#3ddc84\"></i>label</span><span><i style=\"border-color:#4fa3ff\"></i>prediction</span>\
         <span><i style=\"border-color:#ff4d4d\"></i>what is wrong</span></p>\n",
    );
    let worst = moments.iter().position(|moment| moment.is_worst).unwrap_or(0);
    if moments.len() > 1 {
        put!(
            html,
            "<div class=\"bar\"><button id=\"play\">▶</button><input id=\"at\" type=\"range\" min=\"0\" max=\"{}\" value=\"{worst}\"></div>\n",
            moments.len() - 1
        );
    }
    for (at, moment) in moments.iter().enumerate() {
        let alone = if moment.cameras.len() == 1 { " one" } else { "" };
        let on = if at == worst { " on" } else { "" };
        put!(html, "<section class=\"moment{alone}{on}\">\n");
        for camera in &moment.cameras {
            picture(&mut html, around, (moment, *camera), media.get(camera), opened);
        }
        match moment.sweep.and_then(|at| Some((at, media.get(&at)?))) {
            Some((sweep, media)) => from_above(&mut html, around, (moment, sweep), Some(media), opened)?,
            // Objects in space have their places without a sweep, too.
            None if around.in_space => from_above(&mut html, around, (moment, moment.lead), None, opened)?,
            None => {}
        }
        html.push_str("</section>\n");
    }
    if let Some(plot) = speed(around, moments)? {
        put!(html, "<div class=\"plot\">{plot}</div>\n");
    }
    if moments.len() > 1 {
        put!(
            html,
            "<script>{}</script>\n",
            SCRIPT.replace("STEP", &step_ms(moments).to_string())
        );
    }
    html.push_str("</body></html>\n");
    Ok(html)
}

fn seconds(around: &Around, stamp_ns: Option<i64>) -> Option<f64> {
    Some((stamp_ns? - around.detail.event.start_ns?) as f64 / 1e9)
}

/// Milliseconds from one moment to the next, as they were driven.
fn step_ms(moments: &[Moment]) -> i64 {
    let stamp = |moment: Option<&Moment>| moment.and_then(|moment| moment.stamp_ns).unwrap_or(0);
    let span = stamp(moments.last()) - stamp(moments.first());
    (span / 1_000_000 / (moments.len() as i64 - 1).max(1)).clamp(40, 1000)
}

fn facts(around: &Around) -> Vec<(&'static str, String)> {
    let detail = &around.detail;
    let event = &detail.event;
    let mut facts = vec![
        ("event", event.mistake_id.clone()),
        ("model", format!("{} on {}", detail.model, detail.on)),
        ("recording", format!("{} ({})", detail.recording, detail.uri)),
        ("severity", format!("{:.2}", event.severity)),
    ];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    let lasted = |start: i64, end: i64| {
        format!(
            "{:.1} s in {} frames, from {start} to {end} ns",
            (end - start) as f64 / 1e9,
            event.frames
        )
    };
    add(
        "time",
        event.start_ns.zip(event.end_ns).map(|(start, end)| lasted(start, end)),
    );
    add("cause", event.cause.clone().map(|cause| cause.replace(',', ", ")));
    add("predicted as", event.predicted_class.clone());
    add("track", event.track_id.clone());
    add("distance", event.distance_m.map(|metres| format!("{metres:.1} m")));
    add("time to collision", event.ttc_s.map(|ttc| format!("{ttc:.1} s")));
    add(
        "in the ego's way",
        event
            .in_path
            .map(|in_path| if in_path { "yes" } else { "no" }.to_owned()),
    );
    facts
}

/// What is wrong in a picture, px: an object that was missed, or else what was predicted.
pub(super) fn outline(wrong: &EventRow) -> Option<BBox> {
    let labelled = <[f64; 4]>::try_from(wrong.label_box.as_slice());
    let predicted = <[f64; 4]>::try_from(wrong.predicted_box.as_slice());
    // A miss has at most a prediction that nobody would have shown.
    let corners = if wrong.kind == EventKind::Miss.name() {
        labelled
    } else {
        predicted.or(labelled)
    };
    let [x_min, y_min, x_max, y_max] = corners.ok()?;
    Some(BBox::new(x_min, y_min, x_max, y_max))
}

/// A camera's picture with its boxes.
fn picture(
    html: &mut String,
    around: &Around,
    (moment, at): (&Moment, usize),
    media: Option<&Media>,
    opened: &mut OpenedEvent,
) {
    let frame = &around.frames[at];
    let caption = match seconds(around, frame.timestamp_ns) {
        Some(time) => format!("{} {time:+.2} s", around.sensor_name(frame)),
        None => frame.name.clone(),
    };
    let size = |known: Option<u32>, told: Option<i64>| known.map(f64::from).or(told.map(|size| size as f64));
    let found = media.filter(|media| media.media_type.starts_with("image/"));
    let (Some(media), Some(width), Some(height)) = (
        found,
        size(found.and_then(|media| media.width), frame.width),
        size(found.and_then(|media| media.height), frame.height),
    ) else {
        let why = media.map_or("not readable", |media| media.media_type.as_str());
        put!(
            html,
            "<figure class=\"camera\"><figcaption>{} ({} cannot be shown)</figcaption></figure>\n",
            escape(&caption),
            escape(why)
        );
        return;
    };
    opened.pictures += 1;
    put!(
        html,
        "<figure class=\"camera\"><svg viewBox=\"0 0 {width} {height}\"><image width=\"{width}\" height=\"{height}\" href=\"data:{};base64,{}\"/>",
        escape(&media.media_type),
        STANDARD.encode(&media.bytes)
    );
    // Lines and letters keep their size on the screen, whatever the picture's.
    let unit = width / 900.0;
    if around.in_space {
        solids(html, around, (moment, frame), unit);
        put!(html, "</svg><figcaption>{}</figcaption></figure>\n", escape(&caption));
        return;
    }
    let mut draw = |corners: [f64; 4], colour: &str, thick: f64, text: &str| {
        let [x_min, y_min, x_max, y_max] = corners;
        put!(
            html,
            "<rect x=\"{x_min:.1}\" y=\"{y_min:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{:.1}\"/>",
            (x_max - x_min).max(0.0),
            (y_max - y_min).max(0.0),
            thick * unit
        );
        if !text.is_empty() {
            put!(
                html,
                "<text x=\"{x_min:.1}\" y=\"{:.1}\" fill=\"{colour}\" font-size=\"{:.1}\" font-family=\"sans-serif\">{}</text>",
                (y_min - 3.0 * unit).max(11.0 * unit),
                12.0 * unit,
                escape(text)
            );
        }
    };
    for label in around.labels.get(&frame.frame_id).into_iter().flatten() {
        if let (Some(x_min), Some(y_min), Some(x_max), Some(y_max)) =
            (label.x_min, label.y_min, label.x_max, label.y_max)
        {
            let ignored = label.is_ignored || label.is_crowd;
            let (colour, text) = if ignored {
                ("#888", "")
            } else {
                ("#3ddc84", label.class.as_str())
            };
            draw([x_min, y_min, x_max, y_max], colour, 1.2, text);
        }
    }
    for found in around.predictions.get(&frame.frame_id).into_iter().flatten() {
        let corners = [found.x_min, found.y_min, found.x_max, found.y_max];
        draw(corners, "#4fa3ff", 1.2, &format!("{} {:.2}", found.class, found.score));
    }
    for wrong in around.wrong(frame) {
        if let Some(b) = outline(wrong) {
            let corners = [b.x_min, b.y_min, b.x_max, b.y_max];
            draw(corners, "#ff4d4d", 3.0, &wrong.kind.replace('_', " "));
        }
    }
    put!(html, "</svg><figcaption>{}</figcaption></figure>\n", escape(&caption));
}

/// Objects in space as a camera sees them.
fn solids(html: &mut String, around: &Around, (moment, frame): (&Moment, &FrameRow), unit: f64) {
    let lead = &around.frames[moment.lead];
    let Some(view) = around.view(frame, lead) else {
        return;
    };
    for solid in around.solids(lead) {
        // What the camera does not see has edges elsewhere.
        let Some(bounds) = view.bounds(&solid.cuboid) else {
            continue;
        };
        for line in view.edges(&solid.cuboid) {
            let points: Vec<String> = line.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
            put!(
                html,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.1}\"/>",
                points.join(" "),
                solid.colour(),
                solid.thick * unit
            );
        }
        // Names of all that is far away would hide it.
        let is_tall = bounds.y_max - bounds.y_min >= NAMED_PX * unit;
        if !solid.text.is_empty() && (solid.is_wrong || is_tall) {
            put!(
                html,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\" font-size=\"{:.1}\" font-family=\"sans-serif\">{}</text>",
                bounds.x_min,
                (bounds.y_min - 3.0 * unit).max(11.0 * unit),
                solid.colour(),
                12.0 * unit,
                escape(&solid.text)
            );
        }
    }
}

/// The points of a sweep as a picture from above, PNG.
pub(super) fn sweep_picture(around: &Around, frame: &FrameRow, media: &Media) -> Result<Option<Vec<u8>>, Error> {
    let unreadable = |err: &dyn std::fmt::Display| Error::corrupt(format!("the sweep {}", frame.name), err);
    let Some(points) = media.points().map_err(|err| unreadable(&err))? else {
        return Ok(None);
    };
    let ego_from_sensor = around.placement.ego_from_sensor(&frame.sensor_id);
    let mut above = RgbImage::new(ABOVE_PX, ABOVE_PX);
    for [x, y, z] in points {
        let point = DVec3::new(x.into(), y.into(), z.into());
        let point = ego_from_sensor.map_or(point, |pose| pose.transform_point(point));
        let [column, row] = pixel_above(point);
        if column >= 0.0 && row >= 0.0 && column < f64::from(ABOVE_PX) && row < f64::from(ABOVE_PX) {
            // from blue on the ground to yellow above the cars
            let high = ((point.z + 0.5) / 3.0).clamp(0.0, 1.0);
            let colour = Rgb([
                (60.0 + 195.0 * high) as u8,
                (110.0 + 120.0 * high) as u8,
                (230.0 - 180.0 * high) as u8,
            ]);
            above.put_pixel(column as u32, row as u32, colour);
        }
    }
    let mut png = Vec::new();
    above
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|err| unreadable(&err))?;
    Ok(Some(png))
}

/// Where a point of the ego frame is in the view from above, px.
pub(super) fn pixel_above(point: DVec3) -> [f64; 2] {
    let scale = f64::from(ABOVE_PX) / (2.0 * ABOVE_M);
    [(ABOVE_M - point.y) * scale, (ABOVE_M - point.x) * scale]
}

/// A sweep from above: x of the ego is up, y is left.
fn from_above(
    html: &mut String,
    around: &Around,
    (moment, at): (&Moment, usize),
    media: Option<&Media>,
    opened: &mut OpenedEvent,
) -> Result<(), Error> {
    let frame = &around.frames[at];
    let png = media
        .map(|media| sweep_picture(around, frame, media))
        .transpose()?
        .flatten();
    if png.is_none() && !around.in_space {
        return Ok(());
    }
    put!(html, "<figure><svg viewBox=\"0 0 {ABOVE_PX} {ABOVE_PX}\">");
    if let Some(png) = png {
        opened.sweeps += 1;
        put!(
            html,
            "<image width=\"{ABOVE_PX}\" height=\"{ABOVE_PX}\" href=\"data:image/png;base64,{}\"/>",
            STANDARD.encode(&png)
        );
    }
    let middle = f64::from(ABOVE_PX) / 2.0;
    // The ego, nose up.
    put!(
        html,
        "<path d=\"M{middle} {:.1}l5 12h-10z\" fill=\"#fff\"/>",
        middle - 6.0
    );
    for solid in around.solids_above(moment, frame) {
        let bev = solid.cuboid.bev();
        let shown = |[x, y]: [f64; 2]| {
            let [column, row] = pixel_above(DVec3::new(x, y, 0.0));
            format!("{column:.1},{row:.1}")
        };
        put!(
            html,
            "<polygon points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>",
            bev.corners().map(shown).join(" "),
            solid.colour(),
            solid.thick
        );
        if solid.is_wrong && !solid.text.is_empty() {
            let [column, row] = pixel_above(solid.cuboid.center);
            put!(
                html,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\" font-size=\"11\" font-family=\"sans-serif\">{}</text>",
                column + 8.0,
                row - 8.0,
                solid.colour(),
                escape(&solid.text)
            );
        }
    }
    put!(
        html,
        "</svg><figcaption>{} from above, {ABOVE_M} m to each side</figcaption></figure>\n",
        escape(around.sensor_name(frame))
    );
    Ok(())
}

/// The ego's speed around the mistake.
fn speed(around: &Around, moments: &[Moment]) -> Result<Option<String>, Error> {
    let event = &around.detail.event;
    let points: Vec<(i64, f64, f64)> = moments
        .iter()
        .filter_map(|moment| {
            let stamp = moment.stamp_ns?;
            Some((
                stamp,
                seconds(around, Some(stamp))?,
                around.placement.path.motion(stamp)?.speed_mps,
            ))
        })
        .collect();
    if points.len() < 2 {
        return Ok(None);
    }
    let within =
        |stamp: i64| event.start_ns.is_some_and(|start| stamp >= start) && event.end_ns.is_some_and(|end| stamp <= end);
    let plot = LinePlot {
        title: "Ego speed".to_owned(),
        x_label: "s since the event began".to_owned(),
        y_label: "m/s".to_owned(),
        y_range: Some((0.0, points.iter().map(|(.., speed)| *speed).fold(5.0, f64::max) * 1.1)),
        series: vec![
            Series {
                name: "speed".to_owned(),
                points: points.iter().map(|(_, at, speed)| (*at, *speed)).collect(),
                band: Vec::new(),
            },
            Series {
                name: "during the event".to_owned(),
                points: points
                    .iter()
                    .filter(|(stamp, ..)| within(*stamp))
                    .map(|(_, at, speed)| (*at, *speed))
                    .collect(),
                band: Vec::new(),
            },
        ],
    };
    Ok(Some(plot.to_svg()?))
}
