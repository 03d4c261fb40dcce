//! A mistake as one small picture.

use std::collections::BTreeMap;

use guideway_core::{BBox, DVec3};
use guideway_ingest::media::Media;
use guideway_schema::FrameRow;

use super::page::{outline, pixel_above, sweep_picture};
use super::{Around, Moment};
use crate::page::thumbnail;

impl Around {
    /// The worst moment with what is wrong outlined, JPEG. Objects in space are shown by the camera that sees them largest, and where none does, from above.
    /// `None` where no picture can be read.
    pub(super) fn small(&self, moments: &[Moment], media: &BTreeMap<usize, Media>, width: u32) -> Option<Vec<u8>> {
        let moment = moments.iter().find(|moment| moment.is_worst)?;
        let lead = &self.frames[moment.lead];
        if !self.in_space {
            let boxes: Vec<BBox> = self.wrong(lead).filter_map(outline).collect();
            return thumbnail(&media.get(&moment.lead)?.bytes, &boxes, width);
        }
        let seen = moment
            .cameras
            .iter()
            .filter_map(|at| Some((media.get(at)?, self.largest(&self.frames[*at], lead)?)))
            // Of equals the first.
            .rev()
            .max_by(|(_, a), (_, b)| a.area().total_cmp(&b.area()));
        seen.and_then(|(media, bounds)| thumbnail(&media.bytes, &[bounds], width))
            .or_else(|| self.small_from_above(moment, media, width))
    }

    /// Around the largest of what is wrong that a camera sees, px.
    fn largest(&self, frame: &FrameRow, lead: &FrameRow) -> Option<BBox> {
        let view = self.view(frame, lead)?;
        let wrong = self.solids(lead).into_iter().filter(|solid| solid.is_wrong);
        wrong
            .filter_map(|solid| view.bounds(&solid.cuboid))
            .max_by(|a, b| a.area().total_cmp(&b.area()))
    }

    fn small_from_above(&self, moment: &Moment, media: &BTreeMap<usize, Media>, width: u32) -> Option<Vec<u8>> {
        let at = moment.sweep?;
        let png = sweep_picture(self, &self.frames[at], media.get(&at)?).ok().flatten()?;
        let solids = self.solids_above(moment, &self.frames[at]);
        let boxes: Vec<BBox> = solids
            .iter()
            .filter(|solid| solid.is_wrong)
            .filter_map(|solid| {
                let corners = solid.cuboid.bev().corners();
                let shown = corners.map(|[x, y]| pixel_above(DVec3::new(x, y, 0.0)));
                shown
                    .map(|[x, y]| BBox::new(x, y, x, y))
                    .into_iter()
                    .reduce(|a, b| BBox {
                        x_min: a.x_min.min(b.x_min),
                        y_min: a.y_min.min(b.y_min),
                        x_max: a.x_max.max(b.x_max),
                        y_max: a.y_max.max(b.y_max),
                    })
            })
            .collect();
        thumbnail(&png, &boxes, width)
    }
}
