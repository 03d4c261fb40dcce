//! Objects in space to be drawn: labels and predictions about the ego, and as a camera sees them.

use guideway_core::{BBox, Camera, Cuboid, Se3};
use guideway_eval::events::EventKind;
use guideway_schema::{EventRow, FrameRow, PredictedCuboidRow};

use super::{Around, Moment};

/// An object in space.
pub(super) struct Solid {
    /// In the ego frame at the stamp of its frame.
    pub(super) cuboid: Cuboid,
    pub(super) what: What,
    pub(super) is_wrong: bool,
    pub(super) text: String,
    /// Width of its lines.
    pub(super) thick: f64,
}

/// Lines of what is wrong, of labels that predictions may hide, and of all else.
const WRONG: f64 = 2.5;
const BELOW: f64 = 2.2;
const PLAIN: f64 = 1.0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Label,
    /// A label that is to be ignored.
    Ignored,
    Prediction,
}

impl Solid {
    pub(super) fn colour(&self) -> &'static str {
        match self.what {
            _ if self.is_wrong => "#ff4d4d",
            What::Label => "#3ddc84",
            What::Ignored => "#888",
            What::Prediction => "#4fa3ff",
        }
    }
}

/// How a camera sees the ego frame of another frame's stamp.
pub(super) struct View {
    camera: Camera,
    camera_from_ego: Se3,
}

impl View {
    pub(super) fn bounds(&self, cuboid: &Cuboid) -> Option<BBox> {
        cuboid.project(&self.camera, self.camera_from_ego)
    }

    /// Lines, px.
    pub(super) fn edges(&self, cuboid: &Cuboid) -> Vec<Vec<[f64; 2]>> {
        cuboid.project_edges(&self.camera, self.camera_from_ego)
    }
}

/// Is the label what a mistake shows, not the prediction? A miss has at most a prediction that nobody would have shown.
fn is_about_label(row: &EventRow) -> bool {
    row.kind == EventKind::Miss.name()
}

impl Around {
    /// What a calibrated camera sees of objects about the ego at the stamp of `lead`. The ego moves between the two stamps, if anybody knows how.
    pub(super) fn view(&self, frame: &FrameRow, lead: &FrameRow) -> Option<View> {
        let camera = self.placement.camera(&frame.sensor_id)?;
        let camera_from_ego = self.placement.ego_from_sensor(&frame.sensor_id)?.inverse();
        let pose = |frame: &FrameRow| self.placement.world_from_ego(frame.into());
        let now_from_then = pose(frame)
            .zip(pose(lead))
            .map_or(Se3::IDENTITY, |(now, then)| now.inverse() * then);
        Some(View {
            camera,
            camera_from_ego: camera_from_ego * now_from_then,
        })
    }

    /// The labels and predictions of a frame, what is wrong last: it lies above the others.
    pub(super) fn solids(&self, frame: &FrameRow) -> Vec<Solid> {
        let mut solids: Vec<Solid> = self.labelled(frame).map(|(_, solid)| solid).collect();
        solids.extend(self.predicted(frame));
        solids.sort_by_key(|solid| solid.is_wrong);
        solids
    }

    /// What is drawn from above: the labels of a sweep and of the pictures about it, and where the mistake is about space, the predictions of the frame that saw it.
    pub(super) fn solids_above(&self, moment: &Moment, sweep: &FrameRow) -> Vec<Solid> {
        if self.in_space {
            return self.solids(&self.frames[moment.lead]);
        }
        // What several sensors see is drawn once.
        let mut drawn: Vec<String> = Vec::new();
        let mut solids = Vec::new();
        for seen in std::iter::once(sweep).chain(moment.cameras.iter().map(|camera| &self.frames[*camera])) {
            for (key, solid) in self.labelled(seen) {
                if !drawn.contains(&key) {
                    drawn.push(key);
                    solids.push(solid);
                }
            }
        }
        solids
    }

    /// The labels of a frame with their identities.
    fn labelled<'a>(&'a self, frame: &'a FrameRow) -> impl Iterator<Item = (String, Solid)> + 'a {
        let wrong_track = self.detail.event.track_id.as_deref();
        let labels = self.labels.get(&frame.frame_id).into_iter().flatten();
        labels.filter_map(move |label| {
            let cuboid = self.cuboid_in_ego(label, frame)?;
            let named = self
                .wrong(frame)
                .find(|row| row.label_id.as_deref() == Some(label.label_id.as_str()));
            let is_wrong = if self.in_space {
                named.is_some_and(is_about_label)
            } else {
                let track = label.track_id.as_deref();
                named.is_some() || track.is_some_and(|track| Some(track) == wrong_track)
            };
            let is_ignored = label.is_ignored || label.is_crowd;
            let text = match named.filter(|row| self.in_space && is_about_label(row)) {
                Some(row) => format!("{} {}", row.kind.replace('_', " "), label.class),
                None if is_ignored => String::new(),
                None => label.class.clone(),
            };
            let solid = Solid {
                cuboid,
                what: if is_ignored && self.in_space {
                    What::Ignored
                } else {
                    What::Label
                },
                is_wrong,
                text,
                thick: match (is_wrong, self.in_space) {
                    (true, _) => WRONG,
                    (false, true) => BELOW,
                    (false, false) => PLAIN,
                },
            };
            let key = label.track_id.clone().unwrap_or_else(|| label.label_id.clone());
            Some((key, solid))
        })
    }

    /// The predictions of a frame.
    fn predicted<'a>(&'a self, frame: &'a FrameRow) -> impl Iterator<Item = Solid> + 'a {
        let found = self.cuboids.get(&frame.frame_id).into_iter().flatten();
        found.filter_map(move |row: &PredictedCuboidRow| {
            let cuboid = (row.cuboid.as_slice(), row.cuboid_frame.as_str());
            let wrong = self
                .wrong(frame)
                .find(|wrong| wrong.prediction_id.as_deref() == Some(row.prediction_id.as_str()))
                .filter(|wrong| !is_about_label(wrong));
            let what = format!("{} {:.2}", row.class, row.score);
            Some(Solid {
                cuboid: self.placement.cuboid_in_ego(cuboid, frame.into())?,
                what: What::Prediction,
                is_wrong: wrong.is_some(),
                text: match wrong {
                    Some(wrong) => format!("{} {what}", wrong.kind.replace('_', " ")),
                    None => what,
                },
                thick: if wrong.is_some() { WRONG } else { PLAIN },
            })
        })
    }
}
