//! Embeddings as rows of one array.

use crate::error::{MineError, finite};

/// The most rows that a selection takes: row numbers have 32 bits.
const MOST: usize = u32::MAX as usize - 1;

/// Vectors of one length, borrowed, row after row. All values are finite.
///
/// ```
/// use guideway_mine::Points;
/// let points = Points::new(&[0.0, 0.0, 3.0, 4.0], 2)?;
/// assert_eq!((points.len(), points.row(1)), (2, [3.0, 4.0].as_slice()));
/// assert_eq!(points.distance2(0, 1), 25.0);
/// assert!(Points::new(&[1.0, 2.0, 3.0], 2).is_err());
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Points<'a> {
    /// Rows of `width` values.
    ///
    /// # Errors
    /// [`MineError::Parameter`] for a width of 0, [`MineError::Length`] for a last row that is not whole,
    /// [`MineError::NotFinite`], [`MineError::TooManyRows`].
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, MineError> {
        if width == 0 {
            return Err(MineError::Parameter {
                parameter: "width",
                value: "0".to_owned(),
                allowed: "1 and more",
            });
        }
        let rows = values.len() / width;
        if rows * width != values.len() {
            return Err(MineError::Length {
                what: "points",
                expected: (rows + 1) * width,
                got: values.len(),
            });
        }
        if rows > MOST {
            return Err(MineError::TooManyRows { rows, limit: MOST });
        }
        finite("points", values, width)?;
        Ok(Self { values, width })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// No rows at all?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// All values, row after row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The square of the Euclidean distance of two rows, always summed in the same order.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn distance2(&self, a: usize, b: usize) -> f32 {
        crate::distance::squared(self.row(a), self.row(b))
    }
}

/// Rows scaled to length 1, for which Euclidean distance orders pairs as the cosine does: `|a − b|² = 2 − 2·cos(a, b)`.
/// Rows of zeros stay.
pub fn unit_rows(points: &Points<'_>) -> Vec<f32> {
    let mut out = Vec::with_capacity(points.values.len());
    for row in points.values.chunks_exact(points.width) {
        let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        out.extend(row.iter().map(|v| (f64::from(*v) * scale) as f32));
    }
    out
}
