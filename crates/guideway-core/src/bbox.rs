//! Axis-aligned boxes in an image, in pixels.

/// A box in pixels: `x` right, `y` down, the origin at the upper left corner of the upper left pixel.
///
/// Edges are continuous coordinates: a box that covers exactly the first pixel is `(0, 0)–(1, 1)` and has area 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct BBox {
    /// Left edge, px.
    pub x_min: f64,
    /// Upper edge, px.
    pub y_min: f64,
    /// Right edge, px.
    pub x_max: f64,
    /// Lower edge, px.
    pub y_max: f64,
}

impl BBox {
    /// From two corners.
    pub fn new(x_min: f64, y_min: f64, x_max: f64, y_max: f64) -> Self {
        Self {
            x_min,
            y_min,
            x_max,
            y_max,
        }
    }

    /// From the upper left corner and the size, as COCO writes boxes.
    pub fn from_xywh(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self::new(x, y, x + w, y + h)
    }

    /// From the centre and the size, as YOLO writes boxes (after scaling to pixels).
    pub fn from_cxcywh(cx: f64, cy: f64, w: f64, h: f64) -> Self {
        Self::new(cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0)
    }

    /// `[x, y, width, height]`.
    pub fn to_xywh(self) -> [f64; 4] {
        [self.x_min, self.y_min, self.width(), self.height()]
    }

    /// Width in px; negative for a box that is inside out.
    pub fn width(self) -> f64 {
        self.x_max - self.x_min
    }

    /// Height in px; negative for a box that is inside out.
    pub fn height(self) -> f64 {
        self.y_max - self.y_min
    }

    /// Area in px²; 0 for a box that is inside out.
    pub fn area(self) -> f64 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Centre, px.
    pub fn center(self) -> [f64; 2] {
        [
            f64::midpoint(self.x_min, self.x_max),
            f64::midpoint(self.y_min, self.y_max),
        ]
    }

    /// Finite, and wider and higher than nothing.
    pub fn is_valid(self) -> bool {
        [self.x_min, self.y_min, self.x_max, self.y_max]
            .iter()
            .all(|v| v.is_finite())
            && self.width() > 0.0
            && self.height() > 0.0
    }

    /// Area that both boxes cover, px².
    pub fn intersection_area(self, other: Self) -> f64 {
        let w = self.x_max.min(other.x_max) - self.x_min.max(other.x_min);
        let h = self.y_max.min(other.y_max) - self.y_min.max(other.y_min);
        if w > 0.0 && h > 0.0 { w * h } else { 0.0 }
    }

    /// Intersection over union; 0 when both are empty.
    ///
    /// ```
    /// use guideway_core::BBox;
    /// let a = BBox::from_xywh(0.0, 0.0, 2.0, 2.0);
    /// let b = BBox::from_xywh(1.0, 0.0, 2.0, 2.0);
    /// assert!((a.iou(b) - 1.0 / 3.0).abs() < 1e-12);
    /// ```
    pub fn iou(self, other: Self) -> f64 {
        let inter = self.intersection_area(other);
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }

    /// The part inside an image of this size.
    #[must_use]
    pub fn clip(self, width: f64, height: f64) -> Self {
        Self::new(
            self.x_min.clamp(0.0, width),
            self.y_min.clamp(0.0, height),
            self.x_max.clamp(0.0, width),
            self.y_max.clamp(0.0, height),
        )
    }
}
